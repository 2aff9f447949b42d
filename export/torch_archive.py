"""Read a PyTorch checkpoint as plain data. Nothing in it is run, and PyTorch is not needed.

A .pt file is a zip archive of one pickle, `data.pkl`, and one member of raw numbers for each
storage. A pickle is a program for a small stack machine; the one here knows the instructions that
build dicts, lists and tensors, and calls nothing by name.
"""

import pickletools
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ipvae.files import require_file
from ipvae.network.errors import InputError
from ipvae.network.hdf5_child import shown

MAX_PICKLE_BYTES = 1 << 27
"""Some 9 million statistics of 14 bytes; 2.4 million were seen."""

MAX_INSTRUCTIONS = 1 << 24
"""Of a pickle; a statistic takes two, its step and its value. They bound the time."""

MAX_OBJECTS = 1 << 22
"""Strings, containers and calls in a pickle, and entries of its memo. They bound the memory."""

MAX_TENSOR_BYTES = 1 << 30
"""A decoder of 16384 pixels and as many neurons in float32."""

STORAGES = {
    "torch FloatStorage": "<f4",
    "torch DoubleStorage": "<f8",
    "torch HalfStorage": "<f2",
    "torch BFloat16Storage": "",
    "torch LongStorage": "<i8",
    "torch IntStorage": "<i4",
    "torch ShortStorage": "<i2",
    "torch CharStorage": "<i1",
    "torch ByteStorage": "<u1",
    "torch BoolStorage": "|b1",
}
"""Kinds of storage by their global name, with NumPy's name for their numbers."""

SKIPPED = {
    "numpy dtype",
    "numpy.core.multiarray scalar",
    "numpy._core.multiarray scalar",
    "_codecs encode",
}
"""Globals of NumPy scalars, which stand in training statistics only: their values become None."""


@dataclass(frozen=True)
class Tensor:
    """A tensor as the pickle describes it; `Archive.array` fetches its numbers."""

    storage: str
    dtype: str
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]


@dataclass(frozen=True)
class _Global:
    """A name that the pickle asks for; it stays a name."""

    name: str


@dataclass(frozen=True)
class _Storage:
    key: str
    dtype: str


class _DamagedError(ValueError):
    """The pickle breaks the rules of its own machine."""


@dataclass(frozen=True)
class Archive:
    """A checkpoint: `content` of dicts, lists, tuples, numbers, strings, None and `Tensor`.

    Entries of a dict under a number (statistics by step, an optimizer's states) are dropped: they
    may be millions.
    """

    path: Path
    root: str
    content: Any

    def array(self, tensor: Tensor, name: str) -> np.ndarray:
        """Return a tensor's numbers.

        Raises
        ------
        InputError
            If they are no floating-point numbers, or not all there.
        """
        where = f"{self.path}: {name}"
        if tensor.dtype not in ("<f2", "<f4", "<f8"):
            raise InputError(
                f"{where} holds {tensor.dtype or 'bfloat16'} numbers; allowed are floats of 16, "
                "32 or 64 bits. Save the model as float32."
            )
        size, wanted = int(np.prod(tensor.shape, dtype=object)), 1
        for length, step in zip(reversed(tensor.shape), reversed(tensor.stride), strict=True):
            if length != 1 and step != wanted:
                raise InputError(f"{where} is not stored row by row. Save it with .contiguous().")
            wanted *= length
        return self._numbers(tensor, size, where).reshape(tensor.shape)

    def _numbers(self, tensor: Tensor, size: int, where: str) -> np.ndarray:
        """Read no more of a storage than a tensor of `size` numbers needs."""
        item, end = int(tensor.dtype[-1]), tensor.offset + size
        name = f"{self.root}data/{tensor.storage}"
        with _opened(self.path) as archive:
            stored = _member_size(archive, name) // item
            if tensor.offset < 0 or end > stored:
                raise InputError(
                    f"{where} asks for numbers {tensor.offset}..{end} of "
                    f"{stored} that are stored. Copy the file again."
                )
            if end * item > MAX_TENSOR_BYTES:
                raise InputError(
                    f"{where} ends at byte {end * item} of its storage, allowed are "
                    f"{MAX_TENSOR_BYTES}. Save a smaller model, each tensor with .clone()."
                )
            raw = _member(archive, name, end * item)
        return np.frombuffer(raw, tensor.dtype, size, tensor.offset * item)


