"""Mosaics of small images: a dictionary, or samples."""

import math
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np

from ipvae.report.pictures.canvas import GAP, SIGNED, colours, drawing, place, save, title

MOST_TILES = 512
SIDE, HEAD, FOOT, BAR = 16, 66, 16, 120
"""Margins in pixels; BAR is the width for the colour scale."""
WIDEST = 2100
NARROWEST = 480


def dictionary(
    path: str | Path, phi: np.ndarray, shape: tuple[int, int], counts: np.ndarray, of: str
) -> None:
    """Draw the dictionary, one tile for each latent, most used first.

    All tiles share one scale, blue below 0 and red above. Its ends are the 99.9th percentile of the
    absolute weights of the tiles shown.

    Parameters
    ----------
    path : PNG file
    phi : (M, K), contribution of one spike to each pixel, real pixel units
    shape : height and width, with product M
    counts : (N, K) spike counts of some images; their mean sorts the tiles
    of : name of the model, for the title

    Raises
    ------
    ValueError
        If the shapes are inconsistent.
    InputError
        If the file cannot be written.
    """
    if phi.ndim != 2 or counts.ndim != 2 or counts.shape[1] != phi.shape[1]:
        raise ValueError(
            f"phi: found {phi.shape} and counts {counts.shape}, allowed (M, K) and (N, K). Pass "
            "counts of the model whose dictionary it is."
        )
    usage = counts.mean(axis=0)
    order = np.argsort(-usage, kind="stable")[:MOST_TILES]
    end = float(np.quantile(np.abs(phi[:, order]), 0.999)) or 1.0
    dead = int((counts.max(axis=0, initial=0) == 0).sum())
    _draw(
        path,
        phi[:, order].T,
        shape,
        {"cmap": SIGNED, "vmin": -end, "vmax": end},
        (
            f"Dictionary of {of}",
            f"{len(order)} latents"
            if len(order) == phi.shape[1]
            else f"the {len(order)} most used of {phi.shape[1]} latents",
            f"row by row by mean count, {usage.max():.2g} down to {usage[order].min():.2g} "
            f"({len(counts)} images); {dead} never spoke",
        ),
        "weight: what one spike adds to a pixel",
    )


def samples(
    path: str | Path, images: np.ndarray, shape: tuple[int, int], of: str, *, signed: bool
) -> None:
    """Draw images sampled from a model.

    Parameters
    ----------
    path : PNG file
    images : (N, M) real pixel values
    shape : height and width, with product M
    of : name of the model, for the title
    signed : pixels of the data can be below 0; otherwise such samples are drawn as 0

    Raises
    ------
    ValueError
        If the shapes are inconsistent.
    InputError
        If the file cannot be written.
    """
    _draw(
        path,
        images[:MOST_TILES],
        shape,
        colours(images[:MOST_TILES], signed=signed),
        (
            f"Samples from the prior of {of}",
            f"{len(images[:MOST_TILES])} draws",
            "spike counts z ~ Poisson(exp u\u2080), image = \u03a6 z",
        ),
        "pixel value",
    )


def mosaic(tiles: np.ndarray, shape: tuple[int, int], columns: int) -> np.ndarray:
    """Arrange tiles in rows with one pixel between them; NaN marks empty pixels.

    Parameters
    ----------
    tiles : (N, M)
    shape : height and width of a tile, with product M
    columns : tiles in a row

    Returns
    -------
    (rows * (height + 1) + 1, columns * (width + 1) + 1) float64

    Raises
    ------
    ValueError
        If the tiles have another shape, or there are none.
    """
    height, width = shape
    if tiles.ndim != 2 or len(tiles) == 0 or tiles.shape[1] != height * width:
        raise ValueError(
            f"tiles: found {tiles.shape}, allowed (N, {height * width}) for {height} x {width} "
            "pixels, N above 0. Pass images of that shape."
        )
    rows = math.ceil(len(tiles) / columns)
    padded = np.full((rows * columns, height + 1, width + 1), np.nan)
    padded[: len(tiles), :height, :width] = tiles.reshape(-1, height, width)
    laid = padded.reshape(rows, columns, height + 1, width + 1).swapaxes(1, 2)
    laid = laid.reshape(rows * (height + 1), columns * (width + 1))
    return np.pad(laid, ((1, 0), (1, 0)), constant_values=np.nan)


def _draw(
    path: str | Path,
    tiles: np.ndarray,
    shape: tuple[int, int],
    scale: dict[str, Any],
    words: tuple[str, str, str],
    unit: str,
) -> None:
    """Draw a mosaic at an integer number of screen pixels for each image pixel."""
    columns = max(1, min(len(tiles), round(math.sqrt(2 * len(tiles) * shape[0] / shape[1]))))
    laid = mosaic(tiles, shape, columns)
    zoom = max(1, (WIDEST - 2 * SIDE - BAR) // laid.shape[1])
    zoom = min(zoom, max(1, 72 // shape[1]))
    height, width = (zoom * n for n in laid.shape)
    whole = (max(width + 2 * SIDE + BAR, NARROWEST), height + HEAD + FOOT)
    with drawing(*whole) as figure:
        image = place(figure, SIDE, FOOT, width, height)
        image.set_axis_off()
        drawn = image.imshow(laid, interpolation="nearest", aspect="auto", **scale)
        drawn.set_cmap(mpl.colormaps[scale["cmap"]].with_extremes(bad=GAP))
        tall = min(height, 320)
        bar = place(figure, SIDE + width + 14, FOOT + height - tall, 14, tall)
        figure.colorbar(drawn, cax=bar, label=unit)
        bar.grid(False)
        title(figure, words[0], f"{words[1]}: {words[2]}")
        save(figure, path)
