"""List the datasets of an HDF5 file, reject those that are not plain, stream the rest.

`hdf5.py` runs it as a script for files from outside its process: malicious bytes can make HDF5's
C library crash, loop or allocate any amount of memory. It imports no module of this project, so
that it starts in a tenth of a second.
"""

import os
import sys

if __name__ == "__main__":  # sys.path[0], our folder, has a trace.py; yours may too
    _OTHERS = (os.path.dirname(__file__), os.getcwd())
    sys.path[:] = [p for p in sys.path if os.path.abspath(p) not in _OTHERS]

import json
from collections.abc import Iterator
from typing import Any

import h5py
import numpy as np

MEMORY_SLACK = 48 << 20
"""Bytes that reading may allocate beyond the data themselves."""
GZIP_RATIO = 1032
"""Largest ratio of deflate's compression (RFC 1951)."""
MAX_DEPTH = 4
FEW = 256
_MAX_CHUNK = 16 << 20
TEXT_BYTES = 64
"""Length to which texts of variable length are cut."""
_PLAIN_FILTERS = {h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE}


class RefusedError(ValueError):
    """The file contains something that is not allowed; the message does not name the file."""


def shown(text: object) -> str:
    """Text from a file, safe to print: unprintable characters escaped, at most 200 characters."""
    kept = (c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in str(text))
    return "".join(kept)[:200]


def list_datasets(
    group: Any,
    most: int,
    gzip: bool,
    singles: bool = False,
    texts: int = 1,
    depth: int = MAX_DEPTH,
) -> dict[str, tuple[np.dtype, tuple]]:
    """Find all datasets below a group. Each is closed again, since an open one takes 95 kB.

    Parameters
    ----------
    group : h5py.Group
    most : int
        Largest number of datasets and groups.
    gzip : bool
        Allow chunked datasets compressed with gzip.
    singles : bool
        Allow single values that are boolean, or text of any length up to TEXT_BYTES, as lava-dl
        writes. Its layers must not be empty groups.
    texts : int
        Largest number of texts in one dataset.
    depth : int
        Most groups around a dataset.

    Returns
    -------
    dict of path -> (dtype, shape), in the order of the file

    Raises
    ------
    RefusedError
        At a link that is not a hard link, and at an object that is neither a group nor a plain
        dataset. Also if there are too many of them.
    """
    found: dict[str, tuple[np.dtype, tuple]] = {}
    waiting, places = [""], set()
    seen = 0
    while waiting:
        prefix = waiting.pop(0)
        parent = group[prefix] if prefix else group
        for name in parent:
            if isinstance(name, bytes):
                raise RefusedError(f"/{shown(prefix)}{name[:100]!r} is not named in UTF-8")
            full = prefix + name
            seen += 1
            if seen > most or full.count("/") > depth:
                raise RefusedError("holds more groups and datasets than such a file has")
            require_hard_link(parent, name, full)
            item = parent[name]
            if isinstance(item, h5py.Group):
                if singles and full.startswith("layer/") and not len(item):
                    raise RefusedError(f"/{shown(full)} is an empty group, a layer without data")
                waiting.append(full + "/")
            elif isinstance(item, h5py.Dataset):
                require_plain(full, item, gzip, texts if singles else 0)
                place = h5py.h5o.get_info(item.id).addr  # pyright: ignore[reportAttributeAccessIssue]
                if gzip and place in places:
                    raise RefusedError(f"/{shown(full)} is another name of a dataset before it")
                places.add(place)
                found[full] = streamed_type(item.dtype), item.shape
            else:
                raise RefusedError(f"/{shown(full)} is not a plain contiguous dataset")
    return found


def require_hard_link(parent: Any, name: str, full: str) -> None:
    """Raise RefusedError if a name is a link to elsewhere, for example into another file."""
    if not isinstance(parent.get(name, getlink=True), h5py.HardLink):
        raise RefusedError(f"/{shown(full)} is a soft or external link, allowed are hard links")


def require_plain(name: str, dataset: Any, gzip: bool, texts: int = 0) -> None:
    """Raise RefusedError unless a dataset is stored in this file exactly as it declares.

    With `texts` it may also be a single boolean value, or up to `texts` texts of any length.
    """
    creation = dataset.id.get_create_plist()
    layout = creation.get_layout()
    filters = {creation.get_filter(i)[0] for i in range(creation.get_nfilters())}
    chunked = gzip and layout == h5py.h5d.CHUNKED and filters <= _PLAIN_FILTERS
    contiguous = layout == h5py.h5d.CONTIGUOUS and not filters
    kind = dataset.id.get_type()
    if not (chunked or contiguous) or dataset.external or kind.committed():
        raise RefusedError(f"/{shown(name)} is not a plain contiguous dataset")
    most = texts if dataset.dtype.kind == "O" else min(texts, 1)
    few = dataset.size is not None and 0 < dataset.size <= most
    single = few and streamed_type(dataset.dtype) != dataset.dtype
    if dataset.shape is None or not (single or plain_type(dataset.dtype)):
        raise RefusedError(f"/{shown(name)} holds neither plain numbers nor plain strings")
    declared, stored = dataset.size * dataset.dtype.itemsize, dataset.id.get_storage_size()
    if dataset.dtype.kind == "O":  # text of any length is stored elsewhere; checked here
        return
    if contiguous and declared != stored:
        raise RefusedError(f"dataset /{shown(name)} stores less or more than it declares")
    if chunked:
        chunk = int(np.prod(dataset.chunks, dtype=object)) * dataset.dtype.itemsize
        if declared > GZIP_RATIO * stored or chunk > _MAX_CHUNK:
            raise RefusedError(f"dataset /{shown(name)} declares more than gzip can hold")


