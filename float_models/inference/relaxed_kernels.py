"""Compiled functions of training: relaxed draws, and the passes of an unrolled iteration.

Equations: `ipvae.train.models.loss`; draws: `ipvae.float_models.inference.draws`. See
`ipvae.float_models.inference.kernels`.
"""

import numpy as np

from ipvae.float_models.inference.compiling import FUSED, inner, kernel
from ipvae.float_models.inference.kernels import (
    ELEMENT,
    FLOOR,
    HALF,
    NEXT,
    ONE,
    ZERO,
    clamped,
    counted,
    exp32,
    fraction,
    large_count,
    normal,
)

MAX_RELAXED_RATE = 256.0
"""Rate above which a relaxed draw is a normal one of the same mean and variance (error of its
distribution function below 0.4 / sqrt(256) by Berry-Esseen); trained rates stay near 100."""

_THREE = np.float32(3.0)


@kernel(fastmath={"contract"})
def fill_row(rate, how, key, first, hot, where, z, slope):
    """Draw one row: a vectorised pass finds elements with an arrival, a second pass processes them.

    Parameters
    ----------
    rate : (n,) float32, expected counts
    how : from `ipvae.float_models.inference.draws.draw_constants`
    key, first : uint64, stream of the draws and the index of the first element in it
    hot, where : (n,) uint8 and int64, scratch memory
    z, slope : (n,) float32, written: counts and their derivative with respect to the log-rate
    """
    stop = how[1]
    n = rate.shape[0]
    for i in range(n):
        # P(no arrival) = exp(-r W) >= 1 - r W: no arrival if v is above r W. NaN passes.
        v = fraction(key + (first + np.uint64(i)) * ELEMENT)
        hot[i] = not v >= rate[i] * stop
        z[i] = ZERO
        slope[i] = ZERO
    n_hot = 0
    for i in range(n):  # no branch to mispredict
        where[n_hot] = i
        n_hot += hot[i]
    for j in range(n_hot):
        i = where[j]
        z[i], slope[i] = _draw(key + (first + np.uint64(i)) * ELEMENT, rate[i], how)


@inner()
def _draw(state, r, how):
    tau, stop, cubic, mean, variance = how
    if tau == 0:
        return large_count(state, r), ZERO
    if not r <= np.float32(MAX_RELAXED_RATE):  # NaN enters too, and remains NaN
        return normal(state, r, mean, variance)
    n, state = counted(state, np.float64(r) * np.float64(stop))
    sharp = ONE / tau
    total, slope = ZERO, ZERO
    for _ in range(n):
        state += NEXT
        t = fraction(state) * stop
        if cubic:
            w = min(HALF * (ONE - t) * sharp + HALF, ONE)
            total += w * w * (_THREE - w - w)
            slope += _THREE * w * (ONE - w) * t
        else:
            s = ONE / (ONE + exp32((t - ONE) * sharp))
            total += s
            slope += s * (ONE - s) * t
    return total, slope * sharp


@kernel(fastmath={"contract"})
def forward(before, recurrent_input, drive, step_size, limit, how, key, first, after, z, slope):
    """Update log-rates and draw counts: u' = SC(u + SC(b - a R)), z' ~ Poisson(exp u').

    Parameters
    ----------
    before : (B, K) float32, u
    recurrent_input : (B, K) float32, R = z H of the counts before
        H = Phi^T D Phi, or the rounded H.
    drive : (B, K) float32, b
    step_size, limit : float32, a and C
    how : from `ipvae.float_models.inference.draws.draw_constants`
    key, first : uint64, stream of the draws and the index of the first element in it
    after, z, slope : (B, K) float32, written: u', z' and dz'/du'
    """
    n_rows, n = before.shape
    rate = np.empty(n, np.float32)
    hot = np.empty(n, np.uint8)
    where = np.empty(n, np.int64)
    for b in range(n_rows):
        # Three separate loops: a single one lacks registers for good vectorisation.
        for k in range(n):
            after[b, k], _ = clamped(drive[b, k] - step_size * recurrent_input[b, k], limit)
        for k in range(n):
            after[b, k], _ = clamped(before[b, k] + after[b, k], limit)
        for k in range(n):
            rate[k] = exp32(after[b, k])
        fill_row(rate, how, key, first + np.uint64(b * n), hot, where, z[b], slope[b])


