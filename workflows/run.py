"""Run images through a network on one backend."""

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ipvae.errors import InputError
from ipvae.files import require_writable_file
from ipvae.lava_procs.supervision.watchdog import TIMEOUT_SECONDS
from ipvae.network.description import IntNetwork
from ipvae.network.network import Network
from ipvae.network.rules.stream import frames
from ipvae.network.traces.replay import read_draws
from ipvae.network.traces.selection import EVERYTHING, Record
from ipvae.network.traces.totals import Totals
from ipvae.outputs import require_outputs
from ipvae.workflows.boundary import public, require_positive
from ipvae.workflows.image_input.images import ImagesLike, network_images
from ipvae.workflows.image_input.own_images import LabelsLike
from ipvae.workflows.output.outputs import run_outputs
from ipvae.workflows.progress import Listener, listening
from ipvae.workflows.running.backends import require_known
from ipvae.workflows.running.estimates import announce_run
from ipvae.workflows.running.job import Files, Job
from ipvae.workflows.running.number import DEFAULT_STEPS
from ipvae.workflows.running.run_result import RunResult
from ipvae.workflows.streams.films import stream_pixels

__all__ = ["RunResult", "run"]

log = logging.getLogger("ipvae")


@public
def run(
    network: IntNetwork | Network,
    images: ImagesLike = None,
    *,
    steps: int = DEFAULT_STEPS,
    seed: int = 0,
    backend: str = "emulator",
    record: str | Sequence[str] | Record = "totals",
    samples: int | None = None,
    data_dir: str | Path | None = None,
    frame_steps: int | None = None,
    motion: str | None = None,
    replay_draws: str | Path | np.ndarray | None = None,
    keep_steps: Sequence[int] = (),
    trace_file: str | Path | None = None,
    draws_file: str | Path | None = None,
    profile_file: str | Path | None = None,
    overwrite: bool = False,
    integers: str = "input",
    labels: LabelsLike = None,
    step_time: float | None = None,
    timeout: float = TIMEOUT_SECONDS,
    progress: Listener | None = None,
) -> RunResult:
    """Run images through a network.

    Parameters
    ----------
    network : IntNetwork, or a lava-dl network
    images : array, path or name of a set, optional
        (n, M), (n, height, width), (n, 1, height, width) or (n, height, width, 1): integers are
        pixel levels, floating-point numbers real values. With `frame_steps` an array of streams,
        (n, frames, M), an .npy file with one, or an animated picture. By default the test images
        in the network.
    steps : int
        Updates of each image (T).
    seed : int in [0, 2**48)
        Seed of all random draws.
    backend : 'emulator', 'lava', 'lava-stock' or 'loihi2'
    record : 'totals', 'all', names of variables, or Record
        Contents of the trace; with 'totals' there is no trace.
    samples : int, optional
        Number of images to run, from the first.
    data_dir : path, optional
        Folder of the network's data set, whose test images are run.
    frame_steps : int, optional
        For streams: updates of each frame, without a reset between frames (`ipvae.Stream` takes
        frames one by one).
    motion : 'rotate' or 'jitter', optional
        For streams: every image moves, as `ipvae.film` with this run's seed moves it.
    replay_draws : path or (n, steps + 1, K) int array, optional
        Counts to replay instead of sampling.
    keep_steps : ints in [0, steps]
        Steps whose potentials and outputs are kept in `totals.kept`.
    trace_file, draws_file : path, optional
        Files for the trace, and for the code's counts alone, which are then not kept in memory.
        `record` selects the contents of the trace; with 'totals' it contains everything.
    profile_file : path, optional
        For backend loihi2: file for time and energy measured by the board (CSV).
    overwrite : bool
        Replace earlier traces and profiles in these files.
    integers : 'input' or 'real'
        For a lava-dl network, the meaning of integers in `images`: values for the input neurons,
        or real numbers.
    labels : (n,) int, or path of an .npy file with them; optional
        For a lava-dl network: class of each image, for the accuracy of the last layer.
    step_time : float, optional
        For files of event recordings (`images`, or a folder of them; formats as for
        `ipvae.encode_events`): duration of a step in the unit of their times.
    timeout : float, seconds
        For Lava's backends: longest time without a response.
    progress : callable, optional
        Receives each `ipvae.workflows.progress.ProgressEvent`.

    Raises
    ------
    InputError
        If an argument cannot be used.
    BackendError
        If the backend is not available on this machine.
    HungBackendError
        If the backend stopped responding.
    UnprovedOverflowError
        If a variable of the network may leave its range.

    Examples
    --------
    >>> import ipvae
    >>> net = ipvae.load_network("net.h5")  # doctest: +SKIP
    >>> ipvae.run(net, steps=64).totals  # doctest: +SKIP
    """
    if isinstance(network, Network):
        only_ours: dict[str, object] = {
            "data_dir": data_dir,
            "replay_draws": replay_draws,
            "keep_steps": keep_steps or None,
            "draws_file": draws_file,
            "profile_file": profile_file,
        }
        from ipvae.workflows.kinds.frames import require_unset
        from ipvae.workflows.kinds.running import Files as NetworkFiles
        from ipvae.workflows.kinds.running import run as run_network

        require_unset(only_ours)
        from ipvae.workflows.streams.held import stream_rows

        images = stream_rows(network, images, steps, frame_steps, samples, motion, seed)
        with listening(progress):
            return run_network(
                network,
                images,
                steps=steps,
                seed=seed,
                backend=backend,
                samples=samples,
                integers=integers,
                timeout=timeout,
                labels=labels,
                step_time=step_time,
                record=as_record(record),
                files=NetworkFiles(None if trace_file is None else Path(trace_file), overwrite),
            )
    if labels is not None:
        raise InputError(
            "labels: allowed with a lava-dl network, whose last layer is judged by them; "
            "ipvae.evaluate judges other networks. Omit it."
        )
    if step_time is not None:
        raise InputError(
            "step_time: allowed with networks of any kind that take spikes; a network with pixels "
            "takes images. Omit it."
        )
    if integers != "input":
        raise InputError(
            f"integers: found {integers}, allowed with a lava-dl network only; omit it. Integers "
            "are pixel levels, floating-point numbers real values."
        )
    require_known(backend)
    if profile_file is not None and backend != "loihi2":
        raise InputError(f"profile_file: found backend={backend}, allowed is loihi2: a board's own")
    require_outputs(
        run_outputs(trace_file, draws_file, profile_file, overwrite=overwrite),
        {"images": images, "replay_draws": replay_draws},
    )
    chosen = as_record(record)
    if chosen is not None:
        chosen.require_fits(network)
    pixels = run_pixels(network, images, samples, data_dir, steps, frame_steps, motion, seed)
    draws, seed = replayed(replay_draws, network, len(pixels), steps, seed)
    for path in (trace_file, draws_file, profile_file):
        if path is not None:
            require_writable_file(path)  # also creates the folder
    files = Files(*(None if f is None else Path(f) for f in (trace_file, draws_file)))
    announce_run(network, len(pixels), steps, backend, chosen, to_file=trace_file is not None)
    job = Job(network, pixels, steps, seed, draws, frame_steps)
    with listening(progress):
        if backend == "emulator":
            seconds, totals = job.emulate(keep_steps)
            trace = job.record_to(files, chosen)
        else:
            seconds, trace = job.simulate(backend, chosen or EVERYTHING, timeout)
            totals = job.totals_of(trace, keep_steps) if chosen in (None, EVERYTHING) else None
            files.write(network, trace)
        if profile_file is not None:
            job.measure(Path(profile_file))
    return RunResult(
        backend=backend,
        images=len(pixels),
        steps=steps,
        frames=frames(steps, frame_steps),
        seed=seed,
        replayed=draws is not None,
        seconds=seconds,
        totals=totals,
        trace=None if chosen is None or files.trace is not None else trace,
        outputs=_outputs(network, totals),
        code=network.code,
    )


