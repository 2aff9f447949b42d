"""`ipvae run`: run images through a network on one backend."""

import time
from pathlib import Path
from typing import Annotated

import numpy as np
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
    network_images,
    replayed_draws,
    require_distinct,
)
from ipvae.cli.output import JsonOption, emit, require_json_target, table, working
from ipvae.network.atomic import require_writable_file
from ipvae.network.bounds import layer_saturations
from ipvae.network.draws import only_draws
from ipvae.network.drive import drives
from ipvae.network.file import read_network
from ipvae.network.trace import VARIABLES, write_trace


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
    data_dir: DataDirOption = None,
    images: ImagesOption = None,
    json: JsonOption = None,
) -> None:
    """Run images on the emulator, on Lava's CPU simulator or on Loihi 2."""
    require_json_target(json)
    require_known(backend)
    require_distinct(
        {"--trace": trace, "--record-draws": record_draws, "--json": json},
        {"NET.h5": net, "--replay-draws": replay_draws, "--images": images},
    )
    network = read_network(net)
    pixels = network_images(network, samples, data_dir, images).pixels
    draws, seed = replayed_draws(replay_draws, network, samples, steps, seed)
    for output in (trace, record_draws):
        if output is not None:
            require_writable_file(output)
    start = time.perf_counter()
    with working(f"running {samples} images for {steps} steps on {backend}"):
        recorded = run_backend(backend, network, pixels, steps, seed, draws)
    seconds = time.perf_counter() - start
    if trace is not None:
        write_trace(trace, recorded)
    if record_draws is not None:
        write_trace(record_draws, only_draws(recorded, network))
    saturated: dict[str, int] = {}
    b = drives(network, pixels)
    for layer in network.layers:
        variables = {name: recorded.stacked(layer, name) for name in VARIABLES}
        for name, number in layer_saturations(network.layers[layer], variables, b[layer]).items():
            saturated[name] = saturated.get(name, 0) + number
    z = recorded.stacked(network.code, "z")
    result = {
        "backend": backend,
        "samples": samples,
        "steps": steps,
        "seed": seed,
        "draws": "sampled" if draws is None else "replayed",
        "seconds": seconds,
        "image_steps_per_second": samples * (steps + 1) / seconds,
        "spikes": int(np.abs(z).sum(dtype="int64")),
        "zeros": float((z == 0).mean()),
        "saturations": sum(saturated.values()),
        "saturations_by_variable": saturated,
    }
    rows = [
        ["images x steps", f"{samples} x {steps}"],
        ["time", f"{seconds:.2f} s, {result['image_steps_per_second']:.0f} image-steps/s"],
        ["spikes", f"{result['spikes']} ({result['zeros']:.1%} of the counts are zero)"],
        ["saturations", str(result["saturations"])],
    ]
    emit(result, json, table(f"{net} on {backend}", ["", ""], rows))
