"""Safe reader of PyTorch pickles as plain data, without imports and without calls.

A pickle is a program for a stack machine. This one supports the instructions of protocols 2 to 5
that build dicts, lists, sets, text and tensors. Global names are never imported; functions of this
file replace the few that plain data need.
"""

import pickletools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ipvae.errors import InputError
from ipvae.network.io.hdf5_child import shown

MAX_INSTRUCTIONS = 1 << 24
"""Limit of a pickle's instructions, and so of time; a statistic takes two, for step and value."""

MAX_OBJECTS = 1 << 22
"""Limit of strings, containers, calls and memo entries in a pickle, and so of memory."""

BFLOAT16 = "bfloat16"
STORAGES = {
    "torch FloatStorage": "<f4",
    "torch DoubleStorage": "<f8",
    "torch HalfStorage": "<f2",
    "torch BFloat16Storage": BFLOAT16,
    "torch LongStorage": "<i8",
    "torch IntStorage": "<i4",
    "torch ShortStorage": "<i2",
    "torch CharStorage": "<i1",
    "torch ByteStorage": "<u1",
    "torch BoolStorage": "|b1",
    "torch ComplexFloatStorage": "<c8",
    "torch ComplexDoubleStorage": "<c16",
}
"""Storage types by their global name, with the NumPy type name if there is one."""

SKIPPED = {
    "numpy dtype",
    "numpy ndarray",
    "numpy.core.multiarray scalar",
    "numpy._core.multiarray scalar",
    "numpy.core.multiarray _reconstruct",
    "numpy._core.multiarray _reconstruct",
    "numpy.core.numeric _frombuffer",
    "numpy._core.numeric _frombuffer",
    "_codecs encode",
    "torch device",
    "torch.serialization _get_layout",
    "torch._utils _rebuild_sparse_tensor",
    *(
        f"{module} {name}"
        for module in ("pathlib", "pathlib._local")  # the second: Python 3.13
        for name in ("PosixPath", "PurePosixPath", "WindowsPath")
    ),
    *(
        f"{module} {name}"
        for module in ("builtins", "__builtin__")
        for name in ("bytearray", "complex", "slice", "range", "xrange")
    ),
}
"""Calls whose values a model does not need; they return None."""

FACTORIES = {
    f"{module} {name}"
    for module in ("builtins", "__builtin__")
    for name in ("list", "dict", "int", "float", "bool", "str", "tuple")
}
"""Names that occur only as arguments of a defaultdict."""

DTYPES = {
    f"torch {name}"
    for name in (
        *("float16", "float32", "float64", "bfloat16", "bool", "complex64", "complex128"),
        *("uint8", "int8", "int16", "int32", "int64", "strided"),
    )
}
"""Names that are values themselves; they become None."""

RECORDS = {"argparse Namespace", "types SimpleNamespace"}
"""Objects with only named values, which a model does not need; they become None."""


@dataclass(frozen=True)
class Tensor:
    """Description of a tensor in the pickle; `Archive.array` reads its values."""

    storage: str
    dtype: str
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]


@dataclass(frozen=True)
class _Global:
    """Global name in the pickle, never imported."""

    name: str


@dataclass(frozen=True)
class _Storage:
    key: str
    dtype: str


class DamagedError(ValueError):
    """Invalid pickle program."""


def unpickled(program: bytes) -> Any:
    """Return the data of a pickle: dicts, lists, tuples, text, bytes, numbers, None and `Tensor`.

    Sets become lists. Dict entries with a numeric key (statistics by step, optimizer states) are
    dropped, since there may be millions.

    Raises
    ------
    InputError
        If it requests objects other than plain data and tensors, or more than a checkpoint needs.
    ValueError, LookupError, TypeError
        If the pickle is damaged.
    """
    return _Machine().run(program)


