"""Arrays behind the pictures of a network of maps: inputs, reconstructions, activity of maps."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class MapPictures:
    """Pictures of the first images of a run.

    Attributes
    ----------
    inputs : (n, c, h, w) float64, real pixel values
    reconstructions : step -> (n, c, h, w) float64
    maps : (m, H, W) float64
        Mean counts of the first image in its most active maps, most active first.
    """

    inputs: np.ndarray
    reconstructions: Mapping[int, np.ndarray]
    maps: np.ndarray
