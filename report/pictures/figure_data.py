"""Arrays behind the pictures of a report."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class FigureData:
    """What pictures show that JSON need not hold.

    Attributes
    ----------
    shape : height and width of an image, M pixels
    signed : whether pixels of the data are below 0 too
    images : (n, M) real pixel values
    read_out : by number of steps, (n, M) reconstructions of them
    phi : (M, K) what one count adds to each pixel
    counts : (N, K) counts at the last step, whose mean sorts the dictionary
    raster : (rows, K) int, what the code sends for the first image at steps 0, 1, ...
    """

    shape: tuple[int, int]
    signed: bool
    images: np.ndarray
    read_out: Mapping[int, np.ndarray]
    phi: np.ndarray
    counts: np.ndarray
    raster: np.ndarray