@kernel(fastmath={"contract"})
def draw(log_rate, how, key, first, z, slope):
    """Draw counts for given log-rates (B, K), as in `forward`."""
    n_rows, n = log_rate.shape
    rate = np.empty(n, np.float32)
    hot = np.empty(n, np.uint8)
    where = np.empty(n, np.int64)
    for b in range(n_rows):
        for k in range(n):
            rate[k] = exp32(log_rate[b, k])
        fill_row(rate, how, key, first + np.uint64(b * n), hot, where, z[b], slope[b])


@kernel(fastmath={"contract"})
def backward(
    u,
    before,
    overlap,
    overlap_before,
    recurrent_input_before,
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
    """Backpropagate through one update and the loss of its counts.

    Rounding of H has a straight-through gradient: the gradient by R equals the gradient by V. Also,
    `overlap` becomes A = (gradient by V) + w z / 2, so that the gradient by H is the sum over steps
    of A^T z.

    Parameters
    ----------
    u, before : (B, K) float32, log-rates after and before the update
    overlap, overlap_before : (B, K) float32, V of the counts after and before; the first is
        overwritten
    recurrent_input_before : (B, K) float32, R of the counts before; V without rounding
    z, slope : (B, K) float32, counts after the update and their derivative
    drive, match : (B, K) float32, b and P = x D Phi
    from_feedback : (B, K) float32, gradient by z from the next update
    weights : two float32, weights of an image's squared error and divergence in the loss
    official : use the official form of the divergence
    step_size, limit : float32, a and C
    carry : (B, K) float32, gradient by u from the next update; becomes the gradient by `before`
    feedback : (B, K) float32, gradient by V from the next update; becomes the gradient by
        `overlap_before`
    drive_gradient : (B, K) float32, accumulated
    sums : (3,) float64, accumulated: squared errors without x^T D x, divergences, and the gradient
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
            overlap[b, k] = feedback[b, k] + HALF * w_error * count
            by_count = w_error * (v - p) + from_feedback[b, k]

            old, new = exp32(before[b, k]), exp32(u[b, k])
            d = u[b, k] - before[b, k]
            if official:
                ratio = exp32(d)
                divergence[k] = new * (ONE + ratio * (d - ONE))
                by_new = divergence[k] + new * ratio * d
                by_old = -new * ratio * d
            else:
                divergence[k] = old + new * (d - ONE)
                by_new = new * d
                by_old = old - new

            by_u = carry[b, k] + slope[b, k] * by_count + w_kl * by_new
            inner = drive[b, k] - step_size * recurrent_input_before[b, k]
            s, t = clamped(inner, limit)
            # SC'(v) = sigmoid(C - v) above -8; with its value SC(y) = u it is 1 - exp(u - C).
            gate = ONE - new * least_gate if before[b, k] + s >= FLOOR else ZERO
            by_y = by_u * gate
            gate = (ONE if inner < limit else t) / (ONE + t) if inner >= FLOOR else ZERO
            by_inner = by_y * gate
            carry[b, k] = by_y + w_kl * by_old
            feedback[b, k] = -step_size * by_inner
            drive_gradient[b, k] += by_inner
            by_step[k] = by_inner * overlap_before[b, k]
        sums[0] += _sum(error)
        sums[1] += _sum(divergence)
        sums[2] -= _sum(by_step)


@inner(FUSED | {"reassoc"})
def _sum(row):
    total = ZERO
    for i in range(row.shape[0]):
        total += row[i]
    return total
