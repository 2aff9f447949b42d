"""Operations of a run by step, by image and on the busiest core, row by row as it goes.

Memory holds what a row of the images needs and sums: it does not grow with images times steps.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ipvae.energy.busiest import Busiest
from ipvae.energy.counts import image_sums
from ipvae.energy.layer_counts import Sent, require_whole, words_drawn
from ipvae.network.description import IntNetwork
from ipvae.network.layers import PoissonLayer
from ipvae.network.partition import Placement
from ipvae.network.trace import Trace
from ipvae.network.wiring import AnyLayer

Row = Mapping[str, tuple[np.ndarray, np.ndarray]]
"""Of every layer, by number: u and z of one row, (N, K) int each."""


@dataclass(frozen=True, eq=False)
class RunCounts:
    """Sums of a run.

    Attributes
    ----------
    images : dict of name -> (N,) int64
        Of each image, as `ipvae.energy.counts.image_sums` names them.
    steps : dict of name -> (T + 1,) int64
        Over the images, at the rows 0..T: `messages` received, `spikes` of the code,
        `synaptic_ops`, `count_weighted_ops`, and `active`: neurons that send something.
    busiest : dict of name -> int
        Of the core that has most of it at a step of the chip, over these steps and the images
        (`ipvae.energy.busiest.NAMES`); empty without a placement.
    """

    images: dict[str, np.ndarray]
    steps: dict[str, np.ndarray]
    busiest: dict[str, int]


def count_rows(
    network: IntNetwork,
    rows: Iterable[Row],
    n_images: int,
    n_steps: int,
    placement: Placement | None = None,
) -> RunCounts:
    """Count the rows 0..T of a run.

    Parameters
    ----------
    network : IntNetwork
        The network that runs.
    rows : iterable of T + 1 Row
        In order, each taken once.
    n_images, n_steps : int
        N and T.
    placement : Placement, optional
        Of the network: cores of which the busiest is looked for.
    """
    layers = {name: _Seen(layer, n_images, n_steps) for name, layer in network.layers.items()}
    busiest = None if placement is None else Busiest(network, placement, n_images)
    for t, row in enumerate(rows):
        for name, seen in layers.items():
            seen.add(t, *row[name])
        if busiest is not None:
            busiest.add(t, {name: seen.nonzero for name, seen in layers.items()})
    sent = {name: seen.sent() for name, seen in layers.items()}
    return RunCounts(
        images=image_sums(network, sent, n_steps + 1),
        steps=_by_step(network, layers),
        busiest={} if busiest is None else busiest.sums(),
    )


def trace_rows(network: IntNetwork, trace: Trace) -> Iterator[Row]:
    """Rows of a trace of any backend.

    Raises
    ------
    InputError
        As `ipvae.energy.layer_counts.require_whole`.
    """
    require_whole(network, trace)
    z = {name: trace.stacked(name, "z") for name in network.layers}
    u = dict(z)  # nothing is drawn from the potentials of graded neurons
    if network.draws:
        u[network.code] = trace.stacked(network.code, "u")
    for t in range(trace.steps + 1):
        yield {name: (u[name][:, t], z[name][:, t]) for name in network.layers}


def joined_counts(parts: Sequence[RunCounts]) -> RunCounts:
    """Sums of a run from those of its ranges of images, in their order."""
    first = parts[0]
    return RunCounts(
        {name: np.concatenate([part.images[name] for part in parts]) for name in first.images},
        {name: np.sum([part.steps[name] for part in parts], axis=0) for name in first.steps},
        {name: sum(part.busiest[name] for part in parts) for name in first.busiest},
    )


class _Seen:
    """What a layer has sent so far."""

    def __init__(self, layer: AnyLayer, n_images: int, n_steps: int) -> None:
        self._layer = layer
        shape = (n_images, layer.n_neurons)
        self._messages = np.zeros(shape, np.int64)
        self._sizes = np.zeros(n_images, np.int64)
        self._words = np.zeros(n_images, np.int64)
        self._last = np.zeros(shape, np.int64)
        self.nonzero = np.zeros(shape, bool)
        self.by_row = np.zeros((2, n_steps + 1), np.int64)
        """Messages and sizes of each row, over the images."""

    def add(self, row: int, u: np.ndarray, z: np.ndarray) -> None:
        """Take one row."""
        self._last = np.abs(z.astype(np.int64))
        self.nonzero = z != 0
        sizes = self._last.sum(axis=1)
        self._messages += self.nonzero
        self._sizes += sizes
        self.by_row[:, row] = self.nonzero.sum(), sizes.sum()
        if isinstance(self._layer, PoissonLayer):
            self._words += words_drawn(self._layer, u).sum(axis=1)

    def sent(self) -> Sent:
        """All of it, by image."""
        last = (self._last > 0).astype(np.int64)
        return Sent(self._messages, last, self._sizes, self._last.sum(axis=1), self._words)


def _by_step(network: IntNetwork, layers: Mapping[str, _Seen]) -> dict[str, np.ndarray]:
    code = layers[network.code].by_row
    found = {
        name: np.zeros_like(code[0]) for name in ("messages", "synaptic_ops", "count_weighted_ops")
    }
    for stage in network.wiring.stages:
        if stage.layer.weight_rec is None:
            continue
        sent, heard = layers[str(stage.layer.source)].by_row, np.zeros_like(code)
        heard[:, stage.lag :] = sent[:, : sent.shape[1] - stage.lag]
        found["messages"] += heard[0]
        found["synaptic_ops"] += heard[0] * stage.layer.n_neurons
        found["count_weighted_ops"] += heard[1] * stage.layer.n_neurons
    found["spikes"] = code[1]
    found["active"] = np.sum([seen.by_row[0] for seen in layers.values()], axis=0)
    return found
