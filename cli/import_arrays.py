"""`ipvae import`: a user's own arrays or the authors' checkpoint become a model of ours."""

import math
from pathlib import Path
from typing import Annotated, Any

import typer

from ipvae.cli.inputs import is_nir
from ipvae.cli.nir import import_nir, require_no_others
from ipvae.cli.output import JsonOption, emit, note, working
from ipvae.network.errors import InputError

PRESETS = {"MNIST": "mnist"}
"""Data sets of the authors' code that are ours too, pixel for pixel."""

SIGNED = ("vH", "Kyoto", "CIFAR", "ImageNet", "CelebA")
"""How the names of data sets begin that the authors' code standardises."""

PIXELS = {"pixel_min": 0, "pixel_max": 255, "pixel_scale": None}
STANDARDISED = {"pixel_min": -4096, "pixel_max": 4095, "pixel_scale": 1 / 256}
"""Integer pixels of images in units of their standard deviation: up to 16 of them."""

MAX_SHAPE_TEXT = 40
"""Characters of HxW."""


def import_model(
    context: typer.Context,
    source: Annotated[
        Path,
        typer.Argument(
            metavar="CHECKPOINT.pt|ARRAYS.npz|NET.nir",
            help="IterativeVAE's checkpoint, your arrays, or a model that was exported to NIR.",
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
        str | None, typer.Option(help="Data set that it was trained on, if it is one of ours.")
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.json", help="IterativeVAE's ConfigPoisVAE.json, if not near the .pt."
        ),
    ] = None,
    steps: Annotated[
        int | None, typer.Option(min=1, help="T of the .pt, where no configuration says it.")
    ] = None,
    clamp: Annotated[float | None, typer.Option(help="Limit of the soft clamp, likewise.")] = None,
    inner_iterations: Annotated[
        int | None, typer.Option(help="Those of the .pt, likewise.")
    ] = None,
    json: JsonOption = None,
) -> None:
    """Import a .pt of IterativeVAE, or phi, sigma, step_size, bias and u0 from an .npz file.

    Nothing in the .pt is executed. Arrays: phi (M,K), sigma (M), step_size, bias (K), u0 (K).
    """
    from ipvae.export.iterative_vae import from_iterative_vae
    from ipvae.export.model import from_arrays, to_parameters
    from ipvae.float_models.checkpoint import Checkpoint, save_checkpoint
    from ipvae.float_models.data import DataInfo
    from ipvae.network.hdf5_child import shown

    if is_nir(source):
        require_no_others(context, "import", source)
        import_nir(source, out, json)
        return
    options = {"steps": steps, "clamp": clamp, "inner_iterations": inner_iterations}
    pixels: dict[str, Any] = PIXELS
    trained: dict[str, float] = {}
    if source.suffix == ".pt":
        with working(f"reading {source}"):
            imported = from_iterative_vae(source, config, **options)
        params, settings = imported.params, imported.settings
        dataset = settings.dataset or ""
        preset = preset or PRESETS.get(dataset)
        if dataset.startswith(SIGNED):
            pixels = STANDARDISED
            note(
                f"trained on {shown(dataset)}, whose pixels are standardised and may be negative: "
                "they become integers of -4096..4095, 256 to a standard deviation, unless "
                "--pixel-min, --pixel-max and --pixel-scale say otherwise"
            )
        trained = {"trained_steps": settings.steps}
        if settings.beta is not None:
            trained["trained_beta"] = settings.beta
    elif source.suffix == ".npz":
        if config is not None or any(value is not None for value in options.values()):
            raise InputError(
                f"{source}: --config, --steps, --clamp and --inner-iterations describe a .pt file; "
                "leave them away"
            )
        params = to_parameters(from_arrays(source))
    else:
        raise InputError(
            f"{source}: allowed are .pt files of IterativeVAE, .npz files with the arrays phi, "
            "sigma, step_size, bias and u0, and .nir files that `ipvae export` wrote"
        )
    m, k = params["phi"].shape
    data = DataInfo(
        preset or "arrays",
        pixels["pixel_max"] if pixel_max is None else pixel_max,
        _shape(image_shape, m),
        0,
        pixels["pixel_min"] if pixel_min is None else pixel_min,
        _scale(pixels["pixel_scale"] if pixel_scale is None else pixel_scale),
    )
    saved = save_checkpoint(out, Checkpoint(params, None, data, trained))
    emit(
        {"model": str(saved), "pixels": m, "neurons": k, "data": data.preset, **trained},
        json,
        f"saved {saved}: {m} pixels, {k} neurons",
    )


def _scale(value: float | None) -> float | None:
    if value is not None and not (math.isfinite(value) and value > 0):
        raise InputError(f"--pixel-scale: found {value}, allowed are numbers above 0")
    return value


def _shape(text: str | None, n_pixels: int) -> tuple[int, int]:
    """Height and width from 'HxW', or a square, or one row."""
    if text is None:
        side = round(n_pixels**0.5)
        return (side, side) if side * side == n_pixels else (1, n_pixels)
    height, _, width = text.partition("x")
    whole = height.isdecimal() and width.isdecimal() and len(text) <= MAX_SHAPE_TEXT
    if not (whole and int(height) * int(width) == n_pixels):
        raise InputError(
            f"--image-shape: found '{text[:MAX_SHAPE_TEXT]}', "
            f"allowed HEIGHTxWIDTH with a product of {n_pixels}"
        )
    return int(height), int(width)