class _Machine:
    """Stack machine for pickles that can neither import nor call."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.marks: list[list[Any]] = []
        self.memo: dict[int, Any] = {}
        self.objects = 0

    def run(self, program: bytes) -> Any:
        """Run the program and return its result."""
        for count, (opcode, argument, _) in enumerate(pickletools.genops(program)):
            if opcode.name == "STOP":
                return self.stack.pop()
            step = _STEPS.get(opcode.name)
            if step is None:
                raise InputError(
                    f"its pickle uses the instruction {opcode.name}, which a checkpoint does not "
                    "need. Nothing was run; do not trust this file."
                )
            self.objects += opcode.name not in _SMALL
            if count >= MAX_INSTRUCTIONS:
                raise _too_many("instructions", MAX_INSTRUCTIONS)
            if max(self.objects, len(self.memo)) > MAX_OBJECTS:
                raise _too_many("objects", MAX_OBJECTS)
            step(self, argument)
        raise DamagedError("it has no end")

    def push(self, value: Any) -> None:
        self.stack.append(value)

    def mark(self, _: None) -> None:
        self.marks.append(self.stack)
        self.stack = []

    def marked(self) -> list[Any]:
        items, self.stack = self.stack, self.marks.pop()
        return items

    def tuple_of(self, n: int) -> None:
        if len(self.stack) < n:
            raise DamagedError("a tuple lacks items")
        self.stack[len(self.stack) - n :] = [tuple(self.stack[len(self.stack) - n :])]

    def extend(self, items: list[Any]) -> None:
        if type(self.stack[-1]) is not list:
            raise DamagedError("items for what is no list")
        self.stack[-1].extend(items)

    def set_items(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if type(target) is not dict or len(items) % 2:
            raise DamagedError("entries for what is no dict")
        for key, value in zip(items[::2], items[1::2], strict=True):
            if not isinstance(key, (str, int)):
                raise DamagedError(f"a dict has a key of type {type(key).__name__}")
            if isinstance(key, str):
                target[key] = value

    def memoize(self, _: None) -> None:
        self.memo[len(self.memo)] = self.stack[-1]

    def name(self, text: str) -> None:
        if text in DTYPES:
            self.stack.append(None)
            return
        if text not in _KNOWN:
            raise InputError(
                f"its pickle asks for {shown(text.replace(' ', '.', 1)[:80])}; allowed are "
                "tensors and plain containers. Nothing was run; do not trust this file. Of a "
                "module of your own, save model.state_dict() instead."
            )
        self.stack.append(_Global(text))

    def stack_name(self, _: None) -> None:
        name, module = self.stack.pop(), self.stack.pop()
        if not isinstance(name, str) or not isinstance(module, str):
            raise DamagedError("a name that is no text")
        self.name(f"{module} {name}")

    def reduce(self, _: None) -> None:
        arguments, function = self.stack.pop(), self.stack.pop()
        if not isinstance(function, _Global) or not isinstance(arguments, tuple):
            raise DamagedError("a call of what has no name")
        if function.name in SKIPPED:
            self.stack.append(None)
        elif function.name in _CALLS:
            self.stack.append(_CALLS[function.name](arguments))
        else:
            raise DamagedError(f"a call of {function.name}")

    def new_object(self, _: None) -> None:
        arguments, kind = self.stack.pop(), self.stack.pop()
        if not isinstance(kind, _Global) or kind.name not in RECORDS or arguments != ():
            raise DamagedError("a new object of what is no record")
        self.stack.append(None)

    def build(self, _: None) -> None:
        """Drop an object's state: ordered dicts, records and NumPy types have one."""
        self.stack.pop()
        if self.stack[-1] is not None and type(self.stack[-1]) is not dict:
            raise DamagedError("a state for what has none")

    def storage(self, _: None) -> None:
        identity = self.stack.pop()
        match identity:
            case ("storage", _Global(kind), str(key), *_) if kind in STORAGES:
                self.stack.append(_Storage(key, STORAGES[kind]))
            case _:
                raise DamagedError("a reference to what is no storage")


def _too_many(what: str, limit: int) -> InputError:
    return InputError(
        f"its pickle has more than {limit} {what}, allowed are as many. "
        "Save the model without its statistics."
    )


def _ordered_dict(arguments: tuple) -> dict[Any, Any]:
    if arguments:
        raise DamagedError("an ordered dict with arguments")
    return {}


def _default_dict(arguments: tuple) -> dict[Any, Any]:
    if not all(isinstance(a, _Global) or a is None for a in arguments):
        raise DamagedError("a defaultdict whose default is no type")
    return {}


# Containers are shared, not copied: a small program may refer to a large one a million times.
def _counter(arguments: tuple) -> dict[Any, Any]:
    match arguments:
        case ():
            return {}
        case (dict(),):
            return arguments[0]
    raise DamagedError("a counter of what is no dict")


def _items(arguments: tuple) -> list[Any] | tuple:
    """Items of a set or a deque; the second argument of a deque is its maximum length."""
    match arguments:
        case () | ((), int() | None):
            return []
        case (list() | tuple(),):
            return arguments[0]
    raise DamagedError("a set of what is no list")


