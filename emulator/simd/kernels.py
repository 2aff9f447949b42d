"""Compiled functions of the emulator (numba): a tile of images, one layer, some rows.

The steps follow docs/spec/. `ipvae.emulator.simd.blocks` contains the parts
that process 16 neurons at a time.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ipvae.compiled import compiled
from ipvae.emulator.simd import amx, blocks, drawing, int32x16, messages
from ipvae.emulator.simd.blocks import QUAD
from ipvae.emulator.simd.drawing import (
    draw_counts,
    neurons_of,
    scratch_of,
    send_count,
    sub_draws_beyond_one,
)
from ipvae.emulator.simd.int32x16 import (
    address,
    inner,
    int32_at,
    int64_at,
    moved,
    uint8_at,
    uint32_at,
)
from ipvae.emulator.simd.messages import SHORTS, list_counts, list_shorts, receive

_COMPILED = (blocks, drawing, int32x16, amx, messages)
"""Modules whose functions are compiled into the kernels below."""


def _sources() -> str:
    """Digest of all compiled sources, since numba's cache checks only one file."""
    files = [__file__, *(str(module.__file__) for module in _COMPILED)]
    return hashlib.sha256(b"".join(Path(f).read_bytes() for f in files)).hexdigest()[:12]


_DIGEST = _sources()


def kernel(function: Callable[..., Any]) -> Any:
    """Compile without the interpreter lock, under a name that contains the digest of sources."""
    function.__qualname__ = f"{function.__name__}_{_DIGEST}"
    return compiled(nogil=True, no_cfunc_wrapper=True)(function)


@inner
def bump(table, distance, bits):
    """Interpolate a table (tables.md) at a distance of 0 or more; 0 from 16 units on."""
    if distance >= 16 << bits:
        return 0
    shift = bits - 4
    i, f = distance >> shift, distance & ((1 << shift) - 1)
    low = np.int64(table[i])
    return low + (((np.int64(table[i + 1]) - low) * f) >> shift)


@kernel
def run_poisson(fixed, given, weights, presynaptic, state, sent, work, sums, recorded, rows, shape):
    """Update a layer of Poisson neurons for rows[0] <= t < rows[1].

    Named tuples and weights come from `ipvae.emulator.layout.addresses`, the shape from `shape_of`.
    `rows[2]` is the first row with synaptic input. `recorded` (N, rows, K), from rows[0] on,
    replaces the sampler unless it is None.
    """
    n, _, width = shape
    layer, scratch = neurons_of(fixed), scratch_of(work)
    sizes, numbers, saturated = (
        int64_at(sums.sizes),
        int64_at(sums.messages),
        int64_at(sums.saturated),
    )
    all_a_in, all_u, all_drive = int32_at(state.a_in), int32_at(state.u), int32_at(state.drive)
    all_own, all_sent, all_keys = int32_at(state.own), uint8_at(sent.low), uint32_at(state.keys)
    draw, peaks, all_words = int32_at(given.draw), int64_at(sums.peaks), int64_at(sums.words)
    rules = (given.finer, given.count_max)
    neurons, words = 0, 0
    peak, latest = peaks[0], peaks[1]
    for k in range(width):
        neurons += layer.real[k]
    for t in range(rows[0], rows[1]):
        if t >= rows[2]:
            receive(weights, presynaptic, presynaptic.z, state.a_in, shape)
        # At row 0 a log-rate with memory does not change.
        limits = given.still if given.memory and t == 0 else given.limits
        if given.ceiling:
            limits = given.unlimited
        peak, latest = max(peak, latest), 0
        for i in range(n):
            row = i * width
            u, own, counts = moved(all_u, row), moved(all_own, row), moved(all_sent, row)
            blocks.update_log_rates(
                width >> 4,
                address(moved(all_a_in, row)),
                address(u if given.memory else layer.u_init),
                address(u),
                address(moved(all_drive, row)),
                address(own),
                address(layer.real),
                limits,
                address(saturated),
            )
            saturated[1] += bend(fixed.bend, layer, u, width, given.limits)
            blocks.clear(width >> 6, address(counts))
            largest, active = 0, 0
            if recorded is None:
                keys = moved(all_keys, 2 * i)
                largest, further, active = draw_counts(
                    layer, scratch, u, own, counts, sizes, numbers, rules, width, draw, keys, 32 * t
                )
            else:
                for k in range(recorded.shape[2]):
                    z = np.int64(recorded[i, t - rows[0], k])
                    largest += z >= rules[1]
                    active += z > 0
                    send_count(layer, scratch, own, counts, sizes, numbers, k, z)
                further = sub_draws_beyond_one(u, recorded.shape[2], rules[0])
            saturated[2] += largest
            words += neurons + further
            latest = max(latest, active)
            list_counts(counts, width, scratch, sent, i)
    all_words[0] += words
    peaks[0], peaks[1] = peak, latest


