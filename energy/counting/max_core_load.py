"""Load of the busiest core at each chip step, for which every other core waits."""

from collections.abc import Mapping

import numpy as np

from ipvae.chip.placement import Placement
from ipvae.network.description import IntNetwork

NAMES = ("spikes_in", "synaptic_ops", "neuron_updates", "messages_out")
"""Loads of a core, defined in docs/energy.md."""


def core_columns(network: IntNetwork, placement: Placement | None) -> dict[str, np.ndarray]:
    """Matrix (K, cores) float32 of each layer, 1 where a core holds a neuron.

    Without a placement, one core holds every layer.
    """
    found = {}
    for name, layer in network.layers.items():
        parts = [slice(0, layer.n_neurons)]
        if placement is not None:
            parts = [core.own for core in placement.cores if core.layer.name == name]
        found[name] = np.zeros((layer.n_neurons, len(parts)), np.float32)
        for i, part in enumerate(parts):
            found[name][part, i] = 1
    return found


class MaxCoreLoad:
    """Sum over images and chip steps of the largest core load.

    Layers update at different chip steps (`ipvae.network.schedule`), so only layers that update at
    the same step are compared.

    Parameters
    ----------
    network : IntNetwork
    placement : Placement
        Placement of this network.
    n_images : int
    """

    def __init__(self, network: IntNetwork, placement: Placement, n_images: int) -> None:
        self._wiring = network.schedule
        self._most = {shape.name: placement.largest(i) for i, shape in enumerate(placement.shapes)}
        nothing = np.zeros((n_images, 1), np.int64)
        self._before: Mapping[str, np.ndarray] = dict.fromkeys(network.layers, nothing)
        self._open: dict[int, np.ndarray] = {}
        self._sums = np.zeros(len(NAMES), np.int64)

    def add(self, row: int, leaving: Mapping[str, np.ndarray]) -> None:
        """Add a row of messages leaving each core, by layer: (N, cores) int64 each."""
        for stage in self._wiring.stages:
            name, source = stage.name, str(stage.layer.source)
            received = np.zeros(len(leaving[name]), np.int64)
            if stage.layer.weight_rec is not None:
                presynaptic = self._before if stage.input_delay else leaving
                received = presynaptic[source].sum(axis=1)
            most = self._most[name]
            updates = np.full_like(received, most)
            load = np.stack([received, received * most, updates, leaving[name].max(axis=1)])
            step = row * self._wiring.period + stage.phase
            before = self._open.get(step)
            self._open[step] = load if before is None else np.maximum(before, load)
        self._before = dict(leaving)
        self._close((row + 1) * self._wiring.period)

    def _close(self, step: int) -> None:
        """Add up the earlier steps, at which no further layer updates."""
        for done in [s for s in self._open if s < step]:
            self._sums += self._open.pop(done).sum(axis=1)

    def sums(self) -> dict[str, int]:
        """Sums over all rows so far."""
        for done in list(self._open):
            self._sums += self._open.pop(done).sum(axis=1)
        return dict(zip(NAMES, map(int, self._sums), strict=True))
