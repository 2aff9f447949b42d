"""Runs of a `Network` on the emulator or on Lava's simulator, with operation counts."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ipvae.energy.counting.network_counts import network_counts
from ipvae.files import require_writable_file
from ipvae.lava_procs.supervision.watchdog import TIMEOUT_SECONDS, require_timeout
from ipvae.network.frames import Frames, in_rows
from ipvae.network.network import Network
from ipvae.network.traces.network_totals import NetworkTotals, potential, record_totals
from ipvae.network.traces.selection import EVERYTHING, Record
from ipvae.network.traces.streaming import open_trace
from ipvae.network.traces.trace import Trace
from ipvae.outputs import require_outputs
from ipvae.workflows.cluster import NONE
from ipvae.workflows.image_input.images import ImagesLike
from ipvae.workflows.image_input.own_images import LabelsLike
from ipvae.workflows.kinds.frames import (
    UNNAMED,
    binned_events,
    first_labels,
    host_products,
    run_frames,
    run_steps,
)
from ipvae.workflows.kinds.judging import fit
from ipvae.workflows.kinds.recorded import (
    Sample,
    all_variables,
    header,
    require_backend,
    require_record,
    rows_of,
    samples_of,
    selected,
)
from ipvae.workflows.kinds.result import NetworkRun
from ipvae.workflows.output.outputs import run_outputs
from ipvae.workflows.progress import stage
from ipvae.workflows.running.estimates import announce_run
from ipvae.workflows.running.network_shards import totals_at


@dataclass(frozen=True, eq=False)
class Files:
    """Files of a run: a trace, and whether an earlier one is replaced."""

    trace: Path | None = None
    overwrite: bool = False


def run(
    network: Network,
    images: ImagesLike,
    *,
    steps: int,
    seed: int = 0,
    backend: str = "emulator",
    samples: int | None = None,
    timeout: float = TIMEOUT_SECONDS,
    integers: str = "input",
    labels: LabelsLike = None,
    name: str = UNNAMED,
    record: Record | None = None,
    files: Files | None = None,
    scheduler: str | None = None,
    step_time: float | None = None,
) -> NetworkRun:
    """Run images and count the operations of every layer.

    Parameters
    ----------
    network : Network
        Network from `ipvae.load_network`.
    images : array, path of an .npy file, or LabelledImages
        (n, C, H, W), (n, inputs), or with one image for each step (n, steps, ...).
    steps, samples, timeout
        As for `ipvae.run`.
    seed : int
        Of all draws; only 0 is allowed for a network without Poisson layers.
    backend : 'emulator', 'lava' or 'lava-stock'
    integers : 'input' or 'real'
        Meaning of integers in `images`: values for the input neurons, or real numbers.
    labels : (n,) int, or path of an .npy file with them; optional
        Class of each image in `images`, for the accuracy of the last layer.
    name : str
        Name of the network in messages.
    record : Record, optional
        Contents of the trace; without it there is none.
    files : Files, optional
        File of the trace, which is then not kept in memory.
    scheduler : str, optional
        Of a Dask cluster on which the emulator runs, without a trace.
    step_time : float, optional
        As for `ipvae.run`.

    Raises
    ------
    InputError
        If an argument cannot be used.
    BackendError, HungBackendError
        If Lava is not installed, or it stopped responding.
    """
    require_backend(backend)
    require_timeout(timeout)
    require_record(network, record)
    to = files or Files()
    inputs = {"images": images, "network": name}
    require_outputs(run_outputs(to.trace, None, None, overwrite=to.overwrite), inputs)
    if step_time is not None:
        images = binned_events(network, images, steps, step_time, samples)
    frames = run_frames(network, images, steps, seed, samples, integers, name)
    steps = run_steps(steps, frames)
    known = first_labels(labels, len(frames), network.readout.n_neurons)
    wanted = record or (EVERYTHING if to.trace else None)
    announce_run(network, len(frames), steps, backend, wanted, to_file=to.trace is not None)
    if to.trace is not None:
        require_writable_file(to.trace)
    if scheduler in (None, NONE):
        seconds, totals, trace = _run(network, frames, steps, backend, timeout, record, to, seed)
    else:
        seconds, totals, trace = *_spread(network, frames, steps, scheduler, seed), None
    return NetworkRun(
        backend=backend,
        images=len(frames),
        steps=steps,
        frames=1 if len(frames.values[0]) == 1 else steps,
        seed=seed,
        replayed=False,
        totals=None,
        trace=trace,
        code=network.readout.id,
        seconds=seconds,
        outputs={network.readout.id: totals.outputs},
        network_totals=totals,
        counted=network_counts(network, totals, host_products(network, frames)),
        labels=known,
        fit=fit(network, totals, frames.values),
    )


def _spread(
    network: Network, frames: Frames, steps: int, scheduler: str, seed: int
) -> tuple[float, NetworkTotals]:
    """Run on a cluster; return seconds and totals."""
    n, start = len(frames), time.perf_counter()
    with stage(f"running {n} images for {steps} steps on {scheduler}", n) as advance:
        values, rows = in_rows(network, frames.values), network.rows(steps)
        totals = totals_at(network, values, (rows,), scheduler, advance, seed)[rows]
    return time.perf_counter() - start, totals


def _run(
    network: Network,
    frames: Frames,
    steps: int,
    backend: str,
    timeout: float,
    record: Record | None,
    files: Files,
    seed: int,
) -> tuple[float, NetworkTotals, Trace | None]:
    """Run on a backend; return seconds, totals and the trace, if it is kept in memory."""
    n, wanted = len(frames), record or (EVERYTHING if files.trace else None)
    if backend == "emulator":
        from ipvae.emulator.event_driven.engine import NetworkEmulator

        emulator = NetworkEmulator(network)
        with stage(f"running {n} images for {steps} steps on emulator", n) as advance:
            emulator.totals(frames.values[:1], 1)  # loads or compiles the kernels
            start = time.perf_counter()
            values, rows = in_rows(network, frames.values), network.rows(steps)
            totals = emulator.totals(values, rows, advance, seed)
            seconds = time.perf_counter() - start
        if wanted is None:
            return seconds, totals, None
        found = samples_of(network, frames, steps, backend, all_variables(network), seed=seed)
        return seconds, totals, _trace(network, found, backend, steps, n, wanted, files, seed)
    log_rates = ("u",) if network.draws else ()
    names = all_variables(network) if wanted else (potential(network), *log_rates)
    kept: list[Sample] = []

    def seen(samples: Iterator[Sample]) -> Iterator[Sample]:
        for sample in samples:
            drawing = {name for name, kind in network.kinds.items() if kind.draws}
            kept.append(
                {n: {"z": of["z"]} | _state(of, whole=n in drawing) for n, of in sample.items()}
            )
            yield sample

    start = time.perf_counter()
    with stage(f"running {n} images for {steps} steps on {backend}"):
        found = seen(samples_of(network, frames, steps, backend, names, timeout, seed))
        trace = None
        if wanted is None:
            for _ in found:
                pass
        else:
            trace = _trace(network, found, backend, steps, n, wanted, files, seed)
    totals = record_totals(network, kept, network.rows(steps))
    return time.perf_counter() - start, totals, trace


def _state(of: dict[str, np.ndarray], *, whole: bool) -> dict[str, np.ndarray]:
    """Last row of the potential, if it is recorded, or all rows."""
    rows = slice(None) if whole else slice(-1, None)
    return {name: of[name][rows] for name in ("voltage", "sigma", "reference", "u") if name in of}


def _trace(
    network: Network,
    samples: Iterator[Sample],
    backend: str,
    steps: int,
    images: int,
    record: Record,
    files: Files,
    seed: int,
) -> Trace | None:
    """Write the trace during the run, or keep it in memory."""
    head = header(network, record, backend, seed)
    chosen = (selected(record, rows_of(network, sample)) for sample in samples)
    if files.trace is None:
        return replace(head, samples=list(chosen))
    rows = (network.rows(steps) - 1) // record.every + 1
    with (
        stage(f"writing {files.trace}", images) as advance,
        open_trace(files.trace, head, rows) as file,
    ):
        for image, sample in enumerate(chosen):
            for name, of in sample.items():
                for variable, values in of.items():
                    file.write(image, name, variable, 0, values)
            advance(1)
    return None
