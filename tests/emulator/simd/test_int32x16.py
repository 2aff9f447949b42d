"""16 lanes in compiled functions, by the processor's own instructions and by what replaces them.

`test_processors.py` in tests/emulator/exactness runs whole networks on such processors.
"""

from typing import Any

import numpy as np
import pytest
from numba import njit
from numba.core import types

from ipvae.emulator.simd import int32x16
from ipvae.emulator.simd.int32x16 import ADDRESS, LANES, address, kernel, start_of

LOW, HIGH = -(2**31), 2**31 - 1


@pytest.fixture(params=["this processor", "any processor"])
def features(request, monkeypatch):
    """What is compiled meanwhile uses AVX-512 where there is any, or none of it."""
    if request.param == "any processor":
        monkeypatch.setattr(int32x16, "features_of", lambda _: ["+sse2"])
    return request.param


def vectors(rng, n, low=LOW, high=HIGH):
    """Random vectors, then each end in all lanes."""
    ends = np.array([[low] * LANES, [high] * LANES])
    return np.concatenate([rng.integers(low, high + 1, (n, LANES)), ends]).astype(np.int32)


def compiled(write) -> Any:
    """A function of three int32 arrays, the last of which gets what `write` makes of the others."""
    intrinsic = kernel(types.int64, *[ADDRESS] * 3)(write)

    @njit
    def run(a, b, out):
        return intrinsic(address(start_of(a)), address(start_of(b)), address(start_of(out)))

    return run


def test_chosen_lanes_are_written_next_to_each_other(features, rng):
    def write(c, a, _, out):
        value = c.load(a)
        mask = value.is_(">", 7)
        c.append(mask, value, out)
        return c.ones(mask)

    append = compiled(write)
    for value in vectors(rng, 20, -20, 30):
        out = np.full(LANES + 1, 99, np.int32)
        expected = value[value > 7]
        assert append(value, value, out) == len(expected)
        np.testing.assert_array_equal(out[: len(expected)], expected)
        assert out[LANES] == 99


def dotted(name, width):
    """Function of weights (64,) int8 and values: total of -5 plus the products of each lane."""

    def write(c, a, b, out):
        values = [c.number(b, i) for i in range(width)]
        total = getattr(c, name)(c.lanes(-5), *values, c.load(a))
        c.store(total, out)
        return int32x16.zero()

    return compiled(write)


def test_products_of_unsigned_and_signed_bytes(features, rng):
    dot = dotted("dot_bytes", 1)
    ends = np.array([[255] * 4, [0, 255, 0, 255], [255, 0, 255, 0], [0] * 4], np.uint8)
    weights = vectors(rng, 6).view(np.int8)
    weights[-2:] = [[-128] * 64, [127] * 64]
    for values in np.concatenate([ends, rng.integers(0, 256, (6, 4), np.uint8)]):
        for weight in weights:
            out = np.zeros(LANES, np.int32)
            dot(weight.view(np.int32), values.view(np.int32), out)
            expected = weight.reshape(LANES, 4).astype(np.int64) @ values.astype(np.int64) - 5
            np.testing.assert_array_equal(out, expected)


def test_products_of_signed_shorts_and_signed_bytes(features, rng):
    dot = dotted("dot_shorts", 2)
    ends = [[-(2**15)] * 4, [2**15 - 1] * 4, [-(2**15), 0, 2**15 - 1, 0], [0, -1, 0, 1]]
    weights = vectors(rng, 6).view(np.int8)
    weights[-2:] = [[-128] * 64, [127] * 64]
    for values in np.concatenate([ends, rng.integers(-(2**15), 2**15, (6, 4))]):
        given = values[[0, 2, 1, 3]].astype(np.int16)  # even bytes, then odd ones
        for weight in weights:
            out = np.zeros(LANES, np.int32)
            dot(weight.view(np.int32), given.view(np.int32), out)
            expected = weight.reshape(LANES, 4).astype(np.int64) @ values - 5
            np.testing.assert_array_equal(out, expected)


OPERATIONS = {
    "+": (lambda a, b: a + b, lambda a, b: a + b),
    "-": (lambda a, b: a - b, lambda a, b: a - b),
    "*": (lambda a, b: a * b, lambda a, b: a * b),
    "^": (lambda a, b: a ^ b, lambda a, b: a ^ b),
    "&": (lambda a, b: a & b, lambda a, b: a & b),
    "<< 3": (lambda a, _: a << 3, lambda a, _: a << 3),
    ">> 3": (lambda a, _: a >> 3, lambda a, _: a >> 3),
    "unsigned >> 3": (lambda a, _: a.unsigned_shift(3), lambda a, _: (a & 0xFFFFFFFF) >> 3),
    "the larger": (lambda a, b: a.where(a.is_(">", b), b), np.maximum),
    "the smaller": (lambda a, b: a.where(a.is_("<=", b), b), np.minimum),
    "clip": (
        lambda a, b: a.clip(b & 1023, (b & 1023) + 5000),
        lambda a, b: np.clip(a, b & 1023, (b & 1023) + 5000),
    ),
    "numbers": (lambda a, _: a.code.numbers() - a, lambda a, _: np.arange(LANES) - a),
    "float bits": (
        lambda a, _: a.float_bits(),
        lambda a, _: a.astype(np.float32).view(np.int32).astype(np.int64),
    ),
}


def test_operations_are_those_of_32_bits(rng):
    """All in one function, since compiling takes longer than all the rest."""

    def write(c, a, b, out):
        for i, (operation, _) in enumerate(OPERATIONS.values()):
            c.store(operation(c.load(a), c.load(b)), c.offset(out, i * LANES))
        return c.builder.sext(c.load(a).total(), out.type)

    run = compiled(write)
    near = vectors(rng, 3, -9, 9)
    for a, b in [*zip(vectors(rng, 9), vectors(rng, 9), strict=True), (near[0], near[1])]:
        out = np.zeros((len(OPERATIONS), LANES), np.int32)
        total, wide = run(a, b, out), (a.astype(np.int64), b.astype(np.int64))
        assert total == wide[0].sum().astype(np.int32)
        for found, (name, (_, expected)) in zip(out, OPERATIONS.items(), strict=True):
            wanted = np.asarray(expected(*wide)).astype(np.int64)
            np.testing.assert_array_equal(found, wanted.astype(np.int32), name)
