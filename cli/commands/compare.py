"""`ipvae compare`: quality and cost of networks, models and baselines on one set of images."""

from pathlib import Path
from typing import Annotated

import typer

from ipvae.cli.options.evaluation import SchedulerOption
from ipvae.cli.options.inputs import (
    DataDirOption,
    ImagesOption,
    IntegersOption,
    LabelsOption,
    SamplesOption,
    SeedOption,
    optional,
)
from ipvae.cli.options.lists import parse_steps
from ipvae.cli.output import JsonOption, show
from ipvae.workflows.compare import DEFAULT_STEPS
from ipvae.workflows.compare import compare as compare_all
from ipvae.workflows.evaluables.opening import THRESHOLD
from ipvae.workflows.evaluation.codes import PROBE_IMAGES


def compare(
    given: Annotated[
        list[Path], typer.Argument(metavar="NET|MODEL ...", help="Networks and models.")
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for figures and pictures.")],
    steps: Annotated[
        str, typer.Option(metavar="LIST", help="Steps to look at; one-shot models have one.")
    ] = ",".join(map(str, DEFAULT_STEPS)),
    samples: SamplesOption = 64,
    seed: SeedOption = 0,
    probe: Annotated[
        bool, typer.Option("--probe", help="Accuracy of a linear classifier on the rates.")
    ] = False,
    probe_images: Annotated[
        int | None, optional("N", "Training images to fit it on.", str(PROBE_IMAGES), min=2)
    ] = None,
    lca: Annotated[
        list[Path] | None,
        optional("MODEL", "LCA in float on this model's dictionary too."),
    ] = None,
    threshold: Annotated[
        float | None, optional("X", "Of --lca, pixel units.", str(THRESHOLD))
    ] = None,
    dense: Annotated[
        list[Path] | None,
        optional("NET.h5|MODEL", "Least squares on this one's dictionary too."),
    ] = None,
    data_dir: DataDirOption = None,
    images: ImagesOption = None,
    labels: LabelsOption = None,
    integers: IntegersOption = "input",
    scheduler: SchedulerOption = None,
    json: JsonOption = None,
) -> None:
    """Curves of R2, zeros and accuracy against steps, operations and modelled energy."""
    result = compare_all(
        given,
        images,
        labels,
        steps=parse_steps(steps),
        samples=samples,
        seed=seed,
        probe=probe,
        probe_images=probe_images,
        lca=lca or (),
        threshold=threshold,
        dense=dense or (),
        data_dir=data_dir,
        scheduler=scheduler,
        integers=integers,
        folder=out,
    )
    show(result, json)
