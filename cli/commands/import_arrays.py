"""`ipvae import`: models from arrays, the authors' checkpoints or NIR files."""

from pathlib import Path
from typing import Annotated

import typer

from ipvae.cli.options.inputs import OverwriteOption
from ipvae.cli.output import JsonOption, show


def import_model(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="CHECKPOINT.pt|ARRAYS.npz|NET.nir",
            help="IterativeVAE's checkpoint, your arrays, or a NIR file: of ipvae or another tool.",
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder for the model.")],
    pixel_max: Annotated[
        int | None,
        typer.Option(min=1, max=32767, help="Largest integer pixel; without it 255."),
    ] = None,
    pixel_min: Annotated[
        int | None,
        typer.Option(min=-32768, max=0, help="Smallest integer pixel; without it 0."),
    ] = None,
    pixel_scale: Annotated[
        float | None,
        typer.Option(help="Real value of one integer step; without it 1 / pixel-max."),
    ] = None,
    image_shape: Annotated[
        str | None, typer.Option(metavar="HxW", help="Height and width; square if not given.")
    ] = None,
    preset: Annotated[
        str | None, typer.Option(help="Data set that it was trained on, if ipvae has it.")
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.json", help="IterativeVAE's ConfigPoisVAE.json, if not near the .pt."
        ),
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option(min=1, help="Inference steps of the .pt, if no configuration gives them."),
    ] = None,
    clamp: Annotated[
        float | None, typer.Option(help="Limit of the soft clamp, if no configuration gives it.")
    ] = None,
    inner_iterations: Annotated[
        int | None,
        typer.Option(help="Inner iterations of the .pt, if no configuration gives them."),
    ] = None,
    origin: Annotated[
        str | None,
        typer.Option(
            "--from", metavar="TOOL", help="Tool that wrote the NIR graph, such as snntorch."
        ),
    ] = None,
    overwrite: OverwriteOption = False,
    json: JsonOption = None,
) -> None:
    """Import a .pt of IterativeVAE, or phi, sigma, step_size, bias and u0 from an .npz file.

    Nothing in the .pt is executed. Arrays: phi (M,K), sigma (M), step_size, bias (K), u0 (K).
    """
    from ipvae.workflows.import_model import PixelOptions, read_foreign

    pixels = PixelOptions(pixel_min, pixel_max, pixel_scale, image_shape, preset)
    options = {"steps": steps, "clamp": clamp, "inner_iterations": inner_iterations}
    found = read_foreign(source, pixels, config, options, origin)
    show(found.saved_in(out, overwrite=overwrite), json)