def as_record(record: str | Sequence[str] | Record) -> Record | None:
    """Return the record for a name or names of variables; None for totals alone."""
    if isinstance(record, Record):
        return record
    if record == "totals":
        return None
    if record == "all":
        return EVERYTHING
    if isinstance(record, str):
        raise InputError(
            f"record: found '{record}', allowed 'totals', 'all' or names of variables; "
            "pass for example ('z',)"
        )
    return Record(variables=tuple(record))


def run_pixels(
    network: IntNetwork,
    images: ImagesLike,
    samples: int | None,
    data_dir: str | Path | None,
    steps: int,
    frame_steps: int | None,
    motion: str | None = None,
    seed: int = 0,
) -> np.ndarray:
    """Return the pixels of a run: (N, M) int16, or (N, frames, M) with `frame_steps`."""
    require_positive("steps", steps)
    if frame_steps is None:
        if motion is not None:
            raise InputError("motion: needs frame_steps=; give both or neither")
        return network_images(network, samples, data_dir, images).pixels
    return stream_pixels(network, images, samples, data_dir, steps, frame_steps, motion, seed)


def replayed(
    draws: str | Path | np.ndarray | None, network: IntNetwork, samples: int, steps: int, seed: int
) -> tuple[np.ndarray | None, int]:
    """Return draws to replay, if any, and the seed of the run."""
    if draws is None or isinstance(draws, np.ndarray):
        return draws, seed
    return read_draws(Path(draws), network, samples, steps)


def _outputs(network: IntNetwork, totals: Totals | None) -> dict[str, np.ndarray]:
    if totals is None:
        return {}
    shown = [s.name for s in network.schedule.stages if s.role != "hidden"]
    return {name: totals.layers[name].z for name in shown}
