"""`ipvae verify`: bit-exact comparison of backends."""

from pathlib import Path
from typing import Annotated

import typer

import ipvae
from ipvae.cli.options.inputs import (
    TIMEOUT_SECONDS,
    CertificateOption,
    DataDirOption,
    ImagesOption,
    IntegersOption,
    NetArgument,
    ReplayOption,
    SamplesOption,
    SeedOption,
    StepsOption,
    TimeoutOption,
)
from ipvae.cli.options.recording import HoldOption, MotionOption
from ipvae.cli.output import JsonOption, show
from ipvae.errors import InputError

GIVEN_BY_THE_TRACE = (
    *("backends", "samples", "steps", "seed", "replay_draws", "hold", "motion", "certificate"),
)


def verify(
    context: typer.Context,
    net: NetArgument,
    backends: Annotated[
        str, typer.Option(metavar="A,B,...", help="Two or more, the first is the reference.")
    ] = "emulator,lava",
    samples: SamplesOption = 16,
    steps: StepsOption = 64,
    seed: SeedOption = 0,
    trace: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.h5",
            help="Verify this trace of a board, whose random source may be another.",
        ),
    ] = None,
    replay_draws: ReplayOption = None,
    hold: HoldOption = None,
    motion: MotionOption = None,
    timeout: TimeoutOption = TIMEOUT_SECONDS,
    data_dir: DataDirOption = None,
    images: ImagesOption = None,
    integers: IntegersOption = "input",
    certificate: CertificateOption = None,
    json: JsonOption = None,
) -> None:
    """Compare backends in every variable, neuron, step and image; exit 1 if they differ.

    With --trace: replay the trace's counts, compare all else that it holds, and test that the
    counts follow the sampler's distribution.
    """
    if trace is not None:
        refuse_beside_trace(context)
        result = ipvae.verify_trace(
            ipvae.load_network(net), trace, images, data_dir=data_dir, integers=integers
        )
    else:
        result = ipvae.verify(
            ipvae.load_network(net),
            images,
            steps=steps,
            seed=seed,
            backends=[name.strip() for name in backends.split(",")],
            samples=samples,
            data_dir=data_dir,
            frame_steps=hold,
            motion=motion,
            replay_draws=replay_draws,
            integers=integers,
            certificate=certificate,
            timeout=timeout,
        )
    show(result, json)
    raise typer.Exit(0 if result.holds else 1)


def refuse_beside_trace(context: typer.Context) -> None:
    """Raise InputError for an option whose value is read from the trace."""
    for name in GIVEN_BY_THE_TRACE:
        source = context.get_parameter_source(name)
        if source is not None and source.name != "DEFAULT":
            raise InputError(
                f"--trace and --{name.replace('_', '-')}: give one of them; a trace is compared "
                "with the emulator, and holds its own images, steps and draws"
            )
