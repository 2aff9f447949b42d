"""Reader for HDF5 files that does not trust their contents.

HDF5's C library is not designed for malicious files. A child process with limits on time and
memory opens all files that come from outside this process. It returns plain arrays whose names,
types and sizes were approved before.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import h5py
import numpy as np

from ipvae.errors import FormatError
from ipvae.files import require_file
from ipvae.network.io import hdf5_child

SECONDS, BYTES_PER_SECOND = 60, 10_000_000
"""Time limit for a file: a constant for the start, and a rate that any disk reaches."""

_HEADER_BYTES = 64 << 20
Approve = Callable[[dict[str, tuple[np.dtype, tuple[int, ...]]], dict[str, dict]], None]


def read_datasets(
    path: Path,
    approve: Approve,
    attributes: dict[str, list[str]],
    *,
    most: int,
    gzip: bool = False,
    singles: bool = False,
    texts: int = 1,
    depth: int = hdf5_child.MAX_DEPTH,
    trusted: bool = False,
) -> dict[str, np.ndarray]:
    """Read all datasets of a file.

    Parameters
    ----------
    path : Path
    approve : callable (datasets, attributes) -> None
        Receives {path: (dtype, shape)} and {group: {name: value}} before any content is read;
        raises FormatError to reject the file.
    attributes : dict of group -> names
        Scalar attributes to pass to `approve`.
    most : int
        Largest number of datasets and groups.
    gzip : bool
        Allow compressed datasets.
    singles : bool
        Allow single values that are boolean (read as 1 and 0) or text of any length.
    texts : int
        Largest number of texts in one dataset.
    depth : int
        Most groups around a dataset.
    trusted : bool
        The file was written by this process and is read without a child process.

    Returns
    -------
    dict of path -> read-only array

    Raises
    ------
    FormatError
        If the file is not readable, not plain or not approved, or HDF5 fails on it.
    """
    size = require_file(path)
    seconds = SECONDS + size / BYTES_PER_SECOND
    wanted = {
        "attributes": attributes,
        "most": most,
        "gzip": gzip,
        "singles": singles,
        "texts": texts,
        "depth": depth,
        "seconds": seconds,
    }
    try:
        fields = (
            _read_here(path, wanted, approve) if trusted else _read_in_child(path, wanted, approve)
        )
    except FormatError:
        raise
    except Exception as error:  # HDF5's own errors have no common class
        raise FormatError(f"{path}: {hdf5_child.reason(error)}") from error
    for array in fields.values():
        array.setflags(write=False)
    return fields


def _approved(header: dict, approve: Approve) -> dict[str, tuple[np.dtype, tuple[int, ...]]]:
    datasets = {n: (np.dtype(d), tuple(s)) for n, (d, s) in header["datasets"].items()}
    approve(datasets, header["attributes"])
    return datasets


def _read_here(path: Path, wanted: dict, approve: Approve) -> dict[str, np.ndarray]:
    with h5py.File(path, "r") as file:
        header = hdf5_child.describe(file, wanted)
    names = list(_approved(header, approve))
    return dict(zip(names, hdf5_child.read_contents(str(path), names), strict=True))


def _read_in_child(path: Path, wanted: dict, approve: Approve) -> dict[str, np.ndarray]:
    with _child(path, wanted) as child:
        timer = threading.Timer(wanted["seconds"], child.kill)
        timer.start()
        try:
            source, control = _pipe(child.stdout), _pipe(child.stdin)
            header = _header(path, child, source)
            fields = {
                name: np.empty(shape, dtype)
                for name, (dtype, shape) in _approved(header, approve).items()
            }
            with contextlib.suppress(BrokenPipeError):  # it died; the missing data show it
                control.write(b"go\n")
                control.flush()
            for array in fields.values():
                _fill(path, child, source, array)
        finally:
            timer.cancel()
    return fields


@contextlib.contextmanager
def _child(path: Path, wanted: dict) -> Iterator[subprocess.Popen]:
    """Start the child process and end it in any case."""
    script = [sys.executable, hdf5_child.__file__, os.path.abspath(path), json.dumps(wanted)]
    one_thread = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    no_plugins = {"HDF5_PLUGIN_PRELOAD": "::", "HDF5_USE_FILE_LOCKING": "FALSE"}
    child = subprocess.Popen(
        script,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **one_thread, **no_plugins},
    )
    try:
        yield child
    finally:
        child.kill()
        child.wait()
        for pipe in (child.stdin, child.stdout):
            with contextlib.suppress(OSError):
                _pipe(pipe).close()


def _pipe(pipe: IO[bytes] | None) -> Any:
    assert pipe is not None
    return pipe


def _header(path: Path, child: subprocess.Popen, source: Any) -> dict:
    line = source.readline(_HEADER_BYTES)
    if not line.endswith(b"\n"):
        raise FormatError(f"{path}: HDF5 cannot read it ({_end(child)})")
    header = json.loads(line)
    if "error" in header:
        raise FormatError(f"{path}: {header['error']}")
    return header


def _fill(path: Path, child: subprocess.Popen, source: Any, array: np.ndarray) -> None:
    """Receive the contents of one dataset from the child process."""
    if not array.size:
        return
    target = array.data.cast("B")
    while target:
        received = source.readinto(target)
        if not received:
            raise FormatError(f"{path}: HDF5 cannot read it ({_end(child)})")
        target = target[received:]


def _end(child: subprocess.Popen) -> str:
    """Describe how a child process that stopped answering ended."""
    try:
        status = child.wait(timeout=5)
    except subprocess.TimeoutExpired:
        return "it stopped answering"
    if status == -signal.SIGKILL:
        return "it took too long"
    return f"its library crashed, signal {-status}" if status < 0 else f"exit status {status}"
