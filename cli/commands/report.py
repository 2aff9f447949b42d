"""`ipvae report`: cost and quality of a run, on the terminal and as an HTML page."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from ipvae.cli.options.evaluation import SchedulerOption
from ipvae.cli.options.inputs import (
    CertificateOption,
    DataDirOption,
    ImagesOption,
    IntegersOption,
    LabelsOption,
    NetArgument,
    SeedOption,
    StepsOption,
    optional,
)
from ipvae.cli.output import JsonOption, show
from ipvae.workflows.report import make_report
from ipvae.workflows.running.number import AtMost

RUN = {"samples", "steps", "seed", "data_dir", "images", "integers"}
"""Options that a report shares with a verification of its run."""
OWN = {"labels", "seeds", "measured", "verify", "certificate", "sanafe"}


def report(
    context: typer.Context,
    net: NetArgument,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for the report.")],
    samples: Annotated[
        int | None, optional("N", "Images, the first ones in order.", "all", min=1)
    ] = None,
    steps: StepsOption = 64,
    seed: SeedOption = 0,
    seeds: Annotated[
        int | None,
        optional(
            "N",
            "Number of seeds, from --seed on: the report has their mean and spread.",
            "1",
            min=1,
        ),
    ] = None,
    data_dir: DataDirOption = None,
    images: ImagesOption = None,
    labels: LabelsOption = None,
    integers: IntegersOption = "input",
    measured: Annotated[
        Path | None,
        optional("LOG.csv", "Log of Lava's profiler for Loihi 2, to compare with the counts."),
    ] = None,
    verify: Annotated[
        str | None,
        optional("BACKENDS", "Compare the first images bit for bit with these too, such as lava."),
    ] = None,
    certificate: CertificateOption = None,
    scheduler: SchedulerOption = None,
    sanafe: Annotated[
        bool,
        typer.Option(
            "--sanafe", help="Simulate the same spikes in SANA-FE too (if it is installed)."
        ),
    ] = False,
    json: JsonOption = None,
) -> None:
    """Count the operations of a run, model its energy, judge its outputs; as a page.

    Exit 1, the page written, if --verify finds a difference.
    """
    found = make_report(
        net,
        images,
        labels,
        steps=steps,
        samples=samples,
        seed=seed,
        seeds=None if seeds is None else range(seed, seed + seeds),
        data_dir=data_dir,
        measured=measured,
        verify=() if verify is None else verify,
        certificate=certificate,
        scheduler=scheduler,
        sanafe=sanafe,
        integers=integers,
        folder=out,
        commands={
            "command": typed(context, ["report", str(net), "--out", "DIR"], RUN | OWN),
            "verify": typed(context, ["verify", str(net), "--backends", "emulator,lava"], RUN),
        },
    )
    found.save()
    show(found, json)
    if found.bit_exact is False:
        raise typer.Exit(1)


def typed(context: typer.Context, words: list[str], names: set[str]) -> str:
    """Return a command with the options that the running command was given."""
    for parameter in context.command.params:
        value = context.params[parameter.name]
        default = value is None or value is False or value == "input" or isinstance(value, AtMost)
        if parameter.name in names and not default:
            words = [*words, parameter.opts[0], *([] if value is True else [str(value)])]
    return shlex.join(["ipvae", *words])
