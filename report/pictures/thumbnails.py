"""Small images as data URIs for a page.

All are grey, including signed ones, where 0 is the middle, so that signs remain visible in print
and to colour-blind readers.
"""

import base64
import io
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.image import imsave

from ipvae.report.pictures.canvas import colours
from ipvae.report.pictures.tiles import mosaic

SIDE = 64
"""Maximum pixels of an image's longer side; block averages reduce a larger image."""
WIDE_SIDE = 256
"""The same for inputs of a network, which can be wide."""
TILE_PIXELS = 500_000
"""Maximum pixels of all tiles of a dictionary."""
COLUMNS = 32
LEVELS = 256
"""Number of grey levels."""


def thumbnails(
    images: np.ndarray, others: list[np.ndarray], shape: tuple[int, int], *, signed: bool
) -> tuple[list[str], list[list[str]]]:
    """Return data URIs of images and of other images on the same scale.

    Parameters
    ----------
    images : (n, M) real pixel values
    others : (n, M) each; values beyond the scale are clipped
    shape : height and width
    signed : pixels of the data can be below 0
    """
    scale = colours(images, signed=signed)
    rows = [
        [data_uri(pixels.reshape(small), scale["vmin"], scale["vmax"]) for pixels in found]
        for found, small in (shrunk(row, shape) for row in (images, *others))
    ]
    return rows[0], rows[1:]


def dictionary_tiles(
    phi: np.ndarray, shape: tuple[int, int], counts: np.ndarray
) -> tuple[str, dict[str, Any]]:
    """Return the data URI of a dictionary's tiles, most used first, and their description.

    Parameters
    ----------
    phi : (M, K), contribution of one count to each pixel
    shape : height and width
    counts : (N, K) counts of some images; their mean sorts the tiles
    """
    tiles, small = shrunk(phi.T, shape)
    usage = np.abs(counts).mean(axis=0)
    order = np.argsort(-usage, kind="stable")[: max(1, TILE_PIXELS // tiles.shape[1])]
    end = float(np.quantile(np.abs(tiles[order]), 0.999)) or 1.0
    columns = min(COLUMNS, math.ceil(math.sqrt(2 * len(order))))
    laid = mosaic(tiles[order], small, columns)
    return data_uri(laid, -end, end), {
        "tiles": len(order),
        "end": end,
        "columns": columns,
        "shape": small,
        "sprite": laid.shape,
    }


def zoomed(shape: tuple[int, int], large: int, small: int) -> str:
    """CSS size of an image and its magnification: each pixel becomes a whole number of pixels.

    Parameters
    ----------
    shape : height and width of an image
    large, small : maximum pixels of the longer side, on a screen and on a phone or on paper
    """
    height, width = shape
    zooms = (max(1, wide // max(shape)) for wide in (large, small))
    sizes = zip(("w", "h", "large", "small"), (width, height, *zooms), strict=True)
    return "; ".join(f"--{name}: {value}" for name, value in sizes)


def input_pictures(images: np.ndarray) -> tuple[list[str], tuple[int, int]]:
    """Return data URIs of a network's inputs on one scale, and their height and width.

    Arguments and scale are as for `pictures_of`.
    """
    (found,), small = pictures_of([images])
    return found, small


def pictures_of(rows: Sequence[np.ndarray]) -> tuple[list[list[str]], tuple[int, int]]:
    """Return data URIs of rows of images on the scale of the first row, and their size.

    The smallest value is black and the largest white; with values below 0, 0 is the middle.

    Parameters
    ----------
    rows : (n, C, height, width) real each; three channels are red, green and blue, one is grey
    """
    shape = rows[0].shape[2:]
    parts = [
        [shrunk(row[:, c].reshape(len(row), -1), shape, WIDE_SIDE) for c in range(row.shape[1])]
        for row in rows
    ]
    small = parts[0][0][1]
    pixels = [
        np.stack([part.reshape(-1, *small) for part, _ in channels], axis=-1) for channels in parts
    ]
    low, high = float(pixels[0].min()), float(pixels[0].max())
    if low < 0:
        low, high = -max(-low, high), max(-low, high)
    if low == high:
        high = low + 1
    shown = [of if of.shape[3] == 3 else of[..., 0] for of in pixels]
    return [[data_uri(one, low, high) for one in row] for row in shown], small


def shrunk(
    images: np.ndarray, shape: tuple[int, ...], side: int = SIDE
) -> tuple[np.ndarray, tuple[int, int]]:
    """Average blocks of pixels so that no side exceeds `side`; incomplete blocks are discarded."""
    height, width = shape
    f = -(-max(shape) // side)
    small = max(1, height // f), max(1, width // f)
    cut = images.reshape(-1, height, width)
    if f > 1:
        rows, columns = min(f, height), min(f, width)
        cut = cut[:, : small[0] * rows, : small[1] * columns]
        cut = cut.reshape(-1, small[0], rows, small[1], columns).mean(axis=(2, 4))
    return cut.reshape(len(images), -1), small


def data_uri(pixels: np.ndarray, low: float, high: float) -> str:
    """Data URI of an image; NaN is white; equal images have equal URIs.

    Parameters
    ----------
    pixels : (height, width) real, grey; or (height, width, 3), red, green and blue
    low, high : values of black and white; values beyond are clipped
    """
    levels = np.clip((pixels - low) / (high - low) * LEVELS, 0, LEVELS - 1)
    shown = np.where(np.isnan(levels), LEVELS - 1, levels).astype(np.uint8)
    file = io.BytesIO()
    silent: Any = {"Software": None}
    colours_of = shown if shown.ndim == 3 else np.repeat(shown[:, :, None], 3, axis=2)
    imsave(file, colours_of, format="png", metadata=silent)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
