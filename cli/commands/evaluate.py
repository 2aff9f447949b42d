"""`ipvae evaluate`: reconstruction, sparsity and class accuracy of a model or a network."""

from pathlib import Path
from typing import Annotated

import typer

from ipvae.cli.options.evaluation import (
    ContrastOption,
    InvertOption,
    NoiseOption,
    ProbeImagesOption,
    RotateOption,
    SaltOption,
    SchedulerOption,
    SeedsOption,
    ShiftOption,
    StopOption,
    ToleranceOption,
    chosen_changes,
)
from ipvae.cli.options.inputs import (
    DataDirOption,
    ImagesOption,
    InferenceOption,
    IntegersOption,
    LabelsOption,
    SeedOption,
    ThresholdOption,
    chosen_from,
    not_nir,
    optional,
)
from ipvae.cli.options.lists import parse_steps
from ipvae.cli.output import JsonOption, show
from ipvae.workflows.evaluate import evaluate as evaluate_one


def evaluate(
    path: Annotated[
        Path, typer.Argument(metavar="MODEL|NET.h5", help="Model or network.", callback=not_nir)
    ],
    steps: Annotated[
        str | None,
        optional("LIST", "Steps to look at, such as 16,64,1000.", "64, of an amortized model 1"),
    ] = None,
    samples: Annotated[
        int | None, optional("N", "Images, the first ones in order.", "all", min=1)
    ] = None,
    seed: SeedOption = 0,
    seeds: SeedsOption = None,
    probe: Annotated[
        bool, typer.Option("--probe", help="Fit a linear classifier on the rates.")
    ] = False,
    probe_images: ProbeImagesOption = None,
    sparsity: Annotated[
        bool, typer.Option("--sparsity", help="Lifetime and population sparsity, dead latents.")
    ] = False,
    neighbours: Annotated[
        bool, typer.Option("--neighbours", help="Classify by nearest neighbours, few labels.")
    ] = False,
    dimensionality: Annotated[
        bool, typer.Option("--dimensionality", help="Participation ratio and shattering.")
    ] = False,
    readout: Annotated[
        str, typer.Option(help="Counts to decode.", **chosen_from("draw", "mean", "rates"))
    ] = "draw",
    inference: InferenceOption = "model",
    threshold: ThresholdOption = None,
    pictures: Annotated[Path | None, optional("DIR", "Draw pictures into this folder.")] = None,
    data_dir: DataDirOption = None,
    images: ImagesOption = None,
    labels: LabelsOption = None,
    integers: IntegersOption = "input",
    stop: StopOption = None,
    tolerance: ToleranceOption = None,
    rotate: RotateOption = None,
    shift: ShiftOption = None,
    invert: InvertOption = False,
    noise: NoiseOption = None,
    salt: SaltOption = None,
    contrast: ContrastOption = None,
    scheduler: SchedulerOption = None,
    json: JsonOption = None,
) -> None:
    """Evaluate a trained model (float) or a network file (integers) on test images."""
    result = evaluate_one(
        path,
        images,
        labels,
        steps=None if steps is None else parse_steps(steps),
        seeds=range(seed, seed + (seeds or 1)),
        samples=samples,
        data_dir=data_dir,
        probe=probe,
        neighbours=neighbours,
        dimensionality=dimensionality,
        sparsity=sparsity,
        probe_images=probe_images,
        inference=inference,
        threshold=threshold,
        changes=chosen_changes(
            rotate=rotate, shift=shift, invert=invert, noise=noise, salt=salt, contrast=contrast
        ),
        readout=readout,
        stop=stop,
        tolerance=tolerance,
        scheduler=scheduler,
        pictures=pictures,
        integers=integers,
    )
    show(result, json)
