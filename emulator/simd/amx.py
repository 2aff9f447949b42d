"""Matrix registers (AMX) of recent x86 processors: products of bytes, 16 x 16 x 64 at once.

They use no lists: the messages of a tile of images are multiplied completely, zeros included. On
processors without such registers the kernels use lists alone, with the same bits.
"""

import ctypes
import platform
from functools import lru_cache
from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.core.registry import cpu_target

from ipvae.emulator.simd.blocks import QUAD
from ipvae.emulator.simd.int32x16 import ADDRESS, BYTES, LANES, IrBuilder, features_of, kernel

IMAGES = 32
"""Images multiplied together; memory is padded to a multiple."""

FEATURE = "amx-int8"
_ARCH_PRCTL, _REQUEST, _TILE_DATA = 158, 0x1023, 18

SHAPES = np.zeros(64, np.uint8)
"""Configuration: palette 1, eight registers of 16 rows and 64 bytes."""
SHAPES[0] = 1
SHAPES[16:32].view(np.uint16)[:] = BYTES
SHAPES[48:56] = LANES
SHAPES.setflags(write=False)

_I8, _I64 = ir.IntType(8), ir.IntType(64)


def compiled() -> bool:
    """Return True if numba compiles for matrix registers."""
    return f"+{FEATURE}" in features_of(cpu_target.target_context)


@lru_cache(maxsize=1)
def available() -> bool:
    """Return True if numba compiles for them and Linux allows this process to use them."""
    if platform.system() != "Linux" or not compiled():
        return False
    try:
        return ctypes.CDLL(None).syscall(_ARCH_PRCTL, _REQUEST, _TILE_DATA) == 0
    except (OSError, AttributeError):
        return False


class _Registers:
    """Instructions; no code on processors without them, where they are never run."""

    def __init__(self, code: IrBuilder) -> None:
        self.code = code

    def __call__(self, name: str, *arguments: Any) -> None:
        if FEATURE not in self.code.features:
            return
        values = [ir.Constant(_I8, a) if isinstance(a, int) else a for a in arguments]
        self.code.call(f"llvm.x86.{name}", ir.VoidType(), *values)

    def pointer(self, address: Any) -> Any:
        return self.code.builder.inttoptr(address, _I8.as_pointer())


@kernel(types.void, ADDRESS)
def configure(c: IrBuilder, shapes: Any) -> None:
    """Set the registers' shapes, as required before `multiply`."""
    registers = _Registers(c)
    registers("ldtilecfg", registers.pointer(shapes))


@kernel(types.void)
def release(c: IrBuilder) -> None:
    """Release the registers."""
    _Registers(c)("tilerelease")


def _multiply(
    c: IrBuilder,
    n: Any,
    sent: Any,
    width: Any,
    weights: Any,
    total: Any,
    stride: Any,
    product: str,
    fresh: bool,
) -> None:
    """Multiply 32 images by 32 receivers, `n` times 64 senders; `stride`: bytes of an image."""
    registers, builder = _Registers(c), c.builder
    sums = [
        c.offset(
            c.offset(total, builder.mul(stride, ir.Constant(_I64, LANES * (i // 2))), 1),
            LANES * (i % 2),
        )
        for i in range(4)
    ]
    for i, at in enumerate(sums):
        if fresh:
            registers("tilezero", i)
        else:
            registers("tileloadd64", i, registers.pointer(at), stride)
    below = c.offset(sent, builder.mul(width, ir.Constant(_I64, LANES)), 1)
    quad = ir.Constant(_I64, QUAD)
    with c.loop(n) as k:
        for i, rows in enumerate((sent, below)):
            at = registers.pointer(c.offset(rows, k, BYTES))
            registers("tileloadd64", 4 + i, at, width)
        for i in range(2):
            at = c.offset(c.offset(weights, k, LANES * QUAD), i, BYTES)
            registers("tileloadd64", 6 + i, registers.pointer(at), quad)
        for i in range(4):
            registers(product, i, 4 + i // 2, 6 + i % 2)
    for i, at in enumerate(sums):
        registers("tilestored64", i, registers.pointer(at), stride)


_ARGUMENTS = (types.void, types.int64, ADDRESS, types.int64, ADDRESS, ADDRESS, types.int64)


@kernel(*_ARGUMENTS)
def multiply(c: IrBuilder, *given: Any) -> None:
    """Set total to unsigned message bytes times weights; see `_multiply`."""
    _multiply(c, *given, product="tdpbusd", fresh=True)


@kernel(*_ARGUMENTS)
def multiply_signed(c: IrBuilder, *given: Any) -> None:
    """Set total to signed message bytes times weights."""
    _multiply(c, *given, product="tdpbssd", fresh=True)


@kernel(*_ARGUMENTS)
def multiply_more(c: IrBuilder, *given: Any) -> None:
    """Add unsigned message bytes times weights to total."""
    _multiply(c, *given, product="tdpbusd", fresh=False)
