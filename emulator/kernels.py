"""Compiled functions of the emulator (numba); docs/arithmetic.md, sections 4 and 5.

They stand in one file because numba looks at no other before it takes a function from its cache.
`ipvae.network.poisson.draw` and `ipvae.network.random_source.uniforms` are the same, readable.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit

_MASK = np.uint32(0xFFFFFF)
_WEYL_A, _WEYL_B = np.uint32(0x9E3779), np.uint32(0xD80165)
_M0, _M1, _M2 = np.uint32(0xB5297B), np.uint32(0xD35A2D), np.uint32(0xC9E635)
_M3, _M4, _M5 = np.uint32(0xF3864B), np.uint32(0xD6D9AB), np.uint32(0xF30E65)
_S10, _S11, _S12, _S13, _S14 = (np.uint32(n) for n in (10, 11, 12, 13, 14))
_SPLIT, _LOWEST, _LAST_ROW = 12288, 49152, 480


def _kernel(function: Callable[..., Any]) -> Any:
    """Compile without the interpreter lock, cached where there is a folder for it."""
    try:
        return njit(nogil=True, cache=True)(function)
    except RuntimeError:  # neither the source's folder nor a home can be written
        return njit(nogil=True)(function)


@_kernel
def draw_counts(
    u: np.ndarray,
    image_key: tuple[np.ndarray, np.ndarray],
    neuron_key: tuple[np.ndarray, np.ndarray],
    step: int,
    table: np.ndarray,
    count_max: int,
    out: np.ndarray,
) -> None:
    """Draw the counts of a step.

    Parameters
    ----------
    u : (N, K) int64, Q11.12 octaves
    image_key : two (N,) uint32
    neuron_key : two (K,) uint32
    step : the row
    table : (481, 27) int32, thresholds
    count_max : of the payload
    out : (N, K) int64, written
    """
    width = table.shape[1]
    base = np.uint32(32 * step)
    for i in range(u.shape[0]):
        ia, ib = image_key[0][i], image_key[1][i]
        for k in range(u.shape[1]):
            v = u[i, k]
            octaves = 0 if v <= _SPLIT else (v - _SPLIT + 4095) >> 12
            position = v - (octaves << 12) + _LOWEST
            row, fraction = position >> 7, position & 127
            above = min(row + 1, _LAST_ROW)  # the fraction is 0 on the last row
            total = 0
            for sub_draw in range(1 << octaves):
                c = base + np.uint32(sub_draw)
                y = (ib + c * _WEYL_B) & _MASK
                y = ((y ^ (y >> _S12)) * _M0) & _MASK
                y = y ^ (y >> _S11)
                h = (neuron_key[0][k] + ia + c * _WEYL_A) & _MASK
                h = ((h ^ (h >> _S12)) * _M1) & _MASK
                h = ((h ^ (h >> _S13)) * _M2) & _MASK
                h = h ^ (h >> _S11)
                h = (h + (neuron_key[1][k] ^ y)) & _MASK
                h = (h * _M3) & _MASK
                h = ((h ^ (h >> _S14)) * _M4) & _MASK
                h = ((h ^ (h >> _S10)) * _M5) & _MASK
                uniform = np.int64(h ^ (h >> _S12))
                for n in range(width):
                    low = np.int64(table[row, n])
                    if uniform < low + (((np.int64(table[above, n]) - low) * fraction) >> 7):
                        break
                    total += 1
            out[i, k] = min(total, count_max)
