"""The matrix registers of x86 (AMX) in NumPy, in place of the instructions, on any processor.

Written from Intel's Software Developer's Manual (LDTILECFG, TILELOADD, TILESTORED, TILEZERO,
TDPBUSD, TDPBSSD, TILERELEASE), not from `ipvae.emulator.simd.amx`. The module writes a call of
`_Registers` for every instruction; with `replacing` it writes a call of a function here, with the
same arguments. Registers that are used before they are configured are an error, as on the chip.
"""

import ctypes
from collections import Counter
from contextlib import contextmanager

import numpy as np
from llvmlite import ir
from numba import njit

from ipvae.emulator.simd import amx, messages

_I64 = ir.IntType(64)
ROWS, ROW_BYTES = 16, 64

INSTRUCTIONS = (
    "ldtilecfg",
    "tilerelease",
    "tilezero",
    "tileloadd64",
    "tilestored64",
    "tdpbusd",
    "tdpbssd",
)


class Registers:
    """Eight registers of 16 rows and 64 bytes: state, and one method for each instruction."""

    def __init__(self) -> None:
        self.tiles = np.zeros((8, ROWS, ROW_BYTES), np.uint8)
        self.configured = False
        self.counts: Counter[str] = Counter()
        self.faults: list[str] = []
        kind = ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * 3)
        self._functions = {name: kind(self._guarded(name)) for name in INSTRUCTIONS}

    def address(self, name: str) -> int:
        """Address of the function that replaces an instruction."""
        found = ctypes.cast(self._functions[name], ctypes.c_void_p).value
        assert found is not None
        return found

    def _guarded(self, name):
        def act(*arguments):
            self.counts[name] += 1
            try:  # an exception cannot pass through compiled code
                if not self.configured and name not in ("ldtilecfg", "tilerelease"):
                    raise RuntimeError("registers are not configured")
                getattr(self, name)(*arguments)
            except Exception as error:
                self.faults.append(f"{name}{arguments}: {error}")

        return act

    def ldtilecfg(self, at, *_):
        """Palette 1; bytes to a row are words from 16 on, rows are bytes from 48 on."""
        given = _memory(at, 64)
        assert given[0] == 1 and not given[1:16].any(), "palette"
        assert (given[16:32].view(np.uint16) == ROW_BYTES).all() and (given[48:56] == ROWS).all()
        assert not given[32:48].any() and not given[56:].any(), "reserved bytes"
        self.configured = True
        self.tiles[:] = 0

    def tilerelease(self, *_):
        """All registers are as they were before they were configured."""
        self.configured = False

    def tilezero(self, tile, *_):
        """Set to 0."""
        self.tiles[tile] = 0

    def tileloadd64(self, tile, at, stride):
        """Read 16 rows, each `stride` bytes behind the one before."""
        for row in range(ROWS):
            self.tiles[tile, row] = _memory(at + row * stride, ROW_BYTES)

    def tilestored64(self, tile, at, stride):
        """Write 16 rows."""
        for row in range(ROWS):
            _memory(at + row * stride, ROW_BYTES)[:] = self.tiles[tile, row]

    def tdpbusd(self, total, a, b):
        """Add products of unsigned bytes of `a` with signed bytes of `b`."""
        self._product(total, self.tiles[a].astype(np.int32), b)

    def tdpbssd(self, total, a, b):
        """Add products of signed bytes of both."""
        self._product(total, self.tiles[a].view(np.int8).astype(np.int32), b)

    def _product(self, total, a, b):
        """Lane n of row m: plus the sum over k and i of a[m, 4 k + i] * b[k, 4 n + i]."""
        signed = self.tiles[b].view(np.int8).astype(np.int32).reshape(ROWS, 16, 4)
        rows = a.reshape(ROWS, 16, 4)
        sums = self.tiles[total].view(np.int32)
        sums += np.einsum("mki,kni->mn", rows, signed)


def _memory(at: int, size: int) -> np.ndarray:
    return np.ctypeslib.as_array((ctypes.c_uint8 * size).from_address(at))


@contextmanager
def replacing(monkeypatch):
    """Registers of this file in place of the processor's, for what is compiled meanwhile."""
    registers = Registers()

    class StandIn(amx._Registers):
        def __call__(self, name, *arguments):
            builder = self.code.builder
            kind = ir.FunctionType(ir.VoidType(), [_I64] * 3)
            to = builder.inttoptr(ir.Constant(_I64, registers.address(name)), kind.as_pointer())
            words = [_word(builder, argument) for argument in arguments]
            builder.call(to, words + [ir.Constant(_I64, 0)] * (3 - len(words)))

    with monkeypatch.context() as patch:
        patch.setattr(amx, "_Registers", StandIn)
        yield registers


def _word(builder, argument):
    if isinstance(argument, int):
        return ir.Constant(_I64, argument)
    if isinstance(argument.type, ir.PointerType):
        return builder.ptrtoint(argument, _I64)
    return argument


def compiled_again(monkeypatch):
    """`messages.receive`, compiled now: with the replaced registers."""
    names = ("receive", "multiply")
    fresh = {name: njit(nogil=True)(getattr(messages, name).py_func) for name in names}
    monkeypatch.setattr(messages, "multiply", fresh["multiply"])
    monkeypatch.setattr(messages, "MATRIX", True)
    return fresh["receive"]