def _size(arguments: tuple) -> tuple:
    match arguments:
        case (tuple(),):
            return arguments[0]
    raise DamagedError("a size without numbers")


def _tensor(arguments: tuple) -> Tensor:
    match arguments:
        case (_Storage(key, dtype), int(offset), tuple(shape), tuple(stride), *_):
            if len(shape) != len(stride) or len(shape) > 8:
                raise DamagedError("a tensor with more sides than strides, or too many")
            if not all(isinstance(n, int) and 0 <= n < 2**40 for n in (*shape, *stride)):
                raise DamagedError("a tensor whose shape is no shape")
            return Tensor(key, dtype, offset, shape, stride)
    raise DamagedError("a tensor without a storage")


def _parameter(arguments: tuple) -> Tensor:
    if not arguments or not isinstance(arguments[0], Tensor):
        raise DamagedError("a parameter without a tensor")
    return arguments[0]


_CALLS: dict[str, Callable[[tuple], Any]] = {
    "collections OrderedDict": _ordered_dict,
    "collections defaultdict": _default_dict,
    "collections Counter": _counter,
    "collections deque": _items,
    "torch Size": _size,
    "torch._utils _rebuild_tensor_v2": _tensor,
    "torch._utils _rebuild_parameter": _parameter,
    "torch._utils _rebuild_parameter_with_state": _parameter,
    **{
        f"{module} {name}": _items
        for module in ("builtins", "__builtin__")
        for name in ("set", "frozenset")
    },
}
_KNOWN = STORAGES.keys() | SKIPPED | FACTORIES | RECORDS | _CALLS.keys()

_STEPS: dict[str, Callable[[_Machine, Any], None]] = {
    **dict.fromkeys(
        (
            *("BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT"),
            *("BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"),
            *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"),
        ),
        _Machine.push,
    ),
    **dict.fromkeys(("PROTO", "FRAME"), lambda _, __: None),
    "NONE": lambda m, _: m.push(None),
    "NEWTRUE": lambda m, _: m.push(True),
    "NEWFALSE": lambda m, _: m.push(False),
    "EMPTY_DICT": lambda m, _: m.push({}),
    "EMPTY_LIST": lambda m, _: m.push([]),
    "EMPTY_SET": lambda m, _: m.push([]),
    "EMPTY_TUPLE": lambda m, _: m.push(()),
    "MARK": _Machine.mark,
    "TUPLE": lambda m, _: m.push(tuple(m.marked())),
    "TUPLE1": lambda m, _: m.tuple_of(1),
    "TUPLE2": lambda m, _: m.tuple_of(2),
    "TUPLE3": lambda m, _: m.tuple_of(3),
    "FROZENSET": lambda m, _: m.push(m.marked()),
    "APPEND": lambda m, _: m.extend([m.stack.pop()]),
    "APPENDS": lambda m, _: m.extend(m.marked()),
    "ADDITEMS": lambda m, _: m.extend(m.marked()),
    "SETITEM": lambda m, _: m.set_items([m.stack.pop(-2), m.stack.pop()]),
    "SETITEMS": lambda m, _: m.set_items(m.marked()),
    "BINPUT": lambda m, n: m.memo.__setitem__(n, m.stack[-1]),
    "LONG_BINPUT": lambda m, n: m.memo.__setitem__(n, m.stack[-1]),
    "MEMOIZE": _Machine.memoize,
    "BINGET": lambda m, n: m.push(m.memo[n]),
    "LONG_BINGET": lambda m, n: m.push(m.memo[n]),
    "GLOBAL": _Machine.name,
    "STACK_GLOBAL": _Machine.stack_name,
    "REDUCE": _Machine.reduce,
    "NEWOBJ": _Machine.new_object,
    "BUILD": _Machine.build,
    "BINPERSID": _Machine.storage,
}

_NUMBERS = {"BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "NONE", "NEWTRUE", "NEWFALSE"}
_MEMO = {"BINPUT", "LONG_BINPUT", "MEMOIZE", "BINGET", "LONG_BINGET", "FRAME"}
_SMALL = _NUMBERS | _MEMO | {"APPEND", "APPENDS", "SETITEM", "SETITEMS", "EMPTY_TUPLE"}
"""Instructions that create no objects, or only numbers."""
