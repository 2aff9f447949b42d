"""Networks of any kind in a comparison: their common inputs, and what they cost and decide."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ipvae.energy.counting.network_counts import network_counts
from ipvae.errors import InputError
from ipvae.network.frames import Frames, in_rows
from ipvae.network.io.network_file import checksum
from ipvae.network.network import Network
from ipvae.network.traces.network_totals import NetworkTotals
from ipvae.workflows.comparison.costed import OWN, Point, costs
from ipvae.workflows.image_input.images import ImagesLike
from ipvae.workflows.kinds.costs import network_costs
from ipvae.workflows.kinds.frames import first_labels, host_products, run_frames
from ipvae.workflows.kinds.judging import accuracy, classes, fit
from ipvae.workflows.progress import Advance
from ipvae.workflows.running.estimates import run_seconds
from ipvae.workflows.running.network_shards import totals_at


@dataclass(frozen=True, eq=False)
class AnyNetwork:
    """A network of any kind, judged by its reconstructions or by classes, if at all."""

    network: Network
    scheduler: str | None = None

    kind = "integers"
    one_shot = False

    @property
    def facts(self) -> dict[str, Any]:
        """JSON keys that describe it."""
        kinds = dict.fromkeys(kind.name for kind in self.network.kinds.values())
        return {"checksum": checksum(self.network), "neurons": list(kinds)}

    def seconds(self, images: int, steps: int) -> float:
        """Rough time of a run on this machine, in seconds."""
        return run_seconds(self.network, images, steps)

    def points(
        self,
        inputs: "NetworkInputs",
        steps: Sequence[int],
        progress: Advance | None = None,
        seed: int = 0,
    ) -> list[Point]:
        """Costs, and accuracy if there are labels, after increasing numbers of steps of one run."""
        network = self.network
        values, rows = in_rows(network, inputs.frames.values), [network.rows(n) for n in steps]
        found = totals_at(network, values, rows, self.scheduler, progress, seed)
        by_step = zip(steps, found.values(), strict=True)
        return [self._point(step, totals, inputs) for step, totals in by_step]

    def _point(self, step: int, totals: NetworkTotals, inputs: "NetworkInputs") -> Point:
        network, frames = self.network, inputs.frames
        shown = replace(frames, values=frames.values[:, :step])
        counted = network_counts(network, totals, host_products(network, shown))
        counts, right = counted.total, accuracy(classes(totals), inputs.labels)
        quality = fit(network, totals, frames.values)
        return {
            "step": step,
            "zeros": counted.zeros,
            **quality,
            **({} if right is None else {"accuracy": right, "accuracy_by": OWN}),
            **costs(counts.synaptic_ops, counts.drive_macs, counts.readout_ops),
            "counts": counts.as_dict(),
            "energy": [row.as_dict() for row in network_costs(network, totals, counted).energy],
        }


@dataclass(frozen=True, eq=False)
class NetworkInputs:
    """Inputs of one network, and their classes; None if they are not known."""

    frames: Frames
    labels: np.ndarray | None


def network_inputs(
    networks: Mapping[str, Network],
    images: ImagesLike,
    labels: np.ndarray | None,
    steps: int,
    samples: int | None,
    integers: str,
) -> dict[str, NetworkInputs]:
    """Read the same images as each network receives them.

    Raises
    ------
    InputError
        If networks have inputs of different size, or different images of their own.
    """
    require_one_size({name: network.input.size for name, network in networks.items()})
    if images is None:
        _require_same_images(networks, samples)
    found = {}
    for name, network in networks.items():
        known = labels
        if images is None and (network.test_labels >= 0).any():
            known = network.test_labels
        try:
            frames = run_frames(network, images, steps, 0, samples, integers, name)
            classes_of = first_labels(known, len(frames), network.readout.n_neurons)
        except InputError as error:
            text = str(error)
            raise InputError(text if text.startswith(name) else f"{name}: {text}") from error
        found[name] = NetworkInputs(frames, classes_of)
    return found


def require_one_size(sizes: Mapping[str, int]) -> None:
    """Raise InputError unless all subjects receive images of the same number of values."""
    (first, size), *others = sizes.items()
    for name, other in others:
        if other != size:
            raise InputError(
                f"{first} and {name}: found inputs of {size} and of {other} values, allowed is "
                "one size; compare models of one data set"
            )


def _require_same_images(networks: Mapping[str, Network], samples: int | None) -> None:
    (first, one), *others = networks.items()
    for name, other in others:
        if not np.array_equal(one.test_images[:samples], other.test_images[:samples]):
            raise InputError(
                f"{first} and {name}: their own images differ, allowed is one set; give images="
            )