def plain_type(dtype: np.dtype) -> bool:
    """Return True for an integer, a float or ASCII text of fixed length."""
    if dtype.kind == "S":
        text = h5py.check_string_dtype(dtype)
        return text is None or text.encoding == "ascii"
    return dtype.kind in "iuf" and h5py.check_enum_dtype(dtype) is None


def streamed_type(dtype: np.dtype) -> np.dtype:
    """Type in which contents are streamed: booleans as 1 and 0, any text as bytes."""
    if dtype.kind == "b":
        return np.dtype(np.uint8)
    if dtype.kind == "O" and h5py.check_string_dtype(dtype) is not None:
        return np.dtype(f"S{TEXT_BYTES}")
    return dtype


def read_attributes(file: Any, wanted: dict[str, list[str]]) -> dict[str, dict[str, Any]]:
    """Scalar attributes of groups, as numbers or text; missing ones are omitted."""
    found: dict[str, dict[str, Any]] = {}
    for group, names in wanted.items():
        if group != "/" and file.get(group, getlink=True) is None:
            continue
        if group != "/":
            require_hard_link(file, group, group)
        item = file[group]
        for name in names:
            if name not in item.attrs:
                continue
            attribute = item.attrs.get_id(name)
            if attribute.shape != () or attribute.dtype.itemsize > 512:
                raise RefusedError(f"attribute {name} of /{group} is not a single value")
            value: Any = item.attrs[name]
            if isinstance(value, bytes):
                value = value.decode("ascii", "replace")
            elif isinstance(value, np.integer):
                value = int(value)
            elif not isinstance(value, str):
                raise RefusedError(f"attribute {name} of /{group} is neither integer nor text")
            found.setdefault(group, {})[name] = value
    return found


def describe(file: Any, wanted: dict) -> dict:
    """Return the description that `hdf5.py` requests of a file, as JSON data."""
    # Attributes first: a newer version is then reported as newer, whatever it contains.
    attributes = read_attributes(file, wanted["attributes"])
    datasets = list_datasets(
        file,
        wanted["most"],
        wanted["gzip"],
        wanted.get("singles", False),
        wanted.get("texts", 1),
        wanted.get("depth", MAX_DEPTH),
    )
    listed = {name: [dtype.str, list(shape)] for name, (dtype, shape) in datasets.items()}
    return {"datasets": listed, "attributes": attributes}


def declared_bytes(dtype: np.dtype, shape: tuple) -> int:
    """Bytes of a dataset's contents, as an integer of any size."""
    return int(np.prod(shape, dtype=object)) * dtype.itemsize


def limit(extra: int, seconds: float) -> None:
    """Limit this process to MEMORY_SLACK and `extra` bytes more, and some seconds of CPU time."""
    if not sys.platform.startswith("linux"):
        return
    import resource

    with open("/proc/self/statm", encoding="ascii") as statm:
        now = int(statm.read().split()[0]) * resource.getpagesize()
    for kind, wanted in (
        (resource.RLIMIT_AS, now + MEMORY_SLACK + extra),
        (resource.RLIMIT_CPU, int(seconds) + 1),  # in case the parent is killed
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(kind)  # the user's limit, which may be lower
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(kind, (soft, hard))


def read_contents(path: str, names: list[str]) -> Iterator[np.ndarray]:
    """Contents of datasets, one at a time.

    The file is reopened after each FEW of them, since HDF5 caches what it has read of a file.
    """
    for first in range(0, len(names), FEW):
        with h5py.File(path, "r") as opened:
            file: Any = opened
            for name in names[first : first + FEW]:
                contents = np.asarray(file[name][...])
                yield contents.astype(streamed_type(contents.dtype), copy=False)


def main() -> None:
    """Print one JSON line; after a line on stdin, write the bytes of all datasets in that order."""
    path, wanted, out = sys.argv[1], json.loads(sys.argv[2]), sys.stdout.buffer
    answered = False
    try:
        # For a file of many small datasets HDF5 takes some four times its size in memory.
        size = os.path.getsize(path) * (8 if wanted["gzip"] else 1)
        limit(size, wanted["seconds"])
        with h5py.File(path, "r") as file:
            header = describe(file, wanted)
        out.write(json.dumps(header).encode() + b"\n")
        out.flush()
        answered = True
        if sys.stdin.buffer.readline():
            shapes = [(np.dtype(d), tuple(s)) for d, s in header["datasets"].values()]
            largest = max((declared_bytes(*s) for s in shapes), default=0)
            limit(largest, wanted["seconds"])
            for contents in read_contents(path, list(header["datasets"])):
                if contents.size:
                    out.write(contents.data.cast("B"))
        out.flush()
    except Exception as error:  # HDF5's own errors have no common class
        if not answered:
            out.write(json.dumps({"error": reason(error)}).encode() + b"\n")
            out.flush()
        os._exit(1)  # HDF5 may not be able to close a file that it could not read


def reason(error: Exception) -> str:
    """Message of an error, without the file's name."""
    if isinstance(error, RefusedError):
        return str(error)
    return f"HDF5 cannot read it ({shown(str(error)) or type(error).__name__})"


if __name__ == "__main__":
    main()
