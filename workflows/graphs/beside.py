"""A float layer of an imported network beside its integer layer, step by step on one image."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ipvae.errors import InputError
from ipvae.export.graphs.paths import merged
from ipvae.export.graphs.scaled_neurons import potential_range
from ipvae.float_models.nir_graph.model import FloatTrace, NirModel
from ipvae.network.description import IntNetwork
from ipvae.network.network import Network
from ipvae.network.traces.selection import Record
from ipvae.workflows.graphs.calibration import given_images, on_grid
from ipvae.workflows.graphs.comparison import LayerComparison, compare_spikes
from ipvae.workflows.graphs.imported import SpikingModel, in_steps, load_graph
from ipvae.workflows.graphs.relu import is_relu
from ipvae.workflows.kinds.running import run
from ipvae.workflows.results import Result, Table, json_data

COLUMNS = ["step", "float v", "integer v", "float z", "integer z", "different z", "most v apart"]


@dataclass(frozen=True, eq=False, repr=False)
class LayerTrace(Result):
    """Potentials and spikes of one layer in float and in integers, on one image.

    Attributes
    ----------
    layer, node : str
    image : int
    unit : int
        Units of the integer voltage for the distance from reset to threshold.
    real_voltage : (steps, n) float64
        Float potentials on the grid of the integers.
    integer_voltage : (steps, n) int64
    real_spikes, integer_spikes : (steps, n)
    first : dict or None
        First different message of the layer: step, neuron, float, integer.
    layers : tuple of LayerComparison
        All layers that spike, on this image.
    """

    layer: str
    node: str
    image: int
    unit: int
    real_voltage: np.ndarray
    integer_voltage: np.ndarray
    real_spikes: np.ndarray
    integer_spikes: np.ndarray
    first: dict[str, Any] | None
    layers: tuple[LayerComparison, ...]

    @property
    def same(self) -> bool:
        """True if the layer sends the same messages in every step."""
        return self.first is None

    @property
    def neuron(self) -> int:
        """Neuron of the first different message; else of the largest difference of potentials."""
        if self.first is not None:
            return self.first["neuron"]
        return int(self.distance.max(axis=0).argmax())

    @property
    def distance(self) -> np.ndarray:
        """Difference of the potentials in units of the integers: (steps, n) float64."""
        return np.abs(self.real_voltage - self.integer_voltage)

    @property
    def distance_before(self) -> float:
        """Largest difference of the potentials before the first different message."""
        end = None if self.first is None else self.first["step"]
        return float(self.distance[:end].max(initial=0.0))

    def rows(self) -> list[tuple[str, str]]:
        """Return the main figures: pairs of name and text."""
        first = "none: all spikes are equal"
        if self.first is not None:
            first = (
                f"step {self.first['step']}, neuron {self.first['neuron']}: float "
                f"{self.first['float']:g}, integer {self.first['integer']:g}"
            )
        share = self.distance_before / self.unit
        layers = ", ".join(
            f"{one.node} {'none' if one.first_step is None else one.first_step}"
            for one in self.layers
        )
        return [
            ("layer", f"{self.layer} (node {self.node})"),
            ("first different spike", first),
            (
                "largest difference of v before",
                f"{self.distance_before:.4g} ({share:.2%} of a threshold)",
            ),
            ("first different step of each layer", layers),
        ]

    def shown(self, first: str = "first", second: str = "second") -> list[Table | str]:
        """Return the figures, then one row for each step."""
        n, different = self.neuron, self.real_spikes != self.integer_spikes
        rows = [
            [
                str(step),
                f"{self.real_voltage[step, n]:.1f}",
                str(self.integer_voltage[step, n]),
                f"{self.real_spikes[step, n]:g}",
                str(self.integer_spikes[step, n]),
                str(int(different[step].sum())),
                f"{self.distance[step].max():.1f}",
            ]
            for step in range(len(different))
        ]
        head = [[name, text] for name, text in self.rows()]
        title = f"neuron {n}, image {self.image}; a threshold is {self.unit} units of v"
        tables: list[Table | str] = [Table(f"{first} beside {second}", ["", ""], head)]
        return [*tables, Table(title, COLUMNS, rows)]

    def to_json(self) -> dict[str, Any]:
        """Return JSON data, with the keys of `ipvae diff --trace --json`."""
        n = self.neuron
        return json_data(
            {
                "same": self.same,
                "layer": self.layer,
                "node": self.node,
                "image": self.image,
                "neuron": n,
                "unit": self.unit,
                "first": self.first,
                "distance_before": self.distance_before,
                "real_voltage": self.real_voltage[:, n].tolist(),
                "integer_voltage": self.integer_voltage[:, n].tolist(),
                "real_spikes": self.real_spikes[:, n].tolist(),
                "integer_spikes": self.integer_spikes[:, n].tolist(),
                "different": (self.real_spikes != self.integer_spikes).sum(axis=1).tolist(),
                "layers": [vars(one) for one in self.layers],
            }
        )


def lay_beside(
    model: SpikingModel | str | Path,
    network: Network | IntNetwork,
    images: Any,
    image: int = 0,
    layer: str | None = None,
) -> LayerTrace:
    """Run one image in float and in integers, and compare a layer step by step.

    Parameters
    ----------
    model : SpikingModel, or its folder
    network : Network
        That `ipvae.quantize` made of the model.
    images : array or path of an .npy file
        (n, steps, ...) spikes or values, or one image for all steps, (n, ...).
    image : int
        Number of the image.
    layer : str, optional
        Id of the layer, or its node. By default the first that differs, else the last.

    Raises
    ------
    InputError
        If the network was made of another model, or an argument does not exist in it.
    """
    imported = model if isinstance(model, SpikingModel) else load_graph(model)
    if is_relu(imported):
        raise InputError(
            "first: found a ReLU network, allowed is one of spiking neurons; ipvae.quantize "
            "compares each layer of a ReLU network and states a bound"
        )
    facts = _facts(imported, network)
    assert isinstance(network, Network)
    given = given_images(images)
    if not 0 <= image < len(given):
        raise InputError(f"image: found {image}, allowed 0 to {len(given) - 1}")
    inputs = in_steps(imported.model, given[image : image + 1], None)
    levels, exact = on_grid(inputs, network.input.pixels)
    real = imported.model.run(levels, potentials=True)
    names = ("z", *{one.neuron.potential for one in network.layers})
    integer = run(
        *(network, exact),
        steps=inputs.shape[1],
        record=Record(variables=names),
        name="the imported network",
    )
    nodes = {one["layer"]: one["node"] for one in facts}
    compared = compare_spikes(network, nodes, real, integer, None)
    chosen = _chosen(layer, facts, compared.first)
    assert integer.trace is not None
    own = network.by_id[chosen["layer"]]
    voltage, z = (integer.trace.stacked(own.id, name)[0] for name in (own.neuron.potential, "z"))
    potential, sent = _in_float(imported.model, real, chosen["node"], z.shape)
    return LayerTrace(
        *(own.id, chosen["node"], image, chosen["threshold_units"]),
        potential * chosen["threshold_units"],
        voltage.astype(np.int64),
        sent,
        z,
        _first(sent, z),
        compared.layers,
    )


def _in_float(
    model: NirModel, real: FloatTrace, node: str, shape: tuple[int, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """Potential in thresholds above the reset, and spikes, of one image: (steps, n) each."""
    if node not in real.sent:  # the output without neurons, a sum over the steps
        return real.outputs.astype(np.float64).cumsum(1)[0].reshape(shape), np.zeros(shape)
    reads = merged(model).get(node, node)
    base, height = potential_range(model, reads, node if reads != node else None)
    potential = (real.voltages[reads][0].reshape(shape).astype(np.float64) - base) / height
    spiking = model.rules[node].spiking
    return potential, real.sent[node][0].reshape(shape) if spiking else np.zeros(shape)


def _first(real: np.ndarray, integer: np.ndarray) -> dict[str, Any] | None:
    different = np.argwhere(real != integer)
    if not len(different):
        return None
    step, neuron = (int(n) for n in different[0])
    of_both = {"float": float(real[step, neuron]), "integer": float(integer[step, neuron])}
    return {"step": step, "neuron": neuron, **of_both}


def _facts(model: SpikingModel, network: Network | IntNetwork) -> list[dict[str, Any]]:
    """Facts of the layers, from the record of the import."""
    found = network.provenance.get("layers", []) if isinstance(network, Network) else []
    known = model.model.graph.nodes
    if not found or any(one["node"] not in known for one in found):
        raise InputError(
            "second: found a network that was not made of this imported network, allowed is one "
            "that ipvae.quantize made of it"
        )
    return found


def _chosen(
    layer: str | None, facts: list[dict[str, Any]], first: dict[str, Any] | None
) -> dict[str, Any]:
    wanted = layer or (facts[-1] if first is None else first)["layer"]
    for one in facts:
        if wanted in (one["layer"], one["node"]):
            return one
    allowed = ", ".join(f"{one['layer']} ({one['node']})" for one in facts)
    raise InputError(f"layer: found '{layer}', allowed {allowed}")
