"""Traces written to disk while a backend runs: memory contains some rows of some images."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np

from ipvae.files import atomic_path
from ipvae.network.io.hdf5_output import Output
from ipvae.network.traces.digest import TraceDigest
from ipvae.network.traces.trace import Trace, write_digest, write_header

CHUNK_ROWS = 64
"""Rows of a dataset's chunks; the most efficient number of rows to write at once."""


class TraceStream:
    """Trace file that grows during a run; use `open_trace` to make one."""

    def __init__(self, file: h5py.File, rows: int, output: Output, digest: TraceDigest) -> None:
        self._file = file
        self._rows = rows
        self._output = output
        self._digest = digest

    def write(self, image: int, layer: str, variable: str, row: int, values: np.ndarray) -> None:
        """Write some rows of one image.

        Parameters
        ----------
        image : int
            Index in the run.
        layer, variable : str
        row : int
            Index of the first row among the recorded rows.
        values : (n, neurons) int32

        Raises
        ------
        OSError
            If the disk is full; `open_trace` names the file.
        """
        name = f"samples/{image}/{layer}/{variable}"
        if name in self._file:
            dataset = self._file[name]
        else:
            width = values.shape[1]
            dataset = self._file.create_dataset(
                name,
                shape=(self._rows, width),
                dtype=np.int32,
                chunks=(min(CHUNK_ROWS, self._rows), width),
                compression="gzip",
                compression_opts=1,
            )
        dataset[row : row + len(values)] = values  # type: ignore[index]
        self._digest.add(name, row, values, (self._rows, values.shape[1]))
        self._output.require_written()


@contextmanager
def open_trace(path: str | Path, header: Trace, rows: int) -> Iterator[TraceStream]:
    """Write a trace file in parts; it replaces an old file only when it is complete.

    Parameters
    ----------
    path : str or Path
    header : Trace
        Trace without samples: backend, seed, checksum and selection.
    rows : int
        Number of recorded rows of each image.

    Raises
    ------
    InputError
        If the file cannot be written; an existing file is kept.
    """
    with (
        atomic_path(path) as temporary,
        Output(temporary) as output,
        h5py.File(output, "w") as f,
    ):
        steps, digest = (rows - 1) * header.every, TraceDigest()
        write_header(f, header, steps, digest)
        yield TraceStream(f, rows, output, digest)
        write_digest(f, header, steps, digest)
