"""The folder of a run: one process writes in it."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ipvae.errors import TrainingError


@contextmanager
def sole_writer(run: Path) -> Iterator[None]:
    """Hold the folder `run` for this process, and clear what a killed one left half written.

    The hold ends with the process, however that ends.

    Raises
    ------
    TrainingError
        If another process holds the folder, or it cannot be read.
    """
    try:
        folder = os.open(run, os.O_RDONLY)
    except OSError as error:
        raise TrainingError(
            f"{run}: cannot be read ({error.strerror}). Mend its permissions, or choose another "
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