def read_archive(path: str | Path) -> Archive:
    """Read a checkpoint that `torch.save` wrote.

    Raises
    ------
    FormatError
        If it is missing, a folder, a device or a pipe.
    InputError
        If it is no such file, is damaged, or its pickle asks for anything but tensors, ordered
        dicts and NumPy scalars, or for more than a checkpoint needs.
    """
    path = Path(path)
    with _opened(path) as archive:
        names = [name for name in archive.namelist() if name.rpartition("/")[2] == "data.pkl"]
        if len(names) != 1:
            raise InputError(
                f"{path}: holds {len(names)} data.pkl, a checkpoint of PyTorch 1.6 or newer has "
                "one. Load it with PyTorch and save it again."
            )
        root = names[0].removesuffix("data.pkl")
        if f"{root}byteorder" in archive.namelist():
            order = _member(archive, f"{root}byteorder", len(b"little"))
            if order != b"little":
                raise InputError(f"{path}: byte order {order!r}, allowed is little endian")
        if (size := _member_size(archive, names[0])) > MAX_PICKLE_BYTES:
            raise InputError(
                f"{path}: data.pkl has {size} bytes, allowed are {MAX_PICKLE_BYTES}. "
                "Save the model without its statistics."
            )
        data = _member(archive, names[0], size)
    try:
        return Archive(path, root, _Machine().run(data))
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    except (ValueError, LookupError, TypeError) as error:
        raise InputError(
            f"{path}: its pickle is damaged ({shown(str(error)) or type(error).__name__}). "
            "Copy the file again."
        ) from error


class _opened:  # noqa: N801
    """A zip archive whose members are stored as they are, so that none can blow up."""

    def __init__(self, path: Path) -> None:
        require_file(path)
        try:
            self.archive = zipfile.ZipFile(path)
        except (OSError, zipfile.BadZipFile, ValueError, RuntimeError) as error:
            # RuntimeError: zipfile's word for an archive of a kind that it cannot read.
            raise InputError(
                f"{path}: not a checkpoint of PyTorch 1.6 or newer ({error}). "
                "Pass a .pt file that torch.save wrote."
            ) from error

    def __enter__(self) -> zipfile.ZipFile:
        return self.archive

    def __exit__(self, *_: object) -> None:
        self.archive.close()


def _member_size(archive: zipfile.ZipFile, name: str) -> int:
    """Bytes of a member, which are as many in the file."""
    try:
        info = archive.getinfo(name)
    except KeyError as error:
        raise _unreadable(archive, name, error) from error
    if info.compress_type != zipfile.ZIP_STORED or info.compress_size != info.file_size:
        raise InputError(
            f"{archive.filename}: {name[-80:]!r} is compressed, allowed are members stored as is. "
            "Pass a .pt file that torch.save wrote."
        )
    return info.file_size


def _member(archive: zipfile.ZipFile, name: str, most: int) -> bytes:
    """Return the first `most` bytes of a member."""
    _member_size(archive, name)
    try:
        with archive.open(name) as file:
            return file.read(most)
    except Exception as error:  # zipfile and what it reads have no common class
        raise _unreadable(archive, name, error) from error


def _unreadable(archive: zipfile.ZipFile, name: str, error: Exception) -> InputError:
    return InputError(
        f"{archive.filename}: {name[-80:]!r} cannot be read ({shown(str(error))}). "
        "Copy the file again."
    )


