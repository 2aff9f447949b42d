"""One update of the unrolled iterative Poisson VAE, and its way back: numba, no torch.

A row is an image's K neurons. The equations stand in `ipvae.train.dynamics` and
`ipvae.train.loss`; matrix products are the caller's.
"""

from typing import Any

import numpy as np
from numba import njit

from ipvae.train.arrival_kernel import fill_row
from ipvae.train.vector_math import exp32, log1p32

_ZERO, _HALF, _ONE = (np.float32(v) for v in (0.0, 0.5, 1.0))
_LEAST = np.float32(-8.0)


@njit(inline="always")
def _clamped(v, limit) -> Any:
    """Return SC(v) = C - softplus(C - max(v, -8)) and exp(-|C - max(v, -8)|)."""
    v = max(v, _LEAST)
    t = exp32(-abs(limit - v))
    return min(v, limit) - log1p32(t), t


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract"})
def forward(before, overlap, drive, step_size, limit, how, key, first, after, z, slope):
    """Update log-rates and draw counts: u' = SC(u + SC(b - a V)), z' ~ Poisson(exp u').

    Parameters
    ----------
    before : (B, K) float32, u
    overlap : (B, K) float32, V = z H of the counts before, H = Phi^T D Phi
    drive : (B, K) float32, b
    step_size, limit : float32, a and C
    how : of `ipvae.train.arrival_kernel.draw_constants`
    key, first : uint64, stream of the draws and the index of the first element in it
    after, z, slope : (B, K) float32, written: u', z' and dz'/du'
    """
    n_rows, n = before.shape
    rate = np.empty(n, np.float32)
    hot = np.empty(n, np.uint8)
    where = np.empty(n, np.int64)
    for b in range(n_rows):
        # Three loops: in one, too few registers are left to vectorise well.
        for k in range(n):
            after[b, k], _ = _clamped(drive[b, k] - step_size * overlap[b, k], limit)
        for k in range(n):
            after[b, k], _ = _clamped(before[b, k] + after[b, k], limit)
        for k in range(n):
            rate[k] = exp32(after[b, k])
        fill_row(rate, how, key, first + np.uint64(b * n), hot, where, z[b], slope[b])


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract"})
def draw(log_rate, how, key, first, z, slope):
    """Draw counts of given log-rates (B, K); as in `forward`."""
    n_rows, n = log_rate.shape
    rate = np.empty(n, np.float32)
    hot = np.empty(n, np.uint8)
    where = np.empty(n, np.int64)
    for b in range(n_rows):
        for k in range(n):
            rate[k] = exp32(log_rate[b, k])
        fill_row(rate, how, key, first + np.uint64(b * n), hot, where, z[b], slope[b])


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract"})
def backward(
    u,
    before,
    overlap,
    overlap_before,
    z,
    slope,
    drive,
    match,
    from_feedback,
    weights,
    official,
    step_size,
    limit,
    carry,
    feedback,
    drive_gradient,
    sums,
):
    """Go back through one update and the loss of its counts.

    On the way, `overlap` becomes A = (gradient by V) + w z / 2, so that the gradient by H is the
    sum over steps of A^T z.

    Parameters
    ----------
    u, before : (B, K) float32, log-rates after and before the update
    overlap, overlap_before : (B, K) float32, V of the counts after and before; the first is
        overwritten
    z, slope : (B, K) float32, counts after the update and their derivative
    drive, match : (B, K) float32, b and P = x D Phi
    from_feedback : (B, K) float32, gradient by z that came through the next update
    weights : two float32, of an image's squared error and of its divergence in the loss
    official : form of the divergence
    step_size, limit : float32, a and C
    carry : (B, K) float32, gradient by u from the next update; becomes the one by `before`
    feedback : (B, K) float32, gradient by V from the next update; becomes the one by
        `overlap_before`
    drive_gradient : (B, K) float32, added to
    sums : (3,) float64, added to: squared errors without x^T D x, divergences, and the gradient
        by a
    """
    n_rows, n = u.shape
    w_error, w_kl = weights
    least_gate = exp32(-limit)
    error = np.empty(n, np.float32)
    divergence = np.empty(n, np.float32)
    by_step = np.empty(n, np.float32)
    for b in range(n_rows):
        for k in range(n):
            v, p, count = overlap[b, k], match[b, k], z[b, k]
            error[k] = count * (v - p - p)
            overlap[b, k] = feedback[b, k] + _HALF * w_error * count
            by_count = w_error * (v - p) + from_feedback[b, k]

            old, new = exp32(before[b, k]), exp32(u[b, k])
            d = u[b, k] - before[b, k]
            if official:
                ratio = exp32(d)
                divergence[k] = new * (_ONE + ratio * (d - _ONE))
                by_new = divergence[k] + new * ratio * d
                by_old = -new * ratio * d
            else:
                divergence[k] = old + new * (d - _ONE)
                by_new = new * d
                by_old = old - new

            by_u = carry[b, k] + slope[b, k] * by_count + w_kl * by_new
            inner = drive[b, k] - step_size * overlap_before[b, k]
            s, t = _clamped(inner, limit)
            # SC'(v) = sigmoid(C - v) above -8; by its value SC(y) = u it is 1 - exp(u - C).
            gate = _ONE - new * least_gate if before[b, k] + s >= _LEAST else _ZERO
            by_y = by_u * gate
            gate = (_ONE if inner < limit else t) / (_ONE + t) if inner >= _LEAST else _ZERO
            by_inner = by_y * gate
            carry[b, k] = by_y + w_kl * by_old
            feedback[b, k] = -step_size * by_inner
            drive_gradient[b, k] += by_inner
            by_step[k] = by_inner * overlap_before[b, k]
        sums[0] += _sum(error)
        sums[1] += _sum(divergence)
        sums[2] -= _sum(by_step)


@njit(nogil=True, cache=True, fastmath={"reassoc", "contract"})
def _sum(row):
    total = _ZERO
    for i in range(row.shape[0]):
        total += row[i]
    return total
