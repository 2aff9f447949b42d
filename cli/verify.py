"""`ipvae verify`: do all backends agree, bit for bit."""

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
    network_images,
    replayed_draws,
)
from ipvae.cli.output import JsonOption, emit, working
from ipvae.network.description import LAYER, IntNetwork
from ipvae.network.errors import InputError
from ipvae.network.file import read_network
from ipvae.network.trace import VARIABLES, Trace, compare


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
    data_dir: DataDirOption = None,
    images: ImagesOption = None,
    json: JsonOption = None,
) -> None:
    """Compare backends in every variable, neuron, step and image; exit 1 if they differ.

    With --trace: replay the trace's counts, compare all else that it holds, and test that the
    counts follow the sampler's law.
    """
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
    pixels = network_images(network, samples, data_dir, images).pixels
    draws, seed = replayed_draws(replay_draws, network, samples, steps, seed)
    traces = []
    for name in names:
        with working(f"running {samples} images for {steps} steps on {name}"):
            traces.append(run_backend(name, network, pixels, steps, seed, draws))
    result = verdict(network, traces, samples, steps, seed)
    emit(result, json, describe(result))
    raise typer.Exit(0 if result["bit_exact"] else 1)


def verdict(network: IntNetwork, traces: list[Trace], samples: int, steps: int, seed: int) -> dict:
    """Compare all traces with the first; JSON data.

    `compared_values` counts the values of one trace that were compared with those of every
    other backend: samples x (steps + 1) x variables x K.
    """
    comparisons = [compare(traces[0], other) for other in traces[1:]]
    differing = [c.first_divergence for c in comparisons if c.first_divergence]
    compared = min(c.compared_values for c in comparisons)
    complete = samples * (steps + 1) * len(VARIABLES) * network.layer.n_neurons
    return {
        "bit_exact": not differing and compared == complete,
        "backends": [trace.backend for trace in traces],
        "variables": [f"{LAYER}/{name}" for name in VARIABLES],
        "samples": samples,
        "steps": steps,
        "seed": seed,
        "compared_values": compared,
        "max_count": max(c.max_count for c in comparisons),
        "first_divergence": differing[0] if differing else None,
    }


def describe(result: dict) -> str:
    """One line."""
    names = " = ".join(result["backends"])
    if result["first_divergence"] is None:
        return (
            f"bit-exact: {names} in {result['compared_values']} values "
            f"({result['samples']} images, steps 0..{result['steps']}, "
            f"{', '.join(result['variables'])}; counts up to {result['max_count']})"
        )
    return divergence(result)


def divergence(result: dict) -> str:
    """Where the first differing value is."""
    where = result["first_divergence"]
    return (
        f"NOT bit-exact: {where['backend']} first differs from {result['backends'][0]} at sample "
        f"{where['sample']}, step {where['step']}, layer {where['layer']}, variable "
        f"{where['variable']}, index {where['index']}: expected {where['expected']}, "
        f"found {where['found']}"
    )