class _Machine:
    """The stack machine of pickle protocol 2, without the power to import or to call."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.marks: list[list[Any]] = []
        self.memo: dict[int, Any] = {}
        self.objects = 0

    def run(self, program: bytes) -> Any:
        """Return what the program builds."""
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
        raise _DamagedError("it has no end")

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
            raise _DamagedError("a tuple lacks items")
        self.stack[len(self.stack) - n :] = [tuple(self.stack[len(self.stack) - n :])]

    def extend(self, items: list[Any]) -> None:
        if type(self.stack[-1]) is not list:
            raise _DamagedError("items for what is no list")
        self.stack[-1].extend(items)

    def set_items(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if type(target) is not dict or len(items) % 2:
            raise _DamagedError("entries for what is no dict")
        for key, value in zip(items[::2], items[1::2], strict=True):
            if not isinstance(key, (str, int)):
                raise _DamagedError(f"a dict has a key of type {type(key).__name__}")
            if isinstance(key, str):
                target[key] = value

    def name(self, text: str) -> None:
        if text not in STORAGES and text not in SKIPPED and text not in _CALLS:
            raise InputError(
                f"its pickle asks for {shown(text.replace(' ', '.', 1)[:80])}; allowed are "
                "tensors, ordered dicts and NumPy scalars. Nothing was run; do not trust this file."
            )
        self.stack.append(_Global(text))

    def reduce(self, _: None) -> None:
        arguments, function = self.stack.pop(), self.stack.pop()
        if not isinstance(function, _Global) or not isinstance(arguments, tuple):
            raise _DamagedError("a call of what has no name")
        if function.name in SKIPPED:
            self.stack.append(None)
        elif function.name in _CALLS:
            self.stack.append(_CALLS[function.name](arguments))
        else:
            raise _DamagedError(f"a call of {function.name}")

    def build(self, _: None) -> None:
        """Drop an object's state: ordered dicts and NumPy's types have one that says nothing."""
        self.stack.pop()
        if self.stack[-1] is not None and type(self.stack[-1]) is not dict:
            raise _DamagedError("a state for what has none")

    def storage(self, _: None) -> None:
        identity = self.stack.pop()
        match identity:
            case ("storage", _Global(kind), str(key), *_) if kind in STORAGES:
                self.stack.append(_Storage(key, STORAGES[kind]))
            case _:
                raise _DamagedError("a reference to what is no storage")


def _too_many(what: str, limit: int) -> InputError:
    return InputError(
        f"its pickle has more than {limit} {what}, allowed are as many. "
        "Save the model without its statistics."
    )


def _ordered_dict(arguments: tuple) -> dict[Any, Any]:
    if arguments:
        raise _DamagedError("an ordered dict with arguments")
    return {}


def _tensor(arguments: tuple) -> Tensor:
    match arguments:
        case (_Storage(key, dtype), int(offset), tuple(shape), tuple(stride), *_):
            if len(shape) != len(stride) or len(shape) > 8:
                raise _DamagedError("a tensor with more sides than strides, or too many")
            if not all(isinstance(n, int) and 0 <= n < 2**40 for n in (*shape, *stride)):
                raise _DamagedError("a tensor whose shape is no shape")
            return Tensor(key, dtype, offset, shape, stride)
    raise _DamagedError("a tensor without a storage")


def _parameter(arguments: tuple) -> Tensor:
    if not arguments or not isinstance(arguments[0], Tensor):
        raise _DamagedError("a parameter without a tensor")
    return arguments[0]


_CALLS: dict[str, Callable[[tuple], Any]] = {
    "collections OrderedDict": _ordered_dict,
    "torch._utils _rebuild_tensor_v2": _tensor,
    "torch._utils _rebuild_parameter": _parameter,
}

_STEPS: dict[str, Callable[[_Machine, Any], None]] = {
    **dict.fromkeys(
        ("BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "BINUNICODE"), _Machine.push
    ),
    "PROTO": lambda _, __: None,
    "NONE": lambda m, _: m.push(None),
    "NEWTRUE": lambda m, _: m.push(True),
    "NEWFALSE": lambda m, _: m.push(False),
    "EMPTY_DICT": lambda m, _: m.push({}),
    "EMPTY_LIST": lambda m, _: m.push([]),
    "EMPTY_TUPLE": lambda m, _: m.push(()),
    "MARK": _Machine.mark,
    "TUPLE": lambda m, _: m.push(tuple(m.marked())),
    "TUPLE1": lambda m, _: m.tuple_of(1),
    "TUPLE2": lambda m, _: m.tuple_of(2),
    "TUPLE3": lambda m, _: m.tuple_of(3),
    "APPEND": lambda m, _: m.extend([m.stack.pop()]),
    "APPENDS": lambda m, _: m.extend(m.marked()),
    "SETITEM": lambda m, _: m.set_items([m.stack.pop(-2), m.stack.pop()]),
    "SETITEMS": lambda m, _: m.set_items(m.marked()),
    "BINPUT": lambda m, n: m.memo.__setitem__(n, m.stack[-1]),
    "LONG_BINPUT": lambda m, n: m.memo.__setitem__(n, m.stack[-1]),
    "BINGET": lambda m, n: m.push(m.memo[n]),
    "LONG_BINGET": lambda m, n: m.push(m.memo[n]),
    "GLOBAL": _Machine.name,
    "REDUCE": _Machine.reduce,
    "BUILD": _Machine.build,
    "BINPERSID": _Machine.storage,
}

_NUMBERS = {"BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "NONE", "NEWTRUE", "NEWFALSE"}
_MEMO = {"BINPUT", "LONG_BINPUT", "BINGET", "LONG_BINGET"}
_SMALL = _NUMBERS | _MEMO | {"APPEND", "APPENDS", "SETITEM", "SETITEMS", "EMPTY_TUPLE"}
"""Instructions that make nothing, or numbers."""
