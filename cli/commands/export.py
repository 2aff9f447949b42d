"""`ipvae export`: conversion of a trained model to an integer network file."""

from pathlib import Path
from typing import Annotated

import typer

import ipvae
from ipvae.cli.options.inputs import (
    DataDirOption,
    ImagesOption,
    InferenceOption,
    LabelsOption,
    LayoutOption,
    OverwriteOption,
    SeedOption,
    ThresholdOption,
    chosen_from,
    is_nir,
    not_nir,
    optional,
)
from ipvae.cli.output import JsonOption, show
from ipvae.workflows.output.files import require_writable_file


def export(
    context: typer.Context,
    model: Annotated[
        Path, typer.Argument(metavar="MODEL", help="Trained model.", callback=not_nir)
    ],
    out: Annotated[
        Path, typer.Option(metavar="FILE.h5", help="Network file to write; *.nir for NIR.")
    ],
    weight_bits: Annotated[int, typer.Option(metavar="N", help="Bits of a weight, 2 to 8.")] = 8,
    layout: LayoutOption = "recurrent",
    refit_decoder: Annotated[
        bool, typer.Option("--refit-decoder", help="Fit the decoder to what the network sends.")
    ] = False,
    readout: Annotated[
        str | None,
        typer.Option(
            help="Layers that read the code: one or more, as in decoder,classes.",
            **chosen_from("decoder", "classes"),
        ),
    ] = None,
    inference: InferenceOption = "model",
    threshold: ThresholdOption = None,
    start: Annotated[
        str, typer.Option(help="Log-rates at reset, by image.", **chosen_from("constant", "affine"))
    ] = "constant",
    start_threshold: Annotated[
        float | None, optional("X", "Lower a start below X nats.", "0")
    ] = None,
    start_margin: Annotated[float | None, optional("X", "Lower it by X nats.", "2")] = None,
    step_scale: Annotated[
        float, typer.Option(metavar="X", help="Multiply the step size of the model.")
    ] = 1.0,
    inhibition_scale: Annotated[
        float, typer.Option(metavar="X", help="Multiply the constant inhibition of the model.")
    ] = 1.0,
    most_loss: Annotated[
        float,
        typer.Option(
            min=0.0, metavar="X", help="Refuse a network whose R2 is lower by more than this."
        ),
    ] = 0.05,
    image_size: Annotated[
        str | None, typer.Option(metavar="HxW", help="Of a convolutional network's images.")
    ] = None,
    data_dir: DataDirOption = None,
    images: ImagesOption = None,
    labels: LabelsOption = None,
    seed: SeedOption = 0,
    overwrite: OverwriteOption = False,
    json: JsonOption = None,
) -> None:
    """Quantize a trained model, calibrate it on training images and write the network file.

    A file *.nir gets the float model, as far as NIR can represent it (docs/nir.md).

    Exit 1, and nothing is written, if the network is worse than the model by more than
    --most-loss.
    """
    from ipvae.cli.commands.nir import require_no_others

    if is_nir(out):
        require_no_others(context, out)
        from ipvae.workflows.nir import save_nir

        terms = {"inference": inference, "threshold": threshold, "overwrite": overwrite}
        show(save_nir(model, out, **terms), json)
        return
    readouts = tuple(name.strip() for name in readout.split(",")) if readout else ()
    require_writable_file(out)
    made = ipvae.quantize(
        model,
        images,
        labels,
        weight_bits=weight_bits,
        layout=layout,
        inference=inference,
        threshold=threshold,
        readouts=readouts,
        refit_decoder=refit_decoder,
        start=start,
        start_threshold=start_threshold,
        start_margin=start_margin,
        step_scale=step_scale,
        inhibition_scale=inhibition_scale,
        most_loss=most_loss,
        image_size=image_size,
        data_dir=data_dir,
        seed=seed,
    )
    show(made.save(out, overwrite=overwrite), json)
