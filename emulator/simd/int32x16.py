"""16-lane int32 SIMD vectors for numba kernels.

`IrBuilder` writes LLVM instructions through numba's builder; `Int32x16` is a value of 16 lanes with
Python's operators. An operation without an instruction on the processor is composed of others, so
every kernel runs on every processor that numba supports, with the same bits.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from ipvae import compiled

LANES = 16
BYTES = 4 * LANES
ADDRESS = types.int64
"""Type of memory arguments of kernels: the address of an array's first element."""

_I1, _I16, _I32, _I64 = (ir.IntType(n) for n in (1, 16, 32, 64))
_VECTOR = ir.VectorType(_I32, LANES)
_SHORTS = ir.VectorType(_I16, 2 * LANES)
_FLOATS = ir.VectorType(ir.FloatType(), LANES)

Body = Callable[..., Any]

inner = compiled.inner(nogil=True)
"""Decorator of functions for compiled callers only."""


def kernel(result: types.Type, *arguments: types.Type) -> Callable[[Body], Any]:
    """Make a compiled function from a Python function that writes its instructions.

    The Python function receives an `IrBuilder` and LLVM values, and returns a value, several, or
    None.
    """

    def decorate(write: Body) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            found = write(IrBuilder(context, builder), *values)
            if found is None:
                return context.get_dummy_value()
            if isinstance(found, tuple):
                return context.make_tuple(builder, signature.return_type, found)
            return found

        names = ", ".join(f"a{i}" for i in range(len(arguments)))
        space: dict[str, Any] = {"given": (result(*arguments), codegen)}
        exec(f"def typed(typingctx, {names}): return given", space)  # numba counts the parameters
        return intrinsic(space["typed"])

    return decorate


class Int32x16:
    """16 integers of 32 bits; sums and products are modulo 2**32."""

    def __init__(self, code: "IrBuilder", value: Any) -> None:
        self.code, self.value = code, value

    def _with(self, name: str, other: "Int32x16 | int") -> "Int32x16":
        made = getattr(self.code.builder, name)(self.value, self.code.lanes(other).value)
        return Int32x16(self.code, made)

    def __add__(self, other: "Int32x16 | int") -> "Int32x16":
        return self._with("add", other)

    def __sub__(self, other: "Int32x16 | int") -> "Int32x16":
        return self._with("sub", other)

    def __mul__(self, other: "Int32x16 | int") -> "Int32x16":
        return self._with("mul", other)

    def __xor__(self, other: "Int32x16 | int") -> "Int32x16":
        return self._with("xor", other)

    def __and__(self, other: "Int32x16 | int") -> "Int32x16":
        return self._with("and_", other)

    def __lshift__(self, other: "Int32x16 | int") -> "Int32x16":
        return self._with("shl", other)

    def __rshift__(self, other: "Int32x16 | int") -> "Int32x16":
        """Shift, rounding toward minus infinity."""
        return self._with("ashr", other)

    def unsigned_shift(self, other: "Int32x16 | int") -> "Int32x16":
        """Shift right, filling with zeros."""
        return self._with("lshr", other)

    def is_(self, relation: str, other: "Int32x16 | int") -> Any:
        """Compare as signed numbers; the result is a mask of 16 bits."""
        return self.code.builder.icmp_signed(relation, self.value, self.code.lanes(other).value)

    def where(self, mask: Any, other: "Int32x16 | int") -> "Int32x16":
        """Select lanes of this vector where the mask is set, else of the other."""
        other = self.code.lanes(other)
        return Int32x16(self.code, self.code.builder.select(mask, self.value, other.value))

    def clip(self, low: "Int32x16", high: "Int32x16") -> "Int32x16":
        """Limit to [low, high]."""
        above = low.where(self.is_("<", low), self)
        return high.where(above.is_(">", high), above)

    def float_bits(self) -> "Int32x16":
        """Bits of the float32 nearest to each integer."""
        builder = self.code.builder
        return Int32x16(self.code, builder.bitcast(builder.sitofp(self.value, _FLOATS), _VECTOR))

    def total(self) -> Any:
        """Sum of the lanes."""
        return self.code.call("llvm.vector.reduce.add.v16i32", _I32, self.value)


def features_of(context: Any) -> list[str]:
    """Names of the processor features that numba compiles for, each with a + before it."""
    return context.codegen().magic_tuple()[2].split(",")