@inner
def bend(table, layer, u, width, limits):
    """Compress log-rates below a soft ceiling; return the number at the limit."""
    if table is None:
        return 0
    at, ends = int32_at(table), int32_at(limits)
    found, low, top = 0, np.int64(ends[5]), np.int64(ends[6])
    for k in range(width):
        v = np.int64(u[k])
        v = min(v, top) - bump(at, abs(top - v), 16)
        u[k] = np.int32(min(max(v, low), top))
        found += (v >= top) * layer.real[k]
    return found


@kernel
def run_graded(fixed, given, weights, presynaptic, state, sent, sums, rows, shape):
    """Update a layer of graded neurons for rows[0] <= t < rows[1]; as `run_poisson`."""
    n, _, width = shape
    layer, table = neurons_of(fixed), int32_at(fixed.bend)
    sizes, numbers, saturated = (
        int64_at(sums.sizes),
        int64_at(sums.messages),
        int64_at(sums.saturated),
    )
    all_a_in, all_u, all_drive = int32_at(state.a_in), int32_at(state.u), int32_at(state.drive)
    all_z, peaks = int32_at(sent.z), int64_at(sums.peaks)
    peak, latest = peaks[0], peaks[1]
    for t in range(rows[0], rows[1]):
        if t >= rows[2]:
            receive(weights, presynaptic, presynaptic.z, state.a_in, shape)
        peak, latest = max(peak, latest), 0
        for i in range(n):
            row = i * width
            u, z = moved(all_u, row), moved(all_z, row)
            blocks.update_potentials(
                width >> 4,
                address(moved(all_a_in, row)),
                address(u),
                address(moved(all_drive, row)),
                address(layer.real),
                given.potential,
                address(saturated),
            )
            for k in range(width):
                v = np.int64(u[k])
                if given.memory and t == 0:
                    v = 0
                    u[k] = 0
                if given.swish:
                    v = max(v, 0) - bump(table, abs(v), 12)
                z[k] = np.int32(v)
            blocks.send_graded(
                width >> 4, address(z), address(layer.real), given.output, address(saturated)
            )
            active = 0
            for k in range(width):
                size = abs(np.int64(z[k])) * layer.real[k]
                sizes[k] += size
                numbers[k] += size > 0
                active += size > 0
            latest = max(latest, active)
            if sent.kind == SHORTS:
                list_shorts(z, width, sent, i)
                if sent.matrix:
                    low = moved(uint8_at(sent.low), row)
                    high = moved(uint8_at(sent.high), row)
                    for k in range(width):
                        low[k] = np.uint8(z[k] & 255)
                        high[k] = np.uint8((z[k] >> 8) & 255)
    peaks[0], peaks[1] = peak, latest


@kernel
def counts_of(offsets, values, ends, z):
    """Expand listed counts: (N, K) int32."""
    z[:] = 0
    for i in range(z.shape[0]):
        for m in range(ends[i, ends.shape[1] - 1]):
            quad = (offsets[i, m] // QUAD) * 4
            for j in range(4):
                byte = (values[i, m] >> (8 * j)) & 255
                if byte:
                    z[i, quad + j] += byte
