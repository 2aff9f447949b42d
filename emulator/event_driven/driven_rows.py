"""Compiled rows of Poisson and graded neurons; docs/spec/neurons/.

Written apart from the programs of the kinds. One neuron at a time, in the order of (C, H, W).
"""

import numpy as np

from ipvae.compiled import compiled

_SPLIT, _LOWEST, _LAST_ROW, _TERM = 12288, 49152, 480, 2**21 - 1
_WORD = np.uint64(0xFFFFFF)
_A, _B = np.uint64(0x9E3779), np.uint64(0xD80165)
_M0, _M1, _M2 = np.uint64(0xB5297B), np.uint64(0xD35A2D), np.uint64(0xC9E635)
_M3, _M4, _M5 = np.uint64(0xF3864B), np.uint64(0xD6D9AB), np.uint64(0xF30E65)
_10, _11, _12, _13, _14 = (np.uint64(n) for n in (10, 11, 12, 13, 14))


@compiled(nogil=True)
def _total(a, drive, weight_exp, sign):
    """Drive plus or minus the scaled input, and whether that was clipped."""
    if weight_exp >= 0:
        most = _TERM >> weight_exp
        g = min(max(a, -most), most) << weight_exp
        return drive + sign * g, abs(a) > most
    g = a >> -weight_exp
    return drive + sign * min(max(g, -_TERM), _TERM), abs(g) > _TERM


@compiled(nogil=True)
def _bump(table, distance, shift):
    """Interpolated entry of a table of 257 entries, 0 beyond."""
    if distance >= 256 << shift:
        return np.int64(0)
    i, f = distance >> shift, distance & ((1 << shift) - 1)
    low = np.int64(table[i])
    return low + (((np.int64(table[i + 1]) - low) * f) >> shift)


@compiled(nogil=True)
def _uniform(start, y, a, b):
    """Uniform of 24 bits from an image's words of a sub-draw and a neuron's words."""
    h = (a + start) & _WORD
    h = ((h ^ (h >> _12)) * _M1) & _WORD
    h = ((h ^ (h >> _13)) * _M2) & _WORD
    h = h ^ (h >> _11)
    h = ((h + (b ^ y)) * _M3) & _WORD
    h = ((h ^ (h >> _14)) * _M4) & _WORD
    h = ((h ^ (h >> _10)) * _M5) & _WORD
    return np.int64(h ^ (h >> _12))


@compiled(nogil=True)
def _count(position, uniform, table):
    """Thresholds that a uniform reaches at a position of the table."""
    row, f = position >> 7, position & 127
    above = min(row + 1, _LAST_ROW)  # f is 0 on the last row
    n = 0
    while n < table.shape[1]:
        low = np.int64(table[row, n])
        if uniform < low + (((np.int64(table[above, n]) - low) * f) >> 7):
            break
        n += 1
    return n


@compiled(nogil=True)
def poisson_row(u, z, a_in, drive, numbers, own, keys, image_keys, row, table, ceiling, limits):
    """Update and draw the neurons of all images once.

    Parameters
    ----------
    u, z : (images, n) int32
        States, which are changed.
    a_in, drive : (images, n) int32
    numbers : int64 array
        weight_exp, sign, memory, ceiling, finer bits, u_min, u_max, du_min, du_max, largest count.
    own : (3, n) int64
        u_init, self_weight, and the largest count that it multiplies.
    keys : (2, n) uint64
        Words of the neurons.
    image_keys : (images, 2) uint64
    row : int
    table, ceiling : tables of the documents
    limits : (4,) int64
        Numbers of inputs clipped, log-rates at u_max and counts at the largest; sub-draws.
    """
    e, sign, memory, bent, finer, u_min, u_max, du_min, du_max, z_max = numbers
    words = np.empty((32, 2), np.uint64)
    for b in range(len(u)):
        for i in range(32):
            c = np.uint64(32 * row + i)
            y = (image_keys[b, 1] + c * _B) & _WORD
            y = ((y ^ (y >> _12)) * _M0) & _WORD
            words[i, 0], words[i, 1] = image_keys[b, 0] + c * _A, y ^ (y >> _11)
        for k in range(u.shape[1]):
            total, clipped = _total(np.int64(a_in[b, k]), np.int64(drive[b, k]), e, sign)
            limits[0] += clipped
            v = np.int64(u[b, k])
            if not memory:
                v = own[0, k] + min(max(total, du_min), du_max)
                if bent:
                    v = min(v, u_max) - _bump(ceiling, abs(u_max - v), 12)
            elif row > 0:
                total -= own[1, k] * min(np.int64(z[b, k]), own[2, k])
                v += min(max(total, du_min), du_max)
            v = min(max(v, u_min), u_max)
            u[b, k] = v
            limits[1] += v == u_max
            rate = v >> finer
            o = 0 if rate <= _SPLIT else (rate - _SPLIT + 4095) >> 12
            position, found = rate - (o << 12) + _LOWEST, 0
            for i in range(1 << o):
                uniform = _uniform(words[i, 0], words[i, 1], keys[0, k], keys[1, k])
                found += _count(position, uniform, table)
            z[b, k] = min(found, z_max)
            limits[2] += found >= z_max
            limits[3] += 1 << o


@compiled(nogil=True)
def graded_row(u, z, a_in, drive, numbers, row, table, limits):
    """Update the neurons of all images once.

    Parameters
    ----------
    u, z, a_in, drive, row
        As for `poisson_row`.
    numbers : int64 array
        weight_exp, sign, leak, swish, threshold, shift, z_min, z_max.
    table : (257,) int32, of swish
    limits : (4,) int64
        Numbers of inputs clipped and outputs at a limit, at places 0 and 2.
    """
    e, sign, leak, bent, threshold, shift, z_min, z_max = numbers
    half = (1 << shift) >> 1
    for b in range(len(u)):
        for k in range(u.shape[1]):
            total, clipped = _total(np.int64(a_in[b, k]), np.int64(drive[b, k]), e, sign)
            limits[0] += clipped
            v = np.int64(u[b, k])
            if leak == 0:
                v = total
            elif row > 0:
                v += (total - v) >> leak
            u[b, k] = v
            y = v
            if bent:
                y = max(v, 0) - _bump(table, abs(v), 8)
            if y > threshold:
                y -= threshold
            elif y < -threshold:
                y += threshold
            else:
                y = 0
            y = min(max((y + half) >> shift, z_min), z_max)
            z[b, k] = y
            limits[2] += y == z_max or (y == z_min and z_min < 0)
