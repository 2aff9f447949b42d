"""`ipvae import`: a user's own arrays become a model like a trained one."""

from pathlib import Path
from typing import Annotated

import typer

from ipvae.cli.inputs import training_errors
from ipvae.cli.output import JsonOption, emit
from ipvae.network.errors import InputError


def import_model(
    source: Annotated[Path, typer.Argument(metavar="ARRAYS.npz", help="Your arrays.")],
    out: Annotated[Path, typer.Option(help="Folder for the model.")],
    pixel_max: Annotated[
        int, typer.Option(min=1, max=32767, help="Integer pixel that stands for 1.0.")
    ] = 255,
    image_shape: Annotated[
        str | None, typer.Option(metavar="HxW", help="Height and width; square if not given.")
    ] = None,
    preset: Annotated[
        str, typer.Option(help="Data set that the arrays were trained on, if it is one of ours.")
    ] = "arrays",
    json: JsonOption = None,
) -> None:
    """Import phi (M,K), sigma (M), step_size, bias (K) and u0 (K) from an .npz file."""
    from ipvae.export.model import from_arrays, to_parameters
    from ipvae.train.checkpoint import Checkpoint, save_checkpoint
    from ipvae.train.data import DataInfo

    if source.suffix != ".npz":
        raise InputError(
            f"{source}: allowed are .npz files with the arrays phi, sigma, step_size, bias and u0"
        )
    network = from_arrays(source)
    m, k = network.phi.shape
    data = DataInfo(preset, pixel_max, _shape(image_shape, m), 0)
    with training_errors():
        saved = save_checkpoint(out, Checkpoint(to_parameters(network), None, data))
    emit(
        {"model": str(saved), "pixels": m, "neurons": k},
        json,
        f"saved {saved}: {m} pixels, {k} neurons",
    )


def _shape(text: str | None, n_pixels: int) -> tuple[int, int]:
    """Height and width from 'HxW', or a square, or one row."""
    if text is None:
        side = round(n_pixels**0.5)
        return (side, side) if side * side == n_pixels else (1, n_pixels)
    height, _, width = text.partition("x")
    if not (height.isdigit() and width.isdigit() and int(height) * int(width) == n_pixels):
        raise InputError(
            f"--image-shape: found '{text}', allowed HEIGHTxWIDTH with a product of {n_pixels}"
        )
    return int(height), int(width)
