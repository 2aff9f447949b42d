"""Totals of a run of a `Network`, in this process or in shards on a Dask cluster."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ipvae.network.network import Network
from ipvae.network.traces.network_totals import NetworkTotals, joined_totals
from ipvae.workflows import cluster
from ipvae.workflows.progress import Advance


def totals_at(
    network: Network,
    frames: np.ndarray,
    steps: Sequence[int],
    scheduler: str | None,
    progress: Advance | None = None,
    seed: int = 0,
) -> dict[int, NetworkTotals]:
    """Return totals after several numbers of steps of one run, the same on any machines.

    Parameters
    ----------
    network : Network
    frames : (N, 1 or steps, n_inputs) int32
        Values of `ipvae.network.frames.Frames`.
    steps : ints, ascending
    scheduler : str, optional
        As for `ipvae.workflows.cluster.spread`, or 'none', which is the default.
    progress : callable, optional
        Receives the number of images of each finished part.
    seed : int
        Of neurons that draw; the draws of an image depend on its number in the run alone.

    Raises
    ------
    InputError, BackendError, HungBackendError
        As `ipvae.workflows.cluster.spread`.
    """
    if scheduler in (None, cluster.NONE):
        from ipvae.emulator.event_driven.engine import NetworkEmulator

        return NetworkEmulator(network).totals_at(frames, steps, progress, seed)
    act = _RunToEach(without_images(network), tuple(steps), seed)
    parts = cluster.on_shards(act, frames, scheduler, progress)
    return {step: joined_totals([part[step] for part in parts]) for step in steps}


def without_images(network: Network) -> Network:
    """Return the network without its stored images, which shards do not need."""
    return replace(network, test_images=network.test_images[:0], test_labels=np.zeros(0, np.int64))


@dataclass(frozen=True, eq=False)
class _RunToEach:
    """Function that runs each shard."""

    network: Network
    steps: tuple[int, ...]
    seed: int

    def __call__(self, shard: cluster.Shard) -> dict[int, NetworkTotals]:
        from ipvae.emulator.event_driven.engine import NetworkEmulator

        emulator = NetworkEmulator(self.network, 1)  # each processor has a worker
        return emulator.totals_at(shard.pixels, self.steps, None, self.seed, shard.first)
