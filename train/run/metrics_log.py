"""Metrics of each epoch during training: RUN/metrics.jsonl, and optionally TensorBoard."""

import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ipvae.errors import CheckpointError, ConfigError, InputError
from ipvae.files import atomic_write

NAME = "metrics.jsonl"


class MetricsLog:
    """Log with one line for each epoch; it first rewrites the file with the known epochs.

    Parameters
    ----------
    run : folder
    history, seconds : records of past epochs, and training time at the end of each
    tensorboard : also write RUN/tensorboard/

    Raises
    ------
    ConfigError
        If TensorBoard is requested and not installed.
    CheckpointError
        If the folder cannot be written; also from `add` and `close`.
    """

    def __init__(
        self, run: Path, history: list[dict[str, Any]], seconds: list[float], tensorboard: bool
    ) -> None:
        self._path = run / NAME
        known = list(zip(history, seconds, strict=False))
        self._folder, self._board = run / "tensorboard", None
        if tensorboard:
            with self._written():
                self._board = _board(self._folder)
        try:
            atomic_write(self._path, "".join(_line(*entry) for entry in known).encode())
        except InputError as error:
            raise CheckpointError(f"{error}. Then continue with resume=True.") from error
        for record, _ in known:
            self._show(record)

    def add(self, record: dict[str, Any], seconds: float) -> None:
        """Log one epoch."""
        try:
            _append(self._path, _line(record, seconds).encode())
        except OSError as error:
            raise _unwritable(self._path, error) from error
        self._show(record)

    def close(self) -> None:
        """Flush TensorBoard's writer."""
        if self._board is not None:
            with self._written():
                self._board.close()

    def _show(self, record: dict[str, Any]) -> None:
        if self._board is None:
            return
        with self._written():
            for name in record.keys() - {"epoch"}:
                self._board.add_scalar(name, record[name], record["epoch"])
            self._board.flush()

    @contextmanager
    def _written(self) -> Iterator[None]:
        """Convert an error of TensorBoard's writer, which is then disabled, to a one-line error."""
        try:
            yield
        except OSError as error:
            self._board = None
            raise _unwritable(self._folder, error) from error


def add_pictures(run: Path, pictures: dict[str, np.ndarray], epoch: int) -> None:
    """Write pictures to RUN/tensorboard/ after training.

    Parameters
    ----------
    run : folder
    pictures : by name, (height, width, 3) uint8
    epoch : last epoch

    Raises
    ------
    ConfigError
        If TensorBoard is not installed.
    CheckpointError
        If the folder cannot be written.
    """
    folder = run / "tensorboard"
    try:
        board = require_tensorboard()(log_dir=str(folder))
        for name, pixels in pictures.items():
            board.add_image(name, pixels, epoch, dataformats="HWC")
        board.close()
    except OSError as error:
        raise CheckpointError(
            f"{folder}: cannot be written ({error.strerror or error}). The model is saved; make "
            "room, or leave tensorboard= out."
        ) from error


def require_tensorboard() -> Any:
    """Return TensorBoard's writer class.

    Raises
    ------
    ConfigError
        If it is not installed.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter  # pyright: ignore
    except ImportError as error:
        raise ConfigError(
            f"tensorboard: the package tensorboard is not installed ({error}). Install it "
            f"(pip install tensorboard), or omit it: {NAME} has the same figures."
        ) from error
    return SummaryWriter


def _board(folder: Path) -> Any:
    # Every epoch is written again: purge_step hides the entries of an earlier process.
    return require_tensorboard()(log_dir=str(folder), purge_step=1)


def _line(record: dict[str, Any], seconds: float) -> str:
    entry = {**record, "seconds": round(seconds, 3)}
    finite = {k: v if math.isfinite(v) else None for k, v in entry.items()}
    return json.dumps(finite, allow_nan=False) + "\n"


def _append(path: Path, line: bytes) -> None:
    """Append a complete line or, on an error, nothing."""
    with path.open("ab", buffering=0) as file:
        before, rest = file.tell(), line
        try:
            while rest:
                rest = rest[file.write(rest) :]
        except OSError:
            file.truncate(before)
            raise


def _unwritable(path: Path, error: OSError) -> CheckpointError:
    return CheckpointError(
        f"{path}: cannot be written ({error.strerror or error}). Make room or correct its "
        "permissions, then continue with resume=True."
    )
