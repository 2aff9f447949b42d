"""`ipvae verify`: do all backends agree, bit for bit."""

from pathlib import Path
from typing import Annotated

import typer

from ipvae.cli.backends import require_known, run_backend
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
)
from ipvae.cli.output import JsonOption, emit, require_json_target, working
from ipvae.cli.recording import HoldOption, as_samples, asked_by, images_needed
from ipvae.cli.verdict import describe, verdict
from ipvae.cli.verify_trace import describe_trace, refuse_beside_trace, verify_trace
from ipvae.lava_procs.watch import TIMEOUT_SECONDS
from ipvae.network.errors import InputError
from ipvae.network.file import read_network


def verify(
    context: typer.Context,
    net: NetArgument,
    backends: Annotated[
        str, typer.Option(help="Two or more, the first is the reference.")
    ] = "emulator,lava",
    samples: SamplesOption = 16,
    steps: StepsOption = 64,
    seed: SeedOption = 0,
    trace: Annotated[
        Path | None,
        typer.Option(help="Verify this trace of a board, whose random source may be another."),
    ] = None,
    replay_draws: ReplayOption = None,
    hold: HoldOption = None,
    timeout: TimeoutOption = TIMEOUT_SECONDS,
    data_dir: DataDirOption = None,
    images: ImagesOption = None,
    json: JsonOption = None,
) -> None:
    """Compare backends in every variable, neuron, step and image; exit 1 if they differ.

    With --trace: replay the trace's counts, compare all else that it holds, and test that the
    counts follow the sampler's law.
    """
    require_json_target(json)
    if trace is not None:
        refuse_beside_trace(context)
        result = verify_trace(read_network(net), trace, data_dir, images)
        emit(result, json, describe_trace(result))
        raise typer.Exit(0 if result["bit_exact"] and result["draws"]["follows_poisson"] else 1)
    names = [name.strip() for name in backends.split(",")]
    for name in names:
        require_known(name)
    if len(names) < 2 or len(set(names)) < len(names):
        raise InputError(f"--backends: found '{backends}', allowed two or more different ones")
    network = read_network(net)
    needed = images_needed(samples, steps, hold)
    pixels = network_images(network, needed, data_dir, images, asked_by(samples, hold)).pixels
    pixels = as_samples(pixels, samples, hold)
    draws, seed = replayed_draws(replay_draws, network, samples, steps, seed)
    traces = []
    for name in names:
        with working(f"running {samples} images for {steps} steps on {name}"):
            traces.append(
                run_backend(name, network, pixels, steps, seed, draws, hold=hold, timeout=timeout)
            )
    result = verdict(network, traces, samples, steps, seed) | {
        "max_count": max(int(trace.stacked(network.code, "z").max()) for trace in traces)
    }
    emit(result, json, describe(result))
    raise typer.Exit(0 if result["bit_exact"] else 1)
