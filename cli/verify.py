"""`ipvae verify`: do all backends agree, bit for bit."""

from pathlib import Path
from typing import Annotated, Any

import typer

from ipvae.cli.inputs import (
    DataDirOption,
    ImagesOption,
    NetArgument,
    ReplayOption,
    SamplesOption,
    SeedOption,
    StepsOption,
    TimeoutOption,
)
from ipvae.cli.output import JsonOption, emit, require_json_target
from ipvae.cli.recording import HoldOption
from ipvae.errors import InputError
from ipvae.workflows.backends import TIMEOUT_SECONDS
from ipvae.workflows.networks import load_own_network
from ipvae.workflows.verify import verify as verify_network
from ipvae.workflows.verify import verify_trace

GIVEN_BY_THE_TRACE = ("backends", "samples", "steps", "seed", "replay_draws", "hold")


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
        result = verify_trace(load_own_network(net), trace, images, data_dir=data_dir)
        describe_one = describe_trace
    else:
        result = verify_network(
            load_own_network(net),
            images,
            steps=steps,
            seed=seed,
            backends=[name.strip() for name in backends.split(",")],
            samples=samples,
            data_dir=data_dir,
            frame_steps=hold,
            replay_draws=replay_draws,
            timeout=timeout,
        )
        describe_one = describe
    found = result.to_json()
    emit(found, json, describe_one(found))
    raise typer.Exit(0 if result.holds else 1)


def refuse_beside_trace(context: typer.Context) -> None:
    """Raise InputError if an option was given whose value the trace itself gives."""
    for name in GIVEN_BY_THE_TRACE:
        source = context.get_parameter_source(name)
        if source is not None and source.name != "DEFAULT":
            raise InputError(
                f"--trace and --{name.replace('_', '-')}: give one of them; a trace is compared "
                "with the emulator, and holds its own images, steps and draws"
            )


def describe(result: dict[str, Any], note: str = "") -> str:
    """One line."""
    where = result["first_divergence"]
    if where is None:
        names = " = ".join(result["backends"])
        return (
            f"bit-exact: {names} in {result['compared_values']} values "
            f"({result['samples']} images, steps 0..{result['steps']}, "
            f"{', '.join(result['variables'])}{note}; counts up to {result['max_count']})"
        )
    return (
        f"NOT bit-exact: {where['backend']} first differs from {result['backends'][0]} at sample "
        f"{where['sample']}, step {where['step']}, layer {where['layer']}, variable "
        f"{where['variable']}, index {where['index']}: expected {where['expected']}, "
        f"found {where['found']}"
    )


def describe_trace(result: dict[str, Any]) -> str:
    """Two lines, one for each verdict."""
    missing = result["not_recorded"]
    note = f"; {result['replayed']} replayed"
    if missing:
        note += f"; not recorded: {', '.join(missing)}"
    return f"{describe(result, note)}\n{_describe_draws(result['draws'])}"


def _describe_draws(law: dict[str, Any]) -> str:
    worst = min(law["tests"], key=lambda test: test["p_value"])
    says = "follow" if law["follows_poisson"] else "do NOT follow"
    left_out = f", {len(law['left_out'])} left out for want of draws" if law["left_out"] else ""
    return (
        f"draws {says} the sampler's law: {law['draws']} draws, {len(law['tests'])} tests"
        f"{left_out}; smallest p {worst['p_value']:.2g} ({worst['name']}), bound {law['bound']:.2g}"
    )
