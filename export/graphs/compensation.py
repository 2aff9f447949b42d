"""Error-compensated rounding (OPTQ) of a connection on the spikes of the calibration."""

import numpy as np

from ipvae.export.graphs.weights import FloatWeights
from ipvae.export.rounding.optq import compensated

MOST_SENDERS = 1024
"""Largest number of senders of a neuron, whose moments are a matrix."""
MOST_ROWS = 8192
"""Samples of activity from which the moments are taken."""


def compensated_integers(
    weights: FloatWeights, step: float, bits: int, sent: np.ndarray
) -> np.ndarray:
    """Round weights so that the sums change least, not each weight.

    Parameters
    ----------
    weights : FloatWeights
        Dense, or kernels of one group.
    step : float
        Weight of the integer 1.
    bits : int
    sent : (n, steps, senders) float32
        Messages of the source in the calibration.

    Returns
    -------
    float64 array of whole numbers with the shape of the weights, within +-(2**(bits - 1) - 1)
    """
    end = 2 ** (bits - 1) - 1
    values = weights.weight.reshape(len(weights.weight), -1) / step
    inputs = _inputs(weights, sent)
    moments = inputs.T @ inputs / max(len(inputs), 1)
    rounded, _ = compensated(np.clip(values, -end, end), moments, bits, (0, 0), "weights")
    return rounded.reshape(weights.weight.shape)


def can_compensate(weights: FloatWeights) -> bool:
    """Return whether the moments of a connection's senders are small enough, and one matrix."""
    senders = int(np.prod(weights.weight.shape[1:]))
    return weights.weight.ndim > 1 and weights.groups == 1 and senders <= MOST_SENDERS


def _inputs(weights: FloatWeights, sent: np.ndarray) -> np.ndarray:
    """Messages that a neuron receives together: (rows, senders) float64."""
    flat = sent.reshape(-1, sent.shape[-1])
    rng = np.random.default_rng(0)
    if weights.in_shape is None:
        return _some(flat, MOST_ROWS, rng).astype(np.float64)
    planes = _some(flat, 256, rng).reshape(-1, *weights.in_shape)
    padded = np.pad(planes, ((0, 0), (0, 0), *((p, p) for p in weights.padding)))
    spans = [
        d * (k - 1) + 1 for k, d in zip(weights.weight.shape[2:], weights.dilation, strict=True)
    ]
    windows = np.lib.stride_tricks.sliding_window_view(padded, spans, axis=(2, 3))
    windows = windows[:, :, :: weights.stride[0], :: weights.stride[1]]
    windows = windows[..., :: weights.dilation[0], :: weights.dilation[1]]
    rows = windows.transpose(0, 2, 3, 1, 4, 5).reshape(-1, int(np.prod(weights.weight.shape[1:])))
    return _some(rows, MOST_ROWS, rng).astype(np.float64)


def _some(rows: np.ndarray, most: int, rng: np.random.Generator) -> np.ndarray:
    if len(rows) <= most:
        return rows
    return rows[np.sort(rng.choice(len(rows), most, replace=False))]
