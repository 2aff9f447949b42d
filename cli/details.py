"""Counts of a report by layer, step, image and core."""

from dataclasses import dataclass, fields

import numpy as np

from ipvae.cli.output import Progress, note, table
from ipvae.emulator import Emulator
from ipvae.emulator.observing import observe
from ipvae.energy.cores import cores_as_dict, fewest_cores
from ipvae.energy.counts import Counts, network_drive_macs
from ipvae.energy.layer_counts import layer_counts
from ipvae.energy.step_counts import RowCounter, RunCounts
from ipvae.network.description import IntNetwork
from ipvae.network.partition import Placement
from ipvae.network.totals import Totals
from ipvae.report.numbers import count, whole
from ipvae.workflows.cluster import Shard, on_shards, shards_of, where, without_images

_SHOWN = {
    "neurons": "neurons",
    "messages_received": "messages in",
    "synaptic_ops": "synaptic ops",
    "messages": "messages out",
    "updates_idle": "idle updates",
    "random_words": "random words",
    "drive_macs": "drive MACs",
}
"""Columns of the table by layer, and their heads."""


def details(
    network: IntNetwork,
    pixels: np.ndarray,
    totals: Totals,
    seed: int,
    scheduler: str | None = None,
    progress: Progress | None = None,
) -> dict:
    """Keys `layers`, `by_step`, `by_image` and `cores` of a report (docs/energy.md).

    Parameters
    ----------
    network : IntNetwork
    pixels : (N, M) int
        The images of the run, at least one.
    totals : Totals
        Of the run; it is made once more, row by row.
    seed : int
    scheduler : str, optional
        As `ipvae.workflows.cluster.totals`.
    progress : callable, optional
        Gets the number of images that each finished part had.
    """
    placement = fewest_cores(network)
    placed = placement if isinstance(placement, Placement) else None
    cluster = where(scheduler, totals.images, totals.steps, tell=lambda _: None)  # told before
    threads = None if cluster is None else 1  # there, a worker for each processor
    act = _Counting(without_images(network), totals.steps, seed, placed, threads)
    if cluster is None:
        parts = [act(shard, progress) for shard in shards_of(pixels)]
    else:
        parts = on_shards(act, pixels, cluster, progress)
    found = RowCounter(network).joined(parts)
    return {
        "layers": [layer.as_dict() for layer in layer_counts(network, totals)],
        "by_step": {
            "step": list(range(totals.steps + 1)),
            **{name: (sums / totals.images).tolist() for name, sums in found.steps.items()},
        },
        "by_image": _by_image(network, found),
        "cores": cores_as_dict(network, placement, totals, found),
    }


@dataclass(frozen=True, eq=False)
class _Counting:
    """What is counted of each shard of a run's images."""

    network: IntNetwork
    n_steps: int
    seed: int
    placement: Placement | None
    threads: int | None

    def __call__(self, shard: Shard, progress: Progress | None = None) -> RunCounts:
        emulator = Emulator(self.network, self.threads, tell=note)
        counter = RowCounter(self.network, self.placement)
        _, (found,) = observe(
            emulator, shard.pixels, self.n_steps, self.seed, [counter], shard.first
        )
        if progress is not None:
            progress(len(shard.pixels))
        return found


def _by_image(network: IntNetwork, run: RunCounts) -> dict:
    """Mean, least, most and standard deviation (of the run's images, not of others) by count."""
    n = len(next(iter(run.images.values())))
    every = {**run.images, "drive_macs": np.full(n, network_drive_macs(network))}
    return {field.name: _spread(every[field.name]) for field in fields(Counts)}


def _spread(values: np.ndarray) -> dict[str, float]:
    return {
        "mean": int(values.sum()) / len(values),
        "min": float(values.min()),
        "max": float(values.max()),
        "sd": float(values.std()),
    }


def detail_tables(result: dict) -> list:
    """Show the layers, and one line of the busiest core."""
    rows = [
        [f"{layer['layer']} {layer['role']}", *(_number(layer[key]) for key in _SHOWN)]
        for layer in result["layers"]
    ]
    return [table("per image, by layer", ["", *_SHOWN.values()], rows), _pace(result["cores"])]


def _number(value: float) -> str:
    return whole(value) if isinstance(value, int) else count(value)


def _pace(cores: dict) -> str:
    if not cores["list"]:
        return f"cores: {cores['plan']}"
    most, paced = cores["busiest"]["synaptic_ops"], cores["busiest_per_step"]["synaptic_ops"]
    return (
        f"busiest core (modelled plan): {most['core']} of {len(cores['list'])}, "
        f"{whole(most['max'])} synaptic ops (mean {whole(most['mean'])}), {whole(paced)} at a chip "
        "step"
    )
