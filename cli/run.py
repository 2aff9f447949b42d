"""`ipvae run`: run images through a network on one backend."""

import time
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from ipvae.cli.backends import require_known, run_backend
from ipvae.cli.emulated import Run, draws_alone
from ipvae.cli.inputs import (
    DataDirOption,
    ImagesOption,
    NetArgument,
    ReplayOption,
    SamplesOption,
    SeedOption,
    StepsOption,
    TimeoutOption,
    network_images,
    replayed_draws,
    require_distinct,
)
from ipvae.cli.output import JsonOption, emit, require_json_target, table, working
from ipvae.cli.plain import run_plain_net
from ipvae.cli.recording import (
    EveryOption,
    HoldOption,
    LayersOption,
    NeuronsOption,
    VariablesOption,
    as_samples,
    asked_by,
    chosen_record,
    images_needed,
)
from ipvae.lava_procs.watch import TIMEOUT_SECONDS
from ipvae.network.atomic import require_writable_file
from ipvae.network.bounds import layer_saturations
from ipvae.network.description import IntNetwork
from ipvae.network.draws import only_draws
from ipvae.network.errors import InputError
from ipvae.network.file import read_network
from ipvae.network.plain_file import is_plain
from ipvae.network.random_source import STEP_LIMIT
from ipvae.network.record import EVERYTHING, Record
from ipvae.network.stream import frames, stream_drives
from ipvae.network.trace import VARIABLES, Trace, write_trace
from ipvae.report.numbers import percent


def run(
    net: NetArgument,
    backend: Annotated[str, typer.Option(help="emulator, lava or loihi2.")] = "emulator",
    samples: SamplesOption = 16,
    steps: StepsOption = 64,
    seed: SeedOption = 0,
    trace: Annotated[
        Path | None, typer.Option(help="Write every variable of every step here (HDF5).")
    ] = None,
    record_draws: Annotated[
        Path | None, typer.Option(help="Write the counts alone here, as a trace (HDF5).")
    ] = None,
    replay_draws: ReplayOption = None,
    variables: VariablesOption = None,
    every: EveryOption = 1,
    layers: LayersOption = None,
    neurons: NeuronsOption = None,
    hold: HoldOption = None,
    timeout: TimeoutOption = TIMEOUT_SECONDS,
    profile: Annotated[
        Path | None,
        typer.Option(help="Measure time and energy on the board too, write them here (CSV)."),
    ] = None,
    data_dir: DataDirOption = None,
    images: ImagesOption = None,
    json: JsonOption = None,
) -> None:
    """Run images on the emulator, on Lava's CPU simulator or on Loihi 2."""
    require_json_target(json)
    require_known(backend)
    if profile is not None and backend != "loihi2":
        raise InputError(f"--profile: found --backend {backend}, allowed is loihi2: a board's own")
    require_distinct(
        {
            "--trace": trace,
            "--record-draws": record_draws,
            "--profile": profile,
            "--json": json,
        },
        {"NET.h5": net, "--replay-draws": replay_draws, "--images": images},
    )
    if is_plain(net):
        refused: dict[str, object] = {
            "--trace": trace,
            "--record-draws": record_draws,
            "--replay-draws": replay_draws,
            "--variables": variables,
            "--every": every if every > 1 else None,
            "--layers": layers,
            "--neurons": neurons,
            "--hold": hold,
            "--data-dir": data_dir,
        }
        run_plain_net(net, backend, samples, steps, seed, timeout, images, json, refused)
        return
    network = read_network(net)
    require_trace(variables, every, layers, neurons, trace, record_draws)
    record = chosen_record(network, variables, every, layers, neurons)
    needed = images_needed(samples, steps, hold)
    found = network_images(network, needed, data_dir, images, asked_by(samples, hold)).pixels
    pixels = as_samples(found, samples, hold)
    draws, seed = replayed_draws(replay_draws, network, samples, steps, seed)
    for output in (trace, record_draws, profile):
        if output is not None:
            require_writable_file(output)
    job = Run(network, pixels, steps, seed, draws, hold)
    if backend == "emulator":
        seconds, counted = _emulate(job, record, trace, record_draws)
    else:
        seconds, counted = _simulate(backend, job, record, trace, record_draws, timeout)
    if profile is not None:
        from ipvae.lava_procs.loihi2_profile import measure, write_profile

        with working("measuring time and energy"):
            n_steps = min(samples * steps, STEP_LIMIT - 1)
            write_profile(profile, measure(network, found[0], n_steps, seed))
    result = {
        "backend": backend,
        "samples": samples,
        "steps": steps,
        "seed": seed,
        "draws": "sampled" if draws is None else "replayed",
        "seconds": seconds,
        "image_steps_per_second": samples * (steps + 1) / seconds,
        "frames": frames(steps, hold),
    }
    rows = [
        ["images x steps", f"{samples} x {steps}"],
        ["time", f"{seconds:.2f} s, {result['image_steps_per_second']:.0f} image-steps/s"],
    ]
    if counted is not None:
        result |= counted
        rows += [
            ["spikes", f"{result['spikes']} ({percent(result['zeros'])} of the counts are zero)"],
            ["saturations", str(result["saturations"])],
        ]
    else:
        result |= dict.fromkeys(("spikes", "zeros", "saturations", "saturations_by_variable"))
        rows.append(["spikes, saturations", "not counted: part of the run was recorded"])
    emit(result, json, table(f"{net} on {backend}", ["", ""], rows))


