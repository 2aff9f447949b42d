"""Messages of layers since the reset of a stream, as every backend of streams returns them."""

from typing import NamedTuple

import numpy as np


class Sent(NamedTuple):
    """Messages of a layer since the reset.

    Attributes
    ----------
    rows : int
        Rows computed so far.
    messages : (K,) int64
        Nonzero outputs of each neuron.
    sizes : int
        Sum of their magnitudes.
    words : int
        Uniforms used by its draws.
    z : (K,) int32
        Output of the last row.
    """

    rows: int
    messages: np.ndarray
    sizes: int
    words: int
    z: np.ndarray


class Pushed(NamedTuple):
    """Result of one frame.

    Attributes
    ----------
    sent : dict of layer -> Sent
        After the frame.
    decoded : (K,) int32 or float64
        Counts of the code in its last row, or their mean over the averaged rows.
    changed_pixels : int
        Pixels that differ from the frame before; before the first one all are 0.
    """

    sent: dict[str, Sent]
    decoded: np.ndarray
    changed_pixels: int
