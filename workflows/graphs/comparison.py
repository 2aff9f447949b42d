"""Float and integer spikes of one network: rates, first difference, accuracy."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ipvae.float_models.nir_graph.model import FloatTrace
from ipvae.network.network import Network
from ipvae.workflows.kinds.result import NetworkRun


@dataclass(frozen=True)
class LayerComparison:
    """Spikes of one layer in float and in integers.

    Attributes
    ----------
    layer, node : str
    real_rate, integer_rate : float
        Mean number of spikes of a neuron in a step.
    equal : float
        Fraction of equal messages.
    first_step : int or None
        First step with a different message; None if all are equal.
    """

    layer: str
    node: str
    real_rate: float
    integer_rate: float
    equal: float
    first_step: int | None

    @property
    def fell_silent(self) -> bool:
        """True if the layer spikes in float and never in integers."""
        return self.real_rate > 0 and self.integer_rate == 0


@dataclass(frozen=True)
class Comparison:
    """A whole network in float and in integers.

    Attributes
    ----------
    images, steps : int
    layers : tuple of LayerComparison
        Layers that spike, in their order.
    first : dict or None
        First difference: layer, node, step, image, neuron, float, integer.
    real_accuracy, integer_accuracy : float or None
        None without labels.
    same_class : float
        Fraction of images with the same class in float and in integers.
    """

    images: int
    steps: int
    layers: tuple[LayerComparison, ...]
    first: dict[str, Any] | None
    real_accuracy: float | None
    integer_accuracy: float | None
    same_class: float

    def to_json(self) -> dict[str, Any]:
        """Return JSON data."""
        layers = [{**vars(one), "fell_silent": one.fell_silent} for one in self.layers]
        return {**vars(self), "layers": layers}


def compare_spikes(
    network: Network,
    nodes: dict[str, str],
    real: FloatTrace,
    integer: NetworkRun,
    labels: np.ndarray | None,
) -> Comparison:
    """Compare a run of both.

    Parameters
    ----------
    network : Network
    nodes : dict of layer -> node
    real : FloatTrace
    integer : NetworkRun
        With `z` of all layers in its trace.
    labels : (n,) int64 or None
    """
    found, firsts = [], []
    assert integer.trace is not None
    for layer in network.layers:
        node = nodes[layer.id]
        if node not in real.sent or (layer.neuron.sent == (0, 1) and _silent(layer.neuron)):
            continue
        sent = np.asarray(real.sent[node])
        wanted = sent.reshape(*sent.shape[:2], -1)
        z = integer.trace.stacked(layer.id, "z")
        different = z != wanted
        steps = np.flatnonzero(different.any(axis=(0, 2)))
        first = int(steps[0]) if len(steps) else None
        if first is not None:
            image, neuron = np.argwhere(different[:, first])[0]
            firsts.append(
                {
                    "layer": layer.id,
                    "node": node,
                    "step": first,
                    "image": int(image),
                    "neuron": int(neuron),
                    "float": float(wanted[image, first, neuron]),
                    "integer": int(z[image, first, neuron]),
                }
            )
        found.append(
            LayerComparison(
                layer.id,
                node,
                float(wanted.mean()),
                float(z.mean()),
                1.0 - float(different.mean()),
                first,
            )
        )
    decided, kept = real_classes(real, nodes[network.readout.id]), integer.classes
    earliest = min(firsts, key=lambda one: one["step"], default=None)
    return Comparison(
        len(kept),
        integer.steps,
        tuple(found),
        earliest,
        _accuracy(decided, labels),
        _accuracy(kept, labels),
        float((decided == kept).mean()),
    )


def _silent(neuron: Any) -> bool:
    """Return whether neurons only hold a potential: thresholds out of reach of 24 bits."""
    return neuron.name == "CUBA" and neuron.threshold << 6 >= 2**23


def real_classes(real: FloatTrace, node: str) -> np.ndarray:
    """Class of each image in float: most spikes, else the largest potential; -1 if all are equal.

    Parameters
    ----------
    real : FloatTrace
    node : read-out; an output that is no node with neurons is summed over the steps
    """
    n = len(real.outputs)
    if node in real.sent and (real.sent[node] == np.rint(real.sent[node])).all():
        values = real.sent[node].reshape(n, real.sent[node].shape[1], -1).sum(1)
        potentials = real.potentials[node].reshape(n, -1)
    elif node in real.sent:
        values = potentials = real.potentials[node].reshape(n, -1)
        return _largest(potentials)
    else:
        return _largest(real.outputs.reshape(n, real.outputs.shape[1], -1).sum(1))
    return np.where(values.max(1) > 0, values.argmax(1), _largest(potentials))


def _largest(values: np.ndarray) -> np.ndarray:
    return np.where(np.ptp(values, axis=1) > 0, values.argmax(1), -1)


def _accuracy(classes: np.ndarray, labels: np.ndarray | None) -> float | None:
    if labels is None or (labels < 0).all():
        return None
    known = labels >= 0
    return float((classes == labels)[known].mean())
