"""Compiled draws: the counts of an image's row, docs/spec/counts.md."""

from typing import Any, NamedTuple

import numpy as np

from ipvae.emulator.simd import blocks
from ipvae.emulator.simd.blocks import COUNTED
from ipvae.emulator.simd.int32x16 import LANES, address, inner, int32_at, int64_at, uint32_at
from ipvae.emulator.simd.messages import LARGEST

SPLIT, LOWEST = 12288, 49152
_WORD = np.uint64(0xFFFFFF)
_S12, _S11 = np.uint64(12), np.uint64(11)
_M0 = np.uint64(blocks.MULTIPLIERS[0])
_WEYL_A, _WEYL_B = np.uint64(blocks.WEYL_A), np.uint64(blocks.WEYL_B)


class Neurons(NamedTuple):
    """Pointers to a layer's constants; see `ipvae.emulator.layout.Fixed`."""

    real: Any
    u_init: Any
    self_weight: Any
    own_most: Any
    na: Any
    nb: Any
    table: Any
    mix: Any


class Scratch(NamedTuple):
    """Pointers to scratch memory; see `ipvae.emulator.layout.TileMemory`."""

    uniforms: Any
    active: Any
    split: Any
    last: Any
    starts: Any
    ys: Any
    further: Any
    positions: Any
    sums: Any
    extra: Any
    large: Any
    large_left: Any
    n_large: Any


@inner
def neurons_of(fixed):
    """Convert addresses to pointers."""
    return Neurons(
        int32_at(fixed.real),
        int32_at(fixed.u_init),
        int32_at(fixed.self_weight),
        int32_at(fixed.own_most),
        uint32_at(fixed.na),
        uint32_at(fixed.nb),
        fixed.table,
        fixed.mix,
    )


@inner
def scratch_of(work):
    """Convert addresses to pointers."""
    return Scratch(
        int32_at(work.uniforms),
        int32_at(work.active),
        int32_at(work.split),
        int64_at(work.last),
        work.words,
        work.words + 3 * LANES * 4,
        int32_at(work.further),
        int32_at(work.positions),
        int64_at(work.sums),
        int64_at(work.extra),
        int64_at(work.large),
        int64_at(work.large_left),
        int64_at(work.n_large),
    )


@inner
def image_words(key_a, key_b, counter):
    """Words of an image that are combined with its neurons' words: ia + c * 0x9E3779, and y."""
    c = np.uint64(counter)
    y = (np.uint64(key_b) + c * _WEYL_B) & _WORD
    y = ((y ^ (y >> _S12)) * _M0) & _WORD
    return (np.uint64(key_a) + c * _WEYL_A) & _WORD, y ^ (y >> _S11)


@inner
def single(table, position, value):
    """Count for one uniform at a position of the table."""
    row = table + (position >> 7) * (4 * COUNTED * 4)
    fraction = np.int32(position & 127)
    found = blocks.reached(row, fraction, value)
    if found == COUNTED:
        found += blocks.reached(row + 2 * COUNTED * 4, fraction, value)
    return found


@inner
def split_neuron(work, u, m, finer):
    """Return a neuron that draws more than once, its halvings and its table position."""
    k = work.split[m]
    v = np.int64(u[k]) >> finer
    octaves = (v - SPLIT + 4095) >> 12
    return k, octaves, v - (octaves << 12) + LOWEST


@inner
def further_draws(fixed, work, u, n_split, finer, key_a, key_b, counter):
    """Add counts of sub-draws 1.. to work.extra of their neurons; return the number of them."""
    uniforms, places = address(work.further), address(work.positions)
    if n_split:
        blocks.sub_draw_words(np.int64(key_a), np.int64(key_b), counter + 1, work.starts, work.ys)
    drawn, m = np.int64(0), np.int64(0)
    while m < n_split:
        k, octaves, position = split_neuron(work, u, m, finer)
        na, nb, n, at = fixed.na[k], fixed.nb[k], (1 << octaves) - 1, drawn * 4
        if octaves > 3:
            for part in range(0, n, LANES):
                starts, ys = work.starts + part * 4, work.ys + part * 4
                blocks.sub_draws(na, nb, starts, ys, fixed.mix, uniforms + at + part * 4)
                blocks.fill(position, places + at + part * 4)
            drawn += n
            work.last[m] = drawn
            m += 1
            continue
        other, octaves, other_position = split_neuron(work, u, m + 1, finer)
        others = (1 << octaves) - 1 if octaves <= 3 and m + 1 < n_split else 0
        blocks.sub_draws_of_two(
            na,
            nb,
            n,
            position,
            fixed.na[other],
            fixed.nb[other],
            others,
            other_position,
            work.starts + 2 * LANES * 4,
            work.ys + 2 * LANES * 4,
            fixed.mix,
            uniforms + at,
            places + at,
        )
        work.last[m] = drawn + n
        drawn += n + others
        m += 1
        if others:
            work.last[m] = drawn
            m += 1
    total = 0
    for m in range(drawn):
        total += single(fixed.table, np.int64(work.positions[m]), work.further[m])
        work.sums[m + 1] = total
    before = 0
    for m in range(n_split):
        after = work.sums[work.last[m]]
        work.extra[work.split[m]] = after - before
        before = after
    return drawn


@inner
def drawn(fixed, work, u, k, finer):
    """Count of a neuron from its first uniform and its further draws, which are then cleared."""
    v = np.int64(u[k]) >> finer
    octaves = max((v - SPLIT + 4095) >> 12, 0)
    z = single(fixed.table, v - (octaves << 12) + LOWEST, work.uniforms[k]) + work.extra[k]
    work.extra[k] = 0
    return z


@inner
def send_count(fixed, work, own, sent, sizes, messages, k, z):
    """Store a neuron's count as its message."""
    own[k] = fixed.self_weight[k] * min(z, np.int64(fixed.own_most[k]))
    sizes[k] += z
    messages[k] += z > 0
    sent[k] = min(z, LARGEST)
    if z > LARGEST:
        work.large[work.n_large[0]] = k
        work.large_left[work.n_large[0]] = z - LARGEST
        work.n_large[0] += 1


@inner
def draw_counts(fixed, work, u, own, sent, sizes, messages, rules, width, draw, keys, counter):
    """Draw and send the counts of an image's row.

    Returns the number of counts at the maximum, the number of sub-draws beyond one for each neuron,
    and the number of neurons that send.
    """
    finer, count_max = rules[0], rules[1]
    ia, y = image_words(keys[0], keys[1], counter)
    draw[2], draw[3] = np.int32(ia), np.int32(y)
    n, n_split = blocks.draw(
        width >> 4,
        address(u),
        address(fixed.na),
        address(fixed.nb),
        address(draw),
        fixed.mix,
        address(work.uniforms),
        address(work.active),
        address(work.split),
    )
    further = further_draws(fixed, work, u, n_split, finer, keys[0], keys[1], counter)
    largest, messages_sent = 0, 0
    for m in range(n):
        k = work.active[m]
        z = min(drawn(fixed, work, u, k, finer), count_max) * fixed.real[k]
        largest += z >= count_max
        messages_sent += z > 0
        send_count(fixed, work, own, sent, sizes, messages, k, z)
    return largest, further, messages_sent


@inner
def sub_draws_beyond_one(u, n, finer):
    """Number of sub-draws beyond one for the log-rates of `n` neurons."""
    found = 0
    for k in range(n):
        octaves = ((np.int64(u[k]) >> finer) - SPLIT + 4095) >> 12
        if octaves > 0:
            found += (1 << octaves) - 1
    return found
