"""Array data of a report's pictures."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class FigureData:
    """Array data of pictures that the JSON result does not contain.

    Attributes
    ----------
    shape : height and width of an image, M pixels
    signed : pixels of the data can be below 0
    images : (n, M) real pixel values
    read_out : (n, M) reconstructions by number of steps
    phi : (M, K), contribution of one count to each pixel
    counts : (N, K) counts at the last step; their mean sorts the dictionary
    raster : (rows, K) int, counts of the code for the first image at steps 0, 1, ...
    """

    shape: tuple[int, int]
    signed: bool
    images: np.ndarray
    read_out: Mapping[int, np.ndarray]
    phi: np.ndarray
    counts: np.ndarray
    raster: np.ndarray