class IrBuilder:
    """Writer of instructions at the builder's position."""

    def __init__(self, context: Any, builder: Any) -> None:
        self.builder = builder
        self.features = {f[1:] for f in features_of(context) if f.startswith("+")}

    def lanes(self, value: "Int32x16 | int | Any") -> Int32x16:
        """Return lanes unchanged, or a number copied to all lanes."""
        if isinstance(value, Int32x16):
            return value
        if isinstance(value, int):
            return Int32x16(self, _constant([value] * LANES))
        if value.type == _VECTOR:
            return Int32x16(self, value)
        blank = ir.Constant(_VECTOR, ir.Undefined)
        first = self.builder.insert_element(blank, value, ir.Constant(_I32, 0))
        return Int32x16(self, self.builder.shuffle_vector(first, blank, _constant([0] * LANES)))

    def numbers(self) -> Int32x16:
        """Vector 0, 1, .. 15."""
        return Int32x16(self, _constant(list(range(LANES))))

    def offset(self, address: Any, elements: Any, size: int = 4) -> Any:
        """Address of an element."""
        if isinstance(elements, int):
            return self.builder.add(address, ir.Constant(_I64, elements * size))
        return self.builder.add(address, self.builder.mul(elements, ir.Constant(_I64, size)))

    def load(self, address: Any) -> Int32x16:
        """Load 16 integers of an int32 array."""
        pointer = self.builder.inttoptr(address, _VECTOR.as_pointer())
        return Int32x16(self, self.builder.load(pointer, align=4))

    def store(self, vector: Int32x16, address: Any) -> None:
        """Store 16 integers."""
        pointer = self.builder.inttoptr(address, _VECTOR.as_pointer())
        self.builder.store(vector.value, pointer, align=4)

    def number(self, address: Any, index: int = 0) -> Any:
        """Load one integer of an int32 array."""
        pointer = self.builder.inttoptr(self.offset(address, index), _I32.as_pointer())
        return self.builder.load(pointer, align=4)

    def constants(self, address: Any, count: int) -> list[Int32x16]:
        """Load the first integers of an int32 array, each into all lanes.

        The compiler keeps these in registers, but would load literal constants at every use.
        """
        return [self.lanes(self.number(address, i)) for i in range(count)]

    def add_to(self, value: Any, address: Any, index: int) -> None:
        """Add an int32 to an element of an int64 array."""
        pointer = self.builder.inttoptr(self.offset(address, index, 8), _I64.as_pointer())
        wide = self.builder.sext(value, _I64)
        self.builder.store(self.builder.add(self.builder.load(pointer), wide), pointer)

    def variable(self, start: Any) -> "Variable":
        """Return a variable for a number or lanes that a loop changes."""
        return Variable(self, start)

    @contextmanager
    def loop(self, count: Any) -> Iterator[Any]:
        """Repeat the instructions written inside; yields the index."""
        with cgutils.for_range(self.builder, count) as found:
            yield found.index

    def call(self, name: str, result: Any, *values: Any) -> Any:
        """Call an LLVM intrinsic by name."""
        kind = ir.FunctionType(result, [v.type for v in values])
        function = cgutils.get_or_insert_function(self.builder.module, kind, name)
        return self.builder.call(function, values)

    def ones(self, mask: Any) -> Any:
        """Number of set bits of a mask, int64."""
        bits = self.builder.bitcast(mask, _I16)
        return self.builder.zext(self.builder.ctpop(bits), _I64)

    def append(self, mask: Any, vector: Int32x16, address: Any) -> None:
        """Write the lanes selected by a mask contiguously; up to 16 elements change."""
        if "avx512f" in self.features:
            blank = ir.Constant(_VECTOR, ir.Undefined)
            packed = self.call(
                "llvm.x86.avx512.mask.compress.v16i32", _VECTOR, vector.value, blank, mask
            )
            return self.store(Int32x16(self, packed), address)
        place = address
        for i in range(LANES):
            index = ir.Constant(_I32, i)
            pointer = self.builder.inttoptr(place, _I32.as_pointer())
            self.builder.store(self.builder.extract_element(vector.value, index), pointer, align=4)
            bit = self.builder.extract_element(mask, index)
            place = self.offset(place, self.builder.zext(bit, _I64))
        return None

    def dot_bytes(self, total: Int32x16, values: Any, weights: Int32x16) -> Int32x16:
        """Add to each int32 lane the products of its 4 signed bytes and 4 unsigned ones."""
        if "avx512vnni" in self.features:
            name = "llvm.x86.avx512.vpdpbusd.512"
            every = self.lanes(values).value
            return Int32x16(self, self.call(name, _VECTOR, total.value, every, weights.value))
        low = ir.Constant(_I32, 0x00FF00FF)
        even = self.builder.and_(values, low)
        odd = self.builder.and_(self.builder.lshr(values, ir.Constant(_I32, 8)), low)
        return self.dot_shorts(total, even, odd, weights)

    def dot_shorts(self, total: Int32x16, even: Any, odd: Any, weights: Int32x16) -> Int32x16:
        """Add to each lane the products of its 4 signed bytes and 4 signed shorts.

        `even` contains the shorts for bytes 0 and 2, `odd` for bytes 1 and 3, an int32 each.
        """
        builder, eight = self.builder, ir.Constant(_SHORTS, [ir.Constant(_I16, 8)] * 2 * LANES)
        shorts = builder.bitcast(weights.value, _SHORTS)
        halves = (builder.ashr(builder.shl(shorts, eight), eight), builder.ashr(shorts, eight))
        for values, half in zip((even, odd), halves, strict=True):
            every = self.lanes(values).value
            total = self._pairs(total, builder.bitcast(every, _SHORTS), half)
        return total

    def _pairs(self, total: Int32x16, a: Any, b: Any) -> Int32x16:
        """Add to each lane the products of its two pairs of shorts."""
        builder = self.builder
        if "avx512vnni" in self.features:
            words = [builder.bitcast(v, _VECTOR) for v in (a, b)]
            name = "llvm.x86.avx512.vpdpwssd.512"
            return Int32x16(self, self.call(name, _VECTOR, total.value, *words))
        wide = ir.VectorType(_I32, 2 * LANES)
        product = builder.mul(builder.sext(a, wide), builder.sext(b, wide))
        blank = ir.Constant(wide, ir.Undefined)
        parts = [
            builder.shuffle_vector(product, blank, _constant(list(range(first, 2 * LANES, 2))))
            for first in (0, 1)
        ]
        return total + Int32x16(self, builder.add(*parts))


