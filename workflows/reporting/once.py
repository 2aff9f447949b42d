"""Single run of a report, with the results of observers."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from ipvae.chip.limits import LimitCheck
from ipvae.chip.placement import Placement
from ipvae.emulator import Emulator
from ipvae.emulator.observing import observe
from ipvae.energy.counting.cores import fewest_cores
from ipvae.energy.counting.step_counts import RowCounter, RunCounts
from ipvae.energy.measurement.rapl import Meter, metered
from ipvae.network.description import IntNetwork
from ipvae.network.io.network_file import checksum
from ipvae.network.traces.observers import Observer, Recorder, Sample
from ipvae.network.traces.totals import Totals, joined
from ipvae.network.traces.trace import VARIABLES, Trace
from ipvae.workflows import cluster
from ipvae.workflows.cluster import LOCAL, NONE, Shard
from ipvae.workflows.progress import Advance, stage
from ipvae.workflows.reporting.pictures import spaced
from ipvae.workflows.reporting.request import REFERENCE, ReportRequest
from ipvae.workflows.running.backends import run_backend
from ipvae.workflows.verify import VerifyResult, compared

CURVE_IMAGES = 1024
"""Maximum number of images of the curve; their counts at all its steps are in memory."""
RASTER_STEPS = 512
VERIFIED_IMAGES, VERIFIED_STEPS = 2, 16
SANAFE_IMAGES = 4

log = logging.getLogger("ipvae")


@dataclass(frozen=True, eq=False)
class Seen:
    """Recorded data of the run.

    Attributes
    ----------
    totals : Totals
    counts : RunCounts
        Counts by step, image and core.
    placement : Placement or LimitCheck
        Cores of `counts`.
    by_step : dict of step -> (n, K) int32
        Counts of the code for the first images, at the steps of the curve.
    raster : (rows, K) int32
        Counts of the code for the first image, in the first rows.
    verified : VerifyResult or None
    spikes : Trace or None
        Output of every layer for the first images, for SANA-FE.
    machine : Meter
        Energy that this machine used for the run, including observers.
    """

    totals: Totals
    counts: RunCounts
    placement: Placement | LimitCheck
    by_step: dict[int, np.ndarray]
    raster: np.ndarray
    verified: VerifyResult | None
    spikes: Trace | None
    machine: Meter


def doubled(last: int) -> list[int]:
    """Steps 1, 2, 4, ... and the last step."""
    return sorted({*(2**n for n in range(last.bit_length())), last})


def run_once(request: ReportRequest) -> Seen:
    """Run other backends on the first images, then all images once on the emulator.

    Raises
    ------
    BackendError, HungBackendError
        If a backend is not available on this machine, or it stops responding.
    """
    others = _run_others(request)
    network, code, steps = request.network, request.network.code, request.steps
    looked = sorted({*spaced(steps), *doubled(steps)})
    placement = fewest_cores(network)
    placed = placement if isinstance(placement, Placement) else None
    verified_steps = min(steps, VERIFIED_STEPS)
    everything = dict.fromkeys(network.layers, VARIABLES)
    sent = dict.fromkeys(network.layers, ("u", "z"))
    observers: dict[str, Observer[Any]] = {
        "counts": RowCounter(cluster.without_images(network), placed),
        "curve": Recorder({code: ("z",)}, CURVE_IMAGES, looked),
        "raster": Recorder({code: ("z",)}, 1, range(min(steps, RASTER_STEPS) + 1)),
    }
    if others:
        observers["verify"] = Recorder(everything, VERIFIED_IMAGES, range(verified_steps + 1))
    if request.sanafe:
        observers["sanafe"] = Recorder(sent, SANAFE_IMAGES, range(steps + 1))
    with this_machine(request.scheduler) as machine:
        totals, found = observed(request, list(observers.values()))
    seen = dict(zip(observers, found, strict=True))
    own = checksum(network)

    def trace(name: str) -> Trace:
        return Trace(REFERENCE, request.seed, own, seen[name])

    return Seen(
        totals,
        seen["counts"],
        placement,
        _by_step(seen["curve"], code, looked),
        seen["raster"][0][code]["z"],
        _compared(request, trace("verify"), others) if others else None,
        trace("sanafe") if request.sanafe else None,
        machine,
    )


def observed(
    request: ReportRequest, observers: Sequence[Observer[Any]], seed: int | None = None
) -> tuple[Totals, list[Any]]:
    """Run all images and pass every row to observers, here or on a cluster.

    Returns
    -------
    Totals, and the result of each observer
    """
    network, pixels, steps = request.network, request.images.pixels, request.steps
    seed = request.seed if seed is None else seed
    with stage(f"running {len(pixels)} images for {steps} steps", len(pixels)) as advance:
        scheduler = cluster.where(request.scheduler, len(pixels), steps)
        emulator = Emulator(network, on_message=log.info)
        if scheduler is None:
            return observe(emulator, pixels, steps, seed, observers, progress=advance)
        act = _Observing(cluster.without_images(network), steps, seed, tuple(observers))
        parts = cluster.on_shards(act, pixels, scheduler, advance)
    found = [
        observer.joined([part[i] for _, part in parts]) for i, observer in enumerate(observers)
    ]
    return joined([totals for totals, _ in parts]), found


@dataclass(frozen=True, eq=False)
class _Observing:
    """Function that runs each shard with observers."""

    network: IntNetwork
    steps: int
    seed: int
    observers: tuple[Observer[Any], ...]

    def __call__(self, shard: Shard, progress: Advance | None = None) -> tuple[Totals, list[Any]]:
        emulator = Emulator(self.network, threads=1)  # each processor has a worker
        return observe(
            emulator,
            shard.pixels,
            self.steps,
            self.seed,
            self.observers,
            shard.first,
            progress=progress,
        )


@contextmanager
def this_machine(scheduler: str | None) -> Iterator[Meter]:
    """Read the energy counters of this machine while the emulator runs.

    A run on a remote cluster has no energy, since other machines do the work.
    """
    with metered() as meter:
        yield meter
    if scheduler not in (None, LOCAL, NONE):
        meter.joules, meter.missing = {}, "its energy was not read: the run was on a cluster"


def _run_others(request: ReportRequest) -> list[Trace]:
    """Traces of the first images on the backends to compare with the emulator."""
    pixels, steps = request.images.pixels[:VERIFIED_IMAGES], min(request.steps, VERIFIED_STEPS)
    traces = []
    for name in request.verify:
        with stage(f"verifying {len(pixels)} images, {steps} steps on {name}"):
            traces.append(run_backend(name, request.network, pixels, steps, request.seed))
    return traces


def _compared(request: ReportRequest, ours: Trace, others: list[Trace]) -> VerifyResult:
    steps = min(request.steps, VERIFIED_STEPS)
    return compared(request.network, [ours, *others], len(ours.samples), steps, request.seed)


def _by_step(samples: list[Sample], code: str, steps: list[int]) -> dict[int, np.ndarray]:
    """Counts of the code for each image, by step: (N, K) int32."""
    return {
        step: np.stack([sample[code]["z"][i] for sample in samples]) for i, step in enumerate(steps)
    }
