"""Drives of a `Network`: input of Poisson and graded neurons that the host computes."""

import numpy as np

from ipvae.network.connections import Convolution, Dense, Drive
from ipvae.network.network import Layer
from ipvae.network.rules.arithmetic import TERM_MAX, clip, shift

WINDOW_VALUES = 2**24
"""Numbers of a convolution's windows in memory at a time."""


def layer_drive(layer: Layer, frames: np.ndarray) -> np.ndarray:
    """Compute b = clip(shift(W x, exponent) + bias), docs/spec/drive.md.

    Parameters
    ----------
    layer : Layer
        Of neurons with a drive; without weights from the pixels it is their bias.
    frames : (..., pixels) int

    Returns
    -------
    (..., neurons) int32, within +-TERM_MAX
    """
    biases = layer.biases.astype(np.int64)
    if layer.drive is None:
        return np.broadcast_to(biases, (*frames.shape[:-1], len(biases))).astype(np.int32)
    flat = frames.reshape(-1, frames.shape[-1])
    total = shift(_products(layer.drive, flat), layer.drive.exponent) + biases
    found = clip(total, -TERM_MAX, TERM_MAX).astype(np.int32)
    return found.reshape(*frames.shape[:-1], -1)


def _products(drive: Drive, pixels: np.ndarray) -> np.ndarray:
    """Sums of weights times pixels, (N, neurons) int64.

    A product is below 2**30, a sum of fewer than 2**19 below 2**49: float64 is exact, and a hundred
    times faster than an integer product.
    """
    weights, wide = drive.weights, pixels.astype(np.float64)
    if isinstance(weights, Dense):
        return (wide @ weights.weight.astype(np.float64).T).astype(np.int64)
    if isinstance(weights, Convolution):
        per_image = weights.n_out * weights.fan_in // weights.weight.shape[0] * weights.groups
        together = max(1, WINDOW_VALUES // per_image)
        parts = [_convolved(weights, wide[i : i + together]) for i in range(0, len(wide), together)]
        return np.concatenate(parts).astype(np.int64)
    return (wide * weights.weight.astype(np.float64)).astype(np.int64)


def _convolved(weights: Convolution, pixels: np.ndarray) -> np.ndarray:
    """Sums of a convolution, float64: (N, neurons)."""
    (py, px), (dy, dx), groups = weights.padding, weights.dilation, weights.groups
    images = pixels.reshape(-1, *weights.in_shape)
    padded = np.pad(images, ((0, 0), (0, 0), (py, py), (px, px)))
    spans = weights.span(0), weights.span(1)
    windows = np.lib.stride_tricks.sliding_window_view(padded, spans, axis=(2, 3))
    seen = windows[:, :, :: weights.stride[0], :: weights.stride[1], ::dy, ::dx]
    n, channels, height, width = seen.shape[:4]
    kernel = weights.weight.astype(np.float64).reshape(groups, len(weights.weight) // groups, -1)
    per_group = channels // groups
    found = [
        seen[:, g * per_group : (g + 1) * per_group]
        .transpose(0, 2, 3, 1, 4, 5)
        .reshape(n, height * width, -1)
        @ kernel[g].T
        for g in range(groups)
    ]
    return np.concatenate(found, axis=2).transpose(0, 2, 1).reshape(n, -1)
