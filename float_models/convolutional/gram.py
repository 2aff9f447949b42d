"""Gram form of a convolutional decoder: kernels of the drive and of the inhibition.

With maps z (C, H, W), kernels Phi (C, c, k, k), stride s and one precision d for each channel:

    (Phi z)[i, y, x] = sum over m, r, q of z[m, r, q] Phi[m, i, y - s r, x - s q]
    (Phi^T D x)[m, r, q] = sum over i, a, b of d[i] Phi[m, i, a, b] x[i, s r + a, s q + b]
    (Phi^T D Phi z)[m, r, q] = sum over n, e, f of G[m, n, e, f] z[n, r + e, q + f]
    G[m, n, e, f] = sum over i, a, b of d[i] Phi[m, i, a, b] Phi[n, i, a - s e, b - s f]

e and f reach from 1 - ceil(k / s) to ceil(k / s) - 1. The last line is exact because every atom
lies inside the canvas (`.geometry`) and a channel has one precision.
"""

from collections.abc import Mapping

import numpy as np

from ipvae.float_models.inference.steps import precision


def drive_kernels(params: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return a d Phi, the kernels of the drive a Phi^T D x, (C, c, k, k) float64.

    Parameters
    ----------
    params : tensors of a conv-ipvae, see `ipvae.float_models.zoo.ModelSpec.tensors`
    """
    wide = _wide(params)
    return np.exp(wide["log_lr"]) * precision(wide)[:, None, None] * wide["kernels"]


def biases(params: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return a exp(c), subtracted from the drive of each map, (C,) float64."""
    wide = _wide(params)
    return np.exp(wide["log_lr"]) * np.exp(wide["log_bias"])


def gram_kernels(params: Mapping[str, np.ndarray], stride: int) -> np.ndarray:
    """Return the kernels of a Phi^T D Phi, (C, C, span, span) float64, nats per count.

    The first axis is the receiving map, the second the sending one; [.., e + reach, f + reach]
    acts from the place (r + e, q + f) on the place (r, q), with reach = ceil(k / s) - 1.

    Parameters
    ----------
    params : tensors of a conv-ipvae
    stride : s
    """
    return cross_correlations(drive_kernels(params), _wide(params)["kernels"], stride)


def cross_correlations(first: np.ndarray, second: np.ndarray, stride: int) -> np.ndarray:
    """Return the overlaps of kernels at all distances of two places, (C, C', span, span).

    Parameters
    ----------
    first, second : (C, c, k, k), (C', c, k, k)
    stride : s
    """
    k = first.shape[-1]
    reach = -(-k // stride) - 1
    found = np.zeros((len(first), len(second), 2 * reach + 1, 2 * reach + 1))
    for e in range(-reach, reach + 1):
        for f in range(-reach, reach + 1):
            rows, columns = _overlap(stride * e, k), _overlap(stride * f, k)
            ours = first[:, :, rows[0], columns[0]].reshape(len(first), -1)
            theirs = second[:, :, rows[1], columns[1]].reshape(len(second), -1)
            found[:, :, e + reach, f + reach] = ours @ theirs.T
    return found


def largest_eigenvalue(gram: np.ndarray, frequencies: int = 64) -> float:
    """Return the largest eigenvalue of the inhibition on an unlimited grid.

    A convolution is diagonal in frequency: at each one the maps are coupled by a Hermitian matrix
    (C, C), the Fourier transform of their Gram kernels. On any finite canvas the largest eigenvalue
    is smaller, since the canvas is a part of the unlimited grid.

    Parameters
    ----------
    gram : (C, C, span, span), see `gram_kernels`
    frequencies : samples of each of the two frequencies, at least the span
    """
    n = max(frequencies, gram.shape[-1])
    largest = 0.0
    places = np.arange(gram.shape[-1]) - gram.shape[-1] // 2
    waves = np.exp(-2j * np.pi * np.outer(np.arange(n), places) / n)
    along = np.einsum("mnef,xf->xmne", gram, waves, optimize=True)
    for row in waves[: n // 2 + 1]:  # the other half is conjugate
        spectra = along @ row
        largest = max(largest, float(np.linalg.eigvalsh(spectra)[:, -1].max()))
    return largest


def _overlap(shift: int, k: int) -> tuple[slice, slice]:
    """Return the indices of two kernels, `shift` apart, where both lie."""
    first = slice(max(0, shift), min(k, k + shift))
    return first, slice(first.start - shift, first.stop - shift)


def _wide(params: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name: np.asarray(value, dtype=np.float64) for name, value in params.items()}
