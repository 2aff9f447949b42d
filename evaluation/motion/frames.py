"""Frames of a film: an image rotated, or cropped at a place."""

import numpy as np


def rotated(image: np.ndarray, degrees: np.ndarray) -> np.ndarray:
    """Rotate an image counter-clockwise about its centre, with bilinear interpolation.

    Parameters
    ----------
    image : (H, W) numbers
        Integers are rounded half to even; what comes from outside is 0.
    degrees : (F,) float64

    Returns
    -------
    (F, H, W), of the image's dtype
    """
    height, width = image.shape
    y, x = np.mgrid[:height, :width].astype(np.float64)
    y, x = y - (height - 1) / 2, x - (width - 1) / 2
    turn = np.deg2rad(degrees)[:, None, None]
    # The place in the image from which each pixel comes; rows are counted downwards.
    rows = y * np.cos(turn) + x * np.sin(turn) + (height - 1) / 2
    columns = x * np.cos(turn) - y * np.sin(turn) + (width - 1) / 2
    rows, columns = np.round(rows, 9), np.round(columns, 9)  # quarter turns are exact
    top, left = np.floor(rows).astype(np.int64), np.floor(columns).astype(np.int64)
    down, right = rows - top, columns - left
    padded = np.pad(image.astype(np.float64), 1)

    def at(row: np.ndarray, column: np.ndarray) -> np.ndarray:
        return padded[np.clip(row + 1, 0, height + 1), np.clip(column + 1, 0, width + 1)]

    upper = at(top, left) * (1 - right) + at(top, left + 1) * right
    lower = at(top + 1, left) * (1 - right) + at(top + 1, left + 1) * right
    found = upper * (1 - down) + lower * down
    return (found if image.dtype.kind == "f" else np.rint(found)).astype(image.dtype)


def cropped(image: np.ndarray, places: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Crop an image around its centre, displaced by each place; what comes from outside is 0.

    Parameters
    ----------
    image : (H, W) numbers
    places : (F, 2) int64
        Rows down and columns to the right.
    size : (height, width) of the crop

    Returns
    -------
    (F, height, width), of the image's dtype
    """
    (height, width), (rows, columns) = size, image.shape
    margin = int(np.abs(places).max(initial=0)) + max(height, width)
    padded = np.pad(image, margin)
    top = margin + (rows - height) // 2 + places[:, 0]
    left = margin + (columns - width) // 2 + places[:, 1]
    return np.stack([padded[y : y + height, x : x + width] for y, x in zip(top, left, strict=True)])
