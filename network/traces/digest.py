"""Digest of a trace file's contents, so that a changed bit is found when it is read."""

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np

DIGEST = "content_sha256"
"""Attribute of a trace file; a file without it is not checked."""
_START = b"ipvae-trace/1\0"


class TraceDigest:
    """SHA-256 of a trace: attributes, and for each dataset its path, shape and contents.

    Contents may come in parts, with the rows of each dataset in order.
    """

    def __init__(self) -> None:
        self._open: dict[str, tuple[int, Any]] = {}
        self._done: dict[str, bytes] = {}
        self._in_order = True

    def add(self, path: str, row: int, values: np.ndarray, shape: tuple[int, ...]) -> None:
        """Add rows of a dataset.

        Parameters
        ----------
        path : str
            Path of the dataset in the file, without a leading slash.
        row : int
            Index of the first row.
        values : (n, ...) int32
        shape : tuple
            Shape of the whole dataset.
        """
        rows, digest = self._open.pop(path, (0, hashlib.sha256()))
        self._in_order &= row == rows and path not in self._done
        digest.update(
            np.ascontiguousarray(values, dtype="<i4").data.cast("B") if values.size else b""
        )
        if rows + len(values) < shape[0]:
            self._open[path] = rows + len(values), digest
        else:
            sides = ",".join(map(str, shape))
            self._done[path] = f"{path}\0{sides}\0{digest.hexdigest()}\0".encode()

    def text(self, attributes: Mapping[str, object]) -> str | None:
        """Return the digest, 64 digits; None if rows were out of order or are missing."""
        if not self._in_order or self._open:
            return None
        whole = hashlib.sha256(_START)
        for name in sorted(attributes):
            whole.update(f"{name}={attributes[name]}\0".encode())
        for path in sorted(self._done):
            whole.update(self._done[path])
        return whole.hexdigest()
