"""Images and their reconstructions at increasing numbers of steps."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ipvae.evaluation.metrics import r2
from ipvae.report.pictures.canvas import GREY, colours, drawing, place, save, title

SIDE, HEAD, LABEL, FOOT = 16, 70, 100, 14
TILE, UNDER, BETWEEN = 92, 20, 6


def reconstructions(
    path: str | Path,
    images: np.ndarray,
    read_out: Mapping[int, np.ndarray],
    shape: tuple[int, int],
    of: str,
    *,
    signed: bool,
) -> None:
    """Draw images in a row, and their reconstructions below, one row for each number of steps.

    The R2 of each reconstruction is below it. All share the images' colour scale; values beyond it
    are clipped.

    Parameters
    ----------
    path : PNG file
    images : (N, M) real pixel values, one column each
    read_out : (N, M) reconstructions by number of steps
    shape : height and width, with product M
    of : name of the model, for the title
    signed : pixels of the data can be below 0

    Raises
    ------
    ValueError
        If the shapes are inconsistent.
    InputError
        If the file cannot be written.
    """
    height, width = shape
    sizes = {images.shape, *(row.shape for row in read_out.values())}
    if len(sizes) != 1 or images.ndim != 2 or images.shape[1] != height * width or not len(images):
        raise ValueError(
            f"images and reconstructions: found shapes {sorted(sizes)}, allowed one (N, "
            f"{height * width}), N above 0; pass a reconstruction of each image at each step"
        )
    scale = colours(images, signed=signed)
    tall = TILE * height / width
    rows = [("image", images), *((_steps(t), read_out[t]) for t in sorted(read_out))]
    whole = (
        LABEL + len(images) * (TILE + BETWEEN) + SIDE,
        HEAD + len(rows) * (tall + UNDER) + FOOT,
    )
    with drawing(*whole) as figure:
        top = HEAD
        for name, row in rows:
            figure.text(
                (LABEL - 12) / whole[0],
                1 - (top + tall / 2) / whole[1],
                name,
                ha="right",
                va="center",
            )
            for column, pixels in enumerate(row):
                left = LABEL + column * (TILE + BETWEEN)
                axes = place(figure, left, whole[1] - top - tall, TILE, tall)
                axes.imshow(pixels.reshape(shape), interpolation="nearest", aspect="auto", **scale)
                axes.set_axis_off()
                if name != "image":
                    figure.text(
                        (left + TILE / 2) / whole[0],
                        1 - (top + tall + 3) / whole[1],
                        _figure(images[column], pixels),
                        ha="center",
                        va="top",
                        fontsize=8,
                        color=GREY,
                    )
            top += tall + UNDER
        title(
            figure,
            f"Reconstructions by {of}",
            "read out of the spike counts after each number of steps; R² of each image below",
        )
        save(figure, path)


def _steps(t: int) -> str:
    return f"{t} step" if t == 1 else f"{t} steps"


def _figure(image: np.ndarray, found: np.ndarray) -> str:
    value = r2(image[None], found[None])
    return f"{value:.2f}" if np.isfinite(value) else "–"