def _emulate(
    job: Run, record: Record, trace: Path | None, record_draws: Path | None
) -> tuple[float, dict[str, Any]]:
    """Seconds and figures of a run on the emulator, which never holds a whole trace."""
    seconds, counted = job.timed()
    if trace is not None:
        job.write(trace, record)
    if record_draws is not None:
        job.write(record_draws, draws_alone(job.network))
    return seconds, counted


def _simulate(
    backend: str,
    job: Run,
    record: Record,
    trace: Path | None,
    record_draws: Path | None,
    timeout: float,
) -> tuple[float, dict[str, Any] | None]:
    """Seconds of a run on another backend; its figures if everything was recorded."""
    network, images, hold = job.network, job.images, job.hold
    start = time.perf_counter()
    with working(f"running {len(images)} images for {job.n_steps} steps on {backend}"):
        recorded = run_backend(
            backend, network, images, job.n_steps, job.seed, job.draws, record, hold, timeout
        )
    seconds = time.perf_counter() - start
    if trace is not None:
        write_trace(trace, recorded)
    if record_draws is not None:
        write_trace(record_draws, only_draws(recorded, network))
    if record != EVERYTHING:
        return seconds, None
    return seconds, figures(network, recorded, stream_drives(network, images, job.n_steps, hold))


def require_trace(
    variables: str | None,
    every: int,
    layers: str | None,
    neurons: str | None,
    trace: Path | None,
    record_draws: Path | None,
) -> None:
    """Raise InputError if a choice of what is recorded comes without a file for it."""
    given = {"--variables": variables, "--layers": layers, "--neurons": neurons}
    options = [option for option, value in given.items() if value is not None]
    options += ["--every"] if every > 1 else []
    if not options:
        return
    if record_draws is not None:
        raise InputError(f"--record-draws: takes all counts; leave {', '.join(options)} away")
    if trace is None:
        raise InputError(f"{', '.join(options)}: choose what --trace holds; give --trace OUT.h5")


def figures(network: IntNetwork, recorded: Trace, b: dict[str, np.ndarray]) -> dict[str, Any]:
    """Spikes and saturations of a trace of everything; JSON data."""
    saturated: dict[str, int] = {}
    for name, layer in network.layers.items():
        variables = {variable: recorded.stacked(name, variable) for variable in VARIABLES}
        for variable, number in layer_saturations(layer, variables, b[name]).items():
            saturated[variable] = saturated.get(variable, 0) + number
    z = recorded.stacked(network.code, "z")
    return {
        "spikes": int(np.abs(z).sum(dtype="int64")),
        "zeros": float((z == 0).mean()),
        "saturations": sum(saturated.values()),
        "saturations_by_variable": saturated,
    }
