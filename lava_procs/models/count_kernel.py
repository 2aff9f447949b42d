"""Compiled counts of one step (numba); docs/spec/counts.md.

In NumPy a draw takes most of a neuron's step: a hundred calls for 512 numbers.
`ipvae.network.rules.poisson.draw` and `ipvae.network.rules.random_source.uniforms` are the
readable equivalents.
"""

import numpy as np

from ipvae.compiled import compiled
from ipvae.network.rules.poisson import thresholds

_MASK = np.uint32(0xFFFFFF)
_WEYL_A, _WEYL_B = np.uint32(0x9E3779), np.uint32(0xD80165)
_M0, _M1, _M2 = np.uint32(0xB5297B), np.uint32(0xD35A2D), np.uint32(0xC9E635)
_M3, _M4, _M5 = np.uint32(0xF3864B), np.uint32(0xD6D9AB), np.uint32(0xF30E65)
_S10, _S11, _S12, _S13, _S14 = (np.uint32(n) for n in (10, 11, 12, 13, 14))
_SPLIT, _LOWEST, _LAST_ROW = 12288, 49152, 480


@compiled()
def draw_counts(
    u: np.ndarray,
    image_a: np.uint32,
    image_b: np.uint32,
    neuron_a: np.ndarray,
    neuron_b: np.ndarray,
    step: int,
    table: np.ndarray,
    count_max: int,
) -> np.ndarray:
    """Draw the counts of a step.

    Parameters
    ----------
    u : (K,) int32, Q11.12 octaves
    image_a, image_b : uint32
        Key of the image.
    neuron_a, neuron_b : (K,) uint32
        Keys of the neurons.
    step : int
        The row.
    table : (481, 27) int32
        `ipvae.network.rules.poisson.thresholds`.
    count_max : int
        Largest count of the payload.

    Returns
    -------
    (K,) int32
    """
    counts = np.empty(len(u), dtype=np.int32)
    base = np.uint32(32 * step)
    for k in range(len(u)):
        v = np.int64(u[k])
        octaves = 0 if v <= _SPLIT else (v - _SPLIT + 4095) >> 12
        position = v - (octaves << 12) + _LOWEST
        row, fraction = position >> 7, position & 127
        above = min(row + 1, _LAST_ROW)  # the fraction is 0 on the last row
        total = 0
        for sub_draw in range(1 << octaves):
            c = base + np.uint32(sub_draw)
            y = (image_b + c * _WEYL_B) & _MASK
            y = ((y ^ (y >> _S12)) * _M0) & _MASK
            y = y ^ (y >> _S11)
            h = (neuron_a[k] + image_a + c * _WEYL_A) & _MASK
            h = ((h ^ (h >> _S12)) * _M1) & _MASK
            h = ((h ^ (h >> _S13)) * _M2) & _MASK
            h = h ^ (h >> _S11)
            h = (h + (neuron_b[k] ^ y)) & _MASK
            h = (h * _M3) & _MASK
            h = ((h ^ (h >> _S14)) * _M4) & _MASK
            h = ((h ^ (h >> _S10)) * _M5) & _MASK
            uniform = np.int64(h ^ (h >> _S12))
            for n in range(table.shape[1]):
                low = np.int64(table[row, n])
                if uniform < low + (((np.int64(table[above, n]) - low) * fraction) >> 7):
                    break
                total += 1
        counts[k] = min(total, count_max)
    return counts


def prepare() -> None:
    """Compile or load from the cache in this process, for the processes forked from it."""
    word, words = np.uint32(0), np.zeros(1, dtype=np.uint32)
    draw_counts(np.zeros(1, dtype=np.int32), word, word, words, words, 0, thresholds(), 1)
