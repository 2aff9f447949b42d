"""Files of a run: each appears whole or not at all, and one process writes in a folder."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ipvae.train.errors import TrainingError


def write_whole(path: Path, content: bytes) -> None:
    """Write a file under a temporary name in its folder, then put it in its place."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


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
            "--out."
        ) from error
    try:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise TrainingError(
                f"{run}: another ipvae train is at work there; one at a time is allowed. "
                "Wait for it, or choose another --out."
            ) from error
        except OSError:  # a file system without locks
            pass
        for name in ("resume.safetensors", "metrics.jsonl", "model.safetensors", "model.json"):
            for left in run.glob(f".{name}.*.tmp"):
                left.unlink(missing_ok=True)
        yield
    finally:
        os.close(folder)
