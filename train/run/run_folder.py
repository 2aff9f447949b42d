"""Exclusive access to the folder of a run."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ipvae.errors import TrainingError


@contextmanager
def sole_writer(run: Path) -> Iterator[None]:
    """Lock the folder `run` for this process, and remove incomplete files of a killed process.

    The lock ends with the process, however it ends.

    Raises
    ------
    TrainingError
        If another process has locked the folder, or it cannot be read.
    """
    try:
        folder = os.open(run, os.O_RDONLY)
    except OSError as error:
        raise TrainingError(
            f"{run}: cannot be read ({error.strerror}). Correct its permissions, or choose another "
            "out=."
        ) from error
    try:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise TrainingError(
                f"{run}: another training is writing there; one at a time is allowed. "
                "Wait for it, or choose another out=."
            ) from error
        except OSError:  # a file system without locks
            pass
        for name in ("resume.safetensors", "metrics.jsonl", "model.safetensors", "model.json"):
            for left in run.glob(f".{name}.*.tmp"):
                left.unlink(missing_ok=True)
        yield
    finally:
        os.close(folder)
