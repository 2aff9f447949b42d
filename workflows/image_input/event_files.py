"""Recordings of event cameras from files, as arrays of t, x, y and polarity."""

import importlib
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from ipvae.errors import InputError
from ipvae.files import open_file
from ipvae.network.io.array_files import read_npz
from ipvae.network.io.hdf5_child import shown

FIELDS = ("t", "x", "y", "p")
NAMES = {
    **{name: "t" for name in ("t", "ts", "time", "timestamp")},
    **{name: name for name in ("x", "y")},
    **{name: "p" for name in ("p", "on", "pol", "polarity")},
}
"""Names of columns and fields, and the field that they are."""
EVENTS = np.dtype([("t", np.float64), ("x", np.int64), ("y", np.int64), ("p", np.int64)])
READER, CAMERA = "faery", (".aedat", ".aedat4", ".raw", ".dat", ".es")
"""Package that reads files of cameras, and their suffixes."""
HEADED = (".raw", ".dat")
"""Files whose header, lines that begin with %, names format and size."""
TEXT, ARRAYS = (".csv", ".txt"), (".npy", ".npz")
ALLOWED = (
    f"{', '.join(CAMERA)} (with the package {READER}), {', '.join(TEXT)} with the columns "
    "t, x, y, p, or .npy and .npz with these fields"
)


def is_recording(images: Any) -> bool:
    """Return whether this is the path of an event recording by its suffix, or a folder of them."""
    if not isinstance(images, (str, Path)):
        return False
    path = Path(images)
    if path.is_dir():
        return any(file.suffix.lower() in (*CAMERA, *TEXT) for file in path.iterdir())
    return path.suffix.lower() in (*CAMERA, *TEXT)


def recording_files(path: str | Path) -> list[Path]:
    """Return the files of a folder in the order of their names, or one file."""
    given = Path(path)
    if not given.is_dir():
        return [given]
    readable = (*CAMERA, *TEXT, *ARRAYS)
    found = sorted(file for file in given.iterdir() if file.suffix.lower() in readable)
    if not found:
        raise InputError(f"{path}: holds no event recordings; allowed are {ALLOWED}")
    return found


def read_events(path: str | Path) -> np.ndarray:
    """Read one recording.

    Returns
    -------
    (events,) with the fields t (microseconds from files of cameras, else as in the file), x, y, p

    Raises
    ------
    InputError
        If the file is missing, damaged or of an unknown format, or the reader is not installed.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    readers = {
        **dict.fromkeys(CAMERA, _of_camera),
        **dict.fromkeys(TEXT, _of_text),
        ".npy": _of_array,
        ".npz": _of_archive,
    }
    if suffix not in readers:
        raise InputError(f"{path}: no format of event recordings is known by this name; {ALLOWED}")
    with open_file(path, InputError):
        pass
    columns = readers[suffix](path)
    if len({len(columns[name]) for name in FIELDS}) > 1:
        raise InputError(f"{path}: t, x, y and p have different lengths")
    found = np.zeros(len(columns["t"]), EVENTS)
    for name in FIELDS:
        values = np.asarray(columns[name])
        if not np.isfinite(values).all() or (name != "t" and (values != np.rint(values)).any()):
            raise InputError(f"{path}: {name} must be {'' if name == 't' else 'whole '}numbers")
        found[name] = values
    return found


def _of_camera(path: Path) -> dict[str, np.ndarray]:
    with path.open("rb") as file:
        if path.suffix.lower() in HEADED and file.read(1) != b"%":
            raise InputError(
                f"{path}: has no header, without which its format is not known; convert it to .csv "
                "with the columns t, x, y, p"
            )
    try:
        reader = importlib.import_module(READER)
    except ImportError as error:
        raise InputError(
            f"{path}: files of event cameras need the package {READER} ({error}); install it with "
            f"pip install {READER}, or convert the file to .csv with the columns t, x, y, p"
        ) from error
    try:
        events = reader.events_stream_from_file(path).to_array()
    except Exception as error:  # the reader's own errors have no common type
        raise InputError(f"{path}: {READER} cannot read it ({shown(error)})") from error
    return {name: events[name] for name in FIELDS}


def _of_text(path: Path) -> dict[str, np.ndarray]:
    with path.open(errors="replace") as file:
        lines = ((i, line) for i, line in enumerate(file) if line.strip() and line[0] != "#")
        skipped, first = next(lines, (0, ""))
    comma = "," in first
    words = [word.strip() for word in (first.split(",") if comma else first.split())]
    header = not all(map(_is_number, words))
    names = [word.split("@")[0].lower() for word in words] if header else list(FIELDS)
    places = {NAMES[name]: i for i, name in enumerate(names) if name in NAMES}
    if places.keys() != set(FIELDS) or len(names) != len(words):
        raise InputError(
            f"{path}: its first line is '{shown(first.strip())[:60]}', allowed are four columns t, "
            "x, y, p, or a header with these names"
        )
    separator = "," if comma else None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of no rows, which are no events
            table = np.loadtxt(path, delimiter=separator, skiprows=skipped + header, ndmin=2)
    except ValueError as error:
        raise InputError(f"{path}: not a table of numbers ({shown(error)})") from error
    table = table.reshape(-1, len(words))
    return {name: table[:, place] for name, place in places.items()}


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _of_array(path: Path) -> dict[str, np.ndarray]:
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)  # no more than the file holds
    except (ValueError, OSError, EOFError) as error:
        raise InputError(f"{path}: not an .npy file of events ({shown(error)})") from error
    if array.dtype.names is None and array.ndim == 2 and array.shape[1] == len(FIELDS):
        return {name: array[:, i] for i, name in enumerate(FIELDS)}
    return _named(path, {name: array[name] for name in array.dtype.names or ()})


def _of_archive(path: Path) -> dict[str, np.ndarray]:
    return _named(path, read_npz(path, lambda names: [n for n in names if n.lower() in NAMES]))


def _named(path: Path, columns: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Columns by field."""
    found = {
        NAMES[name.lower()]: np.ravel(v) for name, v in columns.items() if name.lower() in NAMES
    }
    if found.keys() != set(FIELDS):
        raise InputError(
            f"{path}: has the fields {', '.join(columns) or 'none'}, allowed are t, x, y and p"
        )
    return found
