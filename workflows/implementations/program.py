"""Another implementation, as a program that is given a network and writes a trace."""

import csv
import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ipvae.errors import InputError
from ipvae.network.io.array_files import read_npz
from ipvae.network.traces.trace import Trace, read_trace

PLACES = ("network", "images", "steps", "seed", "out")
NEEDED = ("network", "out")
"""Places that every command has."""
FIRST_IMAGE = "first_image"
"""Place without which a program runs only what begins with image 0."""
TRACES = ("trace.h5", "trace.npz", "trace.csv")
CSV_COLUMNS = ["image", "layer", "variable", "row", "values"]
MOST_ROWS = 2**20
Sample = dict[str, dict[str, np.ndarray]]


@dataclass(frozen=True)
class Ended:
    """End of a program.

    Attributes
    ----------
    status : int or None
        Exit status; None if it did not end in time.
    output : str
        Last line that it wrote to stderr, or stdout.
    """

    status: int | None
    output: str


class Program:
    """A command line with places for a network, images, steps, seed and an output folder.

    Parameters
    ----------
    command : str
        As in a shell, with {network}, {images}, {steps}, {seed} and {out}, and {first_image} if the
        program can begin with another image than number 0.
    timeout : float, seconds
        Longest time for one run.

    Raises
    ------
    InputError
        If the command cannot be split into words, or lacks {network} or {out}.
    """

    def __init__(self, command: str, timeout: float) -> None:
        try:
            self._words = shlex.split(command)
        except ValueError as error:
            raise InputError(f"command: found {command!r} ({error}); close its quotes") from None
        missing = [f"{{{name}}}" for name in NEEDED if f"{{{name}}}" not in command]
        if missing or not self._words:
            raise InputError(
                f"command: found {command!r} without {', '.join(missing) or 'a program'}; allowed "
                f"is a command with {', '.join(f'{{{name}}}' for name in PLACES)}"
            )
        self._timeout = timeout
        self.takes_first_image = f"{{{FIRST_IMAGE}}}" in command

    def run(
        self, network: Path, images: Path, steps: int, seed: int, out: Path, first_image: int = 0
    ) -> Ended:
        """Run the program once; `out` is an empty folder for its trace.

        Raises
        ------
        InputError
            If there is no such program.
        """
        given = (network, images, steps, seed, out, first_image)
        values = dict(zip((*PLACES, FIRST_IMAGE), given, strict=True))
        words = []
        for word in self._words:
            for name, value in values.items():
                word = word.replace(f"{{{name}}}", str(value))  # noqa: PLW2901
            words.append(word)
        try:
            done = subprocess.run(
                words,
                capture_output=True,
                timeout=self._timeout,
                check=False,
                stdin=subprocess.DEVNULL,
            )
        except subprocess.TimeoutExpired:
            return Ended(None, f"it did not end within {self._timeout:g} s")
        except OSError as error:
            raise InputError(
                f"command: cannot run {words[0]} ({error.strerror}); allowed is a program on this "
                "machine"
            ) from error
        lines = (done.stderr or done.stdout).decode(errors="replace").strip().splitlines()
        return Ended(done.returncode, lines[-1][:300] if lines else "no output")


def written_trace(out: Path, seed: int) -> Trace:
    """Read the trace that a program wrote into its folder.

    Raises
    ------
    IpvaeError
        If there is none, or it cannot be read.
    """
    for name in TRACES:
        path = out / name
        if path.exists():
            return {".h5": _hdf5, ".npz": _npz, ".csv": read_csv_trace}[path.suffix](path, seed)
    raise InputError(f"it wrote none of {', '.join(TRACES)}")


def _hdf5(path: Path, _: int) -> Trace:
    return read_trace(path, check_digest=False)


def _npz(path: Path, seed: int) -> Trace:
    """Read arrays named image/layer/variable of shape (rows, neurons)."""
    arrays = read_npz(path, tuple)
    return _trace({tuple(name.split("/")): array for name, array in arrays.items()}, seed, path)


def read_csv_trace(path: Path, seed: int) -> Trace:
    """Read rows of the columns `CSV_COLUMNS`; values are separated by spaces.

    Raises
    ------
    InputError
        If they are no trace.
    """
    rows: dict[tuple[str, ...], dict[int, list[int]]] = {}
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            if reader.fieldnames != CSV_COLUMNS:
                raise InputError(
                    f"{path.name}: columns {reader.fieldnames}, allowed {', '.join(CSV_COLUMNS)}"
                )
            for number, row in enumerate(reader):
                if number >= MOST_ROWS:
                    raise InputError(f"{path.name}: more than {MOST_ROWS} rows")
                name = row["image"], row["layer"], row["variable"]
                values = [int(text) for text in row["values"].split()]
                rows.setdefault(name, {})[int(row["row"])] = values
        found = {
            name: np.array([of[row] for row in range(len(of))], np.int64)
            for name, of in rows.items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise InputError(f"{path.name}: cannot be read ({type(error).__name__}: {error})") from None
    return _trace(found, seed, path)


def _trace(arrays: dict[tuple[str, ...], np.ndarray], seed: int, path: Path) -> Trace:
    samples: dict[int, Sample] = {}
    for name, array in arrays.items():
        if len(name) != 3 or not name[0].isdecimal() or array.ndim != 2:
            raise InputError(
                f"{path.name}: found {'/'.join(name)} of shape {array.shape}, allowed are "
                "image/layer/variable of shape (rows, neurons)"
            )
        image, layer, variable = name
        samples.setdefault(int(image), {}).setdefault(layer, {})[variable] = array
    if sorted(samples) != list(range(len(samples))) or not samples:
        raise InputError(f"{path.name}: images {sorted(samples)[:9]}, allowed 0, 1, 2, ... in full")
    return Trace("implementation", seed, "", [samples[i] for i in range(len(samples))])
