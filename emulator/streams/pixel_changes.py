"""Drive of a frame from the pixels that changed since the frame before; docs/spec/drive.md.

Sums of products are exact integers, so adding the changes gives the bits of the whole product.
"""

import numpy as np

from ipvae.compiled import compiled
from ipvae.network.layers import GradedLayer, PoissonLayer
from ipvae.network.rules.arithmetic import TERM_MAX


@compiled(nogil=True)
def changed_pixels(pixels, shown, low, high, where, by):
    """List the pixels that changed, and remember the new ones.

    Parameters
    ----------
    pixels, shown : (M,) int32
        The new frame, and the frame before, which becomes the new one.
    low, high : int
        Range of a pixel.
    where, by : (M,) int32
        Indices and differences, which are written.

    Returns
    -------
    int
        Number of changed pixels; -1, without any effect, if a pixel is out of range.
    """
    for m in range(len(pixels)):
        if pixels[m] < low or pixels[m] > high:
            return -1
    n = 0
    for m in range(len(pixels)):
        if pixels[m] != shown[m]:
            where[n], by[n] = m, pixels[m] - shown[m]
            shown[m] = pixels[m]
            n += 1
    return n


@compiled(nogil=True)
def add_products(weights, where, by, n, total):
    """Add weights (M, K) int16 times n differences to sums (K,) of int32 or int64."""
    for i in range(n):
        row, d = weights[where[i]], by[i]
        for k in range(len(total)):
            total[k] += np.int32(row[k]) * d


@compiled(nogil=True)
def to_drive(total, exponent, bias, drive):
    """Set the drive (K,) int32 to clip(shift(sums, exponent) + bias)."""
    for k in range(len(total)):
        b = np.int64(total[k])
        b = b << exponent if exponent >= 0 else b >> -exponent
        drive[k] = min(max(b + bias[k], -TERM_MAX), TERM_MAX)


class ChangingDrive:
    """Drive of one layer that receives the image.

    Parameters
    ----------
    layer : PoissonLayer or GradedLayer
        With weights (K, M) int16, or (K,) for one pixel per neuron.
    largest : int
        Largest magnitude of a pixel.
    """

    def __init__(self, layer: PoissonLayer | GradedLayer, largest: int) -> None:
        weight = np.asarray(layer.weight)
        self._diagonal = weight.ndim == 1
        by_pixel = weight if self._diagonal else np.ascontiguousarray(weight.T)
        self._weights, self._exponent = by_pixel, int(layer.drive_exp)
        self._bias = np.asarray(layer.bias).astype(np.int64)
        sums = np.abs(weight.astype(np.int64)).sum(axis=-1) * largest
        # Sums that fit 32 bits at every frame may wrap while changes are added.
        narrow = not self._diagonal and int(sums.max(initial=0)) < 2**31
        self._total = np.zeros(len(weight), np.int32 if narrow else np.int64)

    def reset(self) -> None:
        """Return to a frame of zeros."""
        self._total[:] = 0

    def update(self, where: np.ndarray, by: np.ndarray, n: int, drive: np.ndarray) -> None:
        """Add n changes (`changed_pixels`), and write the drive (K,) int32."""
        if self._diagonal:
            self._total[where[:n]] += self._weights[where[:n]].astype(np.int64) * by[:n]
        else:
            add_products(self._weights, where, by, n, self._total)
        to_drive(self._total, self._exponent, self._bias, drive)