class Variable:
    """Variable that changes in a loop."""

    def __init__(self, code: IrBuilder, start: Any) -> None:
        self.code = code
        self.lanes = isinstance(start, Int32x16)
        value = start.value if self.lanes else start
        self.slot = cgutils.alloca_once(code.builder, value.type)
        code.builder.store(value, self.slot)

    def get(self) -> Any:
        """Return the current value."""
        value = self.code.builder.load(self.slot)
        return Int32x16(self.code, value) if self.lanes else value

    def set(self, value: Any) -> None:
        """Set the value."""
        self.code.builder.store(value.value if self.lanes else value, self.slot)

    def add(self, value: Any) -> None:
        """Add a number, or lanes."""
        old = self.get()
        self.set(old + value if self.lanes else self.code.builder.add(old, value))


def _constant(values: list[int]) -> Any:
    return ir.Constant(
        ir.VectorType(_I32, len(values)), [ir.Constant(_I32, v & 0xFFFFFFFF) for v in values]
    )


def _pointers(result: Callable[..., Any], write: Callable[..., Any]) -> Callable[..., Any]:
    """Code generator of an intrinsic whose result type follows from its argument types."""

    def typed(*kinds: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            return write(context, builder, signature, *values)

        return result(*kinds)(*kinds), codegen

    return typed


_start_of = _pointers(
    lambda array: types.CPointer(array.dtype),
    lambda context, builder, signature, array: (
        context.make_array(signature.args[0])(context, builder, array).data
    ),
)
_moved = _pointers(
    lambda pointer, _: pointer,
    lambda _c, builder, _s, pointer, elements: builder.gep(pointer, [elements]),
)
_address = _pointers(
    lambda _: types.int64, lambda _c, builder, _s, pointer: builder.ptrtoint(pointer, _I64)
)


def _first(typingctx: Any, array: Any) -> Any:  # noqa: ARG001
    return _start_of(array)


def _later(typingctx: Any, pointer: Any, elements: Any) -> Any:  # noqa: ARG001
    return _moved(pointer, elements)


def _number(typingctx: Any, pointer: Any) -> Any:  # noqa: ARG001
    return _address(pointer)


start_of: Any = intrinsic(_first)
"""Pointer to an array's first element, without bounds checks or reference counts."""

moved: Any = intrinsic(_later)
"""Pointer moved by a number of elements."""

address: Any = intrinsic(_number)
"""Address that a pointer contains, as blocks require it."""


def _pointer(kind: types.Type) -> Any:
    """Make a function that converts an address to a pointer to numbers of a type."""

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.inttoptr(values[0], context.get_value_type(signature.return_type))

    def typed(typingctx: Any, number: Any) -> Any:  # noqa: ARG001
        return types.CPointer(kind)(types.int64), codegen

    return intrinsic(typed)


int8_at: Any = _pointer(types.int8)
uint8_at: Any = _pointer(types.uint8)
int32_at: Any = _pointer(types.int32)
uint32_at: Any = _pointer(types.uint32)
int64_at: Any = _pointer(types.int64)


def zero() -> Any:
    """Return the 64-bit number 0."""
    return ir.Constant(_I64, 0)
