"""Separate parts of the emulator's work, for benchmarks/emulator.py; see docs/performance.md.

Each runs in one thread, on arrays with the emulator's memory layout.
"""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit
from numba.core import types

from ipvae.emulator import layout
from ipvae.emulator.simd import blocks, drawing
from ipvae.emulator.simd.int32x16 import (
    ADDRESS,
    LANES,
    IrBuilder,
    address,
    int32_at,
    kernel,
    moved,
    start_of,
)
from ipvae.emulator.simd.messages import receive
from ipvae.emulator.tile import Tile

_VECTORS = 16
"""Accumulators of 16 int32 that fit in registers during one pass over the rows."""


@kernel(types.void, types.int64, types.int64, *[ADDRESS] * 3)
def add_rows(c: IrBuilder, n: Any, row_bytes: Any, rows: Any, weights: Any, total: Any) -> None:
    """Add `n` rows of int8 weights, 256 postsynaptic neurons at a time, without other work."""
    sums = [c.variable(c.lanes(0)) for _ in range(_VECTORS)]
    signed = ir.VectorType(ir.IntType(8), LANES)
    with c.loop(n) as i:
        number = c.builder.zext(c.number(c.offset(rows, i)), ir.IntType(64))
        row = c.builder.add(weights, c.builder.mul(number, row_bytes))
        for part, found in enumerate(sums):
            pointer = c.builder.inttoptr(c.offset(row, part * LANES, 1), signed.as_pointer())
            weight = c.builder.load(pointer, align=1)
            wide = ir.VectorType(ir.IntType(32), LANES)
            found.set(found.get() + c.lanes(c.builder.sext(weight, wide)))
    for part, found in enumerate(sums):
        c.store(found.get(), c.offset(total, part * LANES))


@njit(nogil=True)
def adds(weights, rows, counts, total, repeats):
    """Sums of each image's rows (N, n) of weights (J, K) int8."""
    width = weights.shape[1]
    for _ in range(repeats):
        for i in range(rows.shape[0]):
            listed = address(moved(start_of(rows), i * rows.shape[1]))
            for first in range(0, width, _VECTORS * LANES):
                part = address(moved(start_of(weights), first))
                to = address(moved(start_of(total), first))
                add_rows(counts[i], width, listed, part, to)


@njit(nogil=True)
def products(weights, offsets, values, total, repeats):
    """Products of every quad with every block, with a block's weights in the L1 cache."""
    pairs = len(offsets) >> 1
    size = weights.shape[1] * weights.shape[2]
    for block in range(weights.shape[0]):
        rows = address(start_of(weights)) + block * size
        to = address(moved(start_of(total), block * blocks.BLOCK))
        for _ in range(repeats):
            blocks.add_bytes(pairs, address(start_of(offsets)), address(start_of(values)), rows, to)


@njit(nogil=True)
def sums(weights, source, a_in, shape, repeats):
    """Synaptic input of a tile's images, computed as in the emulator, without other work.

    Weights, messages and `a_in` are addresses, as for `ipvae.emulator.simd.kernels`.
    """
    for _ in range(repeats):
        receive(weights, source, source.z, a_in, shape)


@njit(nogil=True)
def draws(fixed, given, work, u, keys, z, repeats):
    """Draw counts for constant log-rates: random source and sampler, without other work.

    `fixed`, `given` and `work` have addresses in place of arrays.
    """
    layer, scratch = drawing.neurons_of(fixed), drawing.scratch_of(work)
    n, width = u.shape
    draw = int32_at(given.draw)
    for row in range(repeats):
        for i in range(n):
            of_image = moved(start_of(u), i * width)
            a, b = keys[i, 0], keys[i, 1]
            ia, y = drawing.image_words(a, b, 32 * row)
            draw[2], draw[3] = np.int32(ia), np.int32(y)
            found, split = blocks.draw(
                width >> 4,
                address(of_image),
                address(layer.na),
                address(layer.nb),
                address(draw),
                layer.mix,
                address(scratch.uniforms),
                address(scratch.active),
                address(scratch.split),
            )
            drawing.further_draws(layer, scratch, of_image, split, given.finer, a, b, 32 * row)
            for m in range(found):
                k = scratch.active[m]
                z[k] = drawing.drawn(layer, scratch, of_image, k, given.finer)


def _best(run: Callable[[], Any], repeats: int) -> float:
    """Seconds of the fastest of `repeats` runs."""
    found = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        found.append(time.perf_counter() - start)
    return min(found)


class Roofline:
    """Lower bounds on the time of a stationary tile's rows, in one thread."""

    def __init__(self, part: layout.Part, tile: Tile) -> None:
        self.part = part
        k, layer = part.width, part.layer
        name = part.stage.name
        z = tile.z(name, layer.n_neurons)
        self.n, self.active = len(z), float((z != 0).mean() * layer.n_neurons)
        self.weights = layout.aligned((k, -(-k // 256) * 256), np.int8)
        assert layer.weight_rec is not None
        self.weights[: layer.n_neurons, : layer.n_neurons] = layer.weight_rec.T
        self.rows = np.zeros((self.n, k), np.int32)
        self.counts = (z != 0).sum(axis=1)
        for i, of_image in enumerate(z):
            self.rows[i, : self.counts[i]] = np.flatnonzero(of_image)
        self.source, self.a_in = tile.last_messages(name), tile.whole_a_in(name).copy()
        self.total = layout.aligned((self.weights.shape[1],), np.int32)
        self.u = tile.whole_u(name)
        self.keys = np.arange(2 * self.n, dtype=np.uint32).reshape(-1, 2) * 7919
        self.work = layout.new_work(k)
        quads = np.arange(k // 4, dtype=np.int32)
        self.offsets, self.values = quads * blocks.QUAD, np.ones(k // 4, np.int32)
        self.z = np.zeros(k, np.int64)
        for compiles in (self.add_seconds, self.draw_seconds, self.product_rate, self.sum_seconds):
            compiles(1)

    def add_seconds(self, repeats: int = 12, rows: int = 20) -> float:
        """Seconds of the additions of an image-step at the rate of `adds`."""
        args = (self.weights, self.rows, self.counts, self.total, rows)
        return _best(lambda: adds(*args), repeats) / (rows * self.n)

    def add_rate(self, seconds: float) -> float:
        """Additions per second, from seconds of an image-step."""
        return self.active * self.part.layer.n_neurons / seconds

    def product_rate(self, repeats: int = 12) -> float:
        """Products of a weight and a count per second, with all quads listed."""
        weights = self.part.synapses.weights
        args = (weights, self.offsets, self.values, self.total, 100)
        return 100 * weights.size / _best(lambda: products(*args), repeats)

    def sum_seconds(self, repeats: int = 12, rows: int = 20) -> float:
        """Seconds of the sums of an image-step, computed as in the emulator."""
        weights, a_in = self.part.synapses.weights.ctypes.data, self.a_in.ctypes.data
        shape = (self.n, *self.a_in.shape)
        args = (weights, layout.addresses(self.source), a_in, shape, rows)
        return _best(lambda: sums(*args), repeats) / (rows * self.n)

    def draw_seconds(self, repeats: int = 12, rows: int = 20) -> float:
        """Seconds of the draws of an image-step."""
        fixed, rules = layout.addresses(self.part.fixed), layout.addresses(self.part.rules)
        args = (fixed, rules, layout.addresses(self.work), self.u, self.keys, self.z, rows)
        return _best(lambda: draws(*args), repeats) / (rows * self.n)
