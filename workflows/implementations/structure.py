"""Files that break a rule of the seal or of the structure, and odd ones that are valid."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np

from ipvae.network.io.seal import SIZE, write_seal
from ipvae.workflows.implementations.fields import Edit, Fields, write

BIAS = "layer/1/bias"


class Bytes(NamedTuple):
    """A file as bytes.

    Attributes
    ----------
    name, rule : str
    flipped : int or None
        Byte of a valid file of which the lowest bit is flipped.
    kept : int or None
        Number of its bytes that are kept.
    sealed : bool
        Whether the seal is renewed.
    """

    name: str
    rule: str
    flipped: int | None = None
    kept: int | None = None
    sealed: bool = False

    def write(self, path: Path, fields: Fields) -> None:
        """Write the file, from a valid one of these datasets."""
        write(path, fields, 1)
        contents = bytearray(path.read_bytes())
        if self.flipped is not None:
            contents[self.flipped % len(contents)] ^= 1
        path.write_bytes(contents[: self.kept])
        if self.sealed:
            write_seal(path)


BYTES = (
    Bytes("an empty file", "R1", kept=0),
    Bytes("no seal", "R1", flipped=3),
    Bytes("a wrong digit of the seal", "R2", flipped=30),
    Bytes("a byte behind the digits", "R2", flipped=100),
    Bytes("a changed last byte", "R2", flipped=-1),
    Bytes("the first 600 bytes", "R2", kept=600),
    Bytes("no HDF5 file", "R3", flipped=SIZE + 1, sealed=True),
    Bytes("half of an HDF5 file", "R3", kept=SIZE + 2000, sealed=True),
)


def edits() -> Iterator[tuple[str, str, bool, Edit]]:
    """Yield name, rule, whether it must be read, and change of each edited file."""
    yield from _attributes()
    yield from _links()
    yield from _storage()


def _attributes() -> Iterator[tuple[str, str, bool, Edit]]:
    def attribute(name: str, value: Any) -> Edit:
        def edit(file: Any) -> None:
            del file["ipvae"].attrs[name]
            if value is not None:
                file["ipvae"].attrs[name] = value

        return edit

    def minor(value: Any) -> Edit:
        return lambda file: file["ipvae"].attrs.create("format_minor", value)

    yield "without format_version", "R4", False, attribute("format_version", None)
    yield "format_version as text", "R4", False, attribute("format_version", "1")
    yield "format_version 0", "R5", False, attribute("format_version", np.int64(0))
    yield "format_version 4", "R5", False, attribute("format_version", np.int64(4))
    yield "format_minor 1", "R6", False, minor(np.int64(1))
    yield "format_minor -1", "R6", False, minor(np.int64(-1))
    yield "format_minor as text", "R6", False, minor("0")
    yield "format_minor 0", "R6", True, minor(np.int64(0))
    yield "format_version as an array", "R7", False, attribute("format_version", np.ones(2, int))
    yield "format_version as a float", "R7", False, attribute("format_version", 1.0)
    yield "without checksum", "R17", False, attribute("checksum", None)
    yield "another checksum", "R17", False, attribute("checksum", np.array("0" * 64, "S64"))
    other = attribute("checksum", np.array("A" * 64, "S64"))
    yield "a checksum in capitals", "R17", False, other
    yield "an unknown attribute", "R7", True, lambda file: file.attrs.create("note", "any")


def _links() -> Iterator[tuple[str, str, bool, Edit]]:
    def link(to: Any) -> Edit:
        def edit(file: Any) -> None:
            del file["layer/1/neuron/messageBits"]
            file["layer/1/neuron/messageBits"] = to

        return edit

    def loop(file: Any) -> None:
        file["layer/1/again"] = file["layer"]

    def twin(file: Any) -> None:
        del file["layer/1/neuron/messageBits"]
        file["layer/1/neuron/messageBits"] = file["layer/1/neuron/fracBits"]

    yield "a soft link", "R8", False, link(h5py.SoftLink("/layer/1/neuron/fracBits"))
    other = h5py.ExternalLink("other.h5", "/layer/1/neuron/messageBits")
    yield "an external link", "R8", False, link(other)
    yield "a group in itself", "R9", False, loop
    yield "an empty group", "R14", True, lambda file: file.create_group("note")
    yield "two names of a dataset", "R8", True, twin


def _storage() -> Iterator[tuple[str, str, bool, Edit]]:
    def stored(**options: Any) -> Edit:
        def edit(file: Any) -> None:
            values = file[BIAS][()]
            del file[BIAS]
            file.create_dataset(BIAS, **{"data": values, **options})

        return edit

    def compact(file: Any) -> None:
        values = file[BIAS][()]
        del file[BIAS]
        plan = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plan.set_layout(h5py.h5d.COMPACT)
        space, kind = h5py.h5s.create_simple(values.shape), h5py.h5t.py_create(values.dtype)
        made = h5py.h5d.create(file["layer/1"].id, b"bias", kind, space, plan)
        made.write(h5py.h5s.ALL, h5py.h5s.ALL, values)

    def virtual(file: Any) -> None:
        del file[BIAS]
        layout = h5py.VirtualLayout(file["layer/1/neuron/uInit"].shape, np.int32)
        layout[:] = h5py.VirtualSource(file["layer/1/neuron/uInit"])
        file.create_virtual_dataset(BIAS, layout)

    def named(file: Any) -> None:
        file["kind"] = np.dtype("<i4")
        values = file[BIAS][()]
        del file[BIAS]
        file.create_dataset(BIAS, data=values, dtype=file["kind"])
        del file["kind"]

    def unwritten(file: Any) -> None:
        shape = file[BIAS].shape
        del file[BIAS]
        file.create_dataset(BIAS, shape, np.int32)

    yield "a chunked dataset", "R10", False, stored(chunks=(2,))
    yield "a filtered dataset", "R10", False, stored(chunks=(2,), compression="gzip")
    yield "a compact dataset", "R10", False, compact
    yield "a virtual dataset", "R10", False, virtual
    yield "a named datatype", "R10", False, named
    enumeration = h5py.enum_dtype({"a": 0, "b": 1}, "<i4")
    yield "an enumeration", "R11", False, stored(data=np.zeros(5, np.int32), dtype=enumeration)
    yield "text of any length", "R11", False, stored(data=["a"], dtype=h5py.string_dtype())
    yield "UTF-8 text", "R11", False, stored(data=b"a", dtype=h5py.string_dtype("utf-8", 10))
    yield "a boolean", "R11", False, stored(data=np.zeros(5, bool))
    yield "a complex number", "R11", False, stored(data=np.zeros(5, np.complex64))
    yield "a dataset without a shape", "R11", False, stored(data=h5py.Empty("<i4"))
    yield "an unwritten dataset", "R12", False, unwritten
    yield "int64 for int32", "R15", False, stored(dtype="<i8")
    yield "uint32 for int32", "R15", False, stored(data=np.zeros(5, np.uint32))
    yield "big-endian numbers", "R15", False, stored(dtype=">i4")
    yield "one dimension more", "R15", False, stored(data=np.zeros((5, 1), np.int32))
