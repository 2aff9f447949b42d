"""Loihi 2 profiler logs of Lava as CSV; ambiguous or incomplete input is an error.

A log has a header line of column names (network/traces/profiler_columns.py) and any number of rows.
Cells may be empty, so that one file holds values of the run, its steps and its cores.
"""

import csv
import hashlib
import math
from collections import Counter
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import numpy as np

from ipvae.errors import FormatError
from ipvae.files import read_file
from ipvae.network.traces.profiler_columns import (
    CHIP,
    COLUMNS,
    CORE,
    CORES,
    ONE,
    STEPS,
    TIME,
    TIMES,
)

MOST_BYTES = 2**26
LONGEST_LINE = 2**16


@dataclass(frozen=True, eq=False)
class ProfilerLog:
    """Contents of a log.

    Attributes
    ----------
    path : str
    sha256 : str
        Digest of the file.
    columns : dict of name -> (n,) float64
        Known columns with values; run columns have one value.
    left_out : tuple of str
        Unknown columns, which are ignored.
    empty : tuple of str
        Known columns without values.
    """

    path: str
    sha256: str
    columns: dict[str, np.ndarray]
    left_out: tuple[str, ...]
    empty: tuple[str, ...]

    def figure(self, name: str) -> float | None:
        """Value of the run, or mean over the column's entries; None for an empty column."""
        return float(self.columns[name].mean()) if name in self.columns else None

    @property
    def step_time_us(self) -> float | None:
        """Mean time of a chip step, in microseconds."""
        found = self.figure(TIME)
        return self.figure(TIMES) if found is None else found

    @property
    def cores(self) -> list[tuple[int, int]] | None:
        """Chip and core of each entry of the core columns; None if the log names no cores."""
        if CORE not in self.columns:
            return None
        core = self.columns[CORE].astype(int)
        chip = self.columns.get(CHIP, np.zeros(len(core))).astype(int)
        return list(zip(chip.tolist(), core.tolist(), strict=True))


def read_log(path: str | Path) -> ProfilerLog:
    """Read a log.

    Raises
    ------
    FormatError
        If the file cannot be read, or is not a numeric table with at least one known column. The
        message contains line and column.
    """
    path = Path(path)
    data = read_file(path, FormatError, MOST_BYTES)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FormatError(f"{path}: is not text; allowed is a CSV log") from error
    header, rows = _table(path, text)
    known = [name for name in header if name in COLUMNS]
    if not known:
        raise FormatError(
            f"{path}: no column that the profiler logs (found {_named(header)}); allowed are "
            f"{', '.join(COLUMNS)}"
        )
    columns = {name: _column(path, name, header.index(name), rows) for name in known}
    columns = {name: values for name, values in columns.items() if len(values)}
    if not columns:
        raise FormatError(f"{path}: no values below the header; the log is empty")
    _require_cores(path, columns)
    return ProfilerLog(
        str(path),
        hashlib.sha256(data).hexdigest(),
        columns,
        tuple(name for name in header if name not in COLUMNS),
        tuple(name for name in known if name not in columns),
    )


def _table(path: Path, text: str) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Header, and rows with their line numbers; every row has the header's length."""
    if max(map(len, text.splitlines()), default=0) > LONGEST_LINE:
        raise FormatError(
            f"{path}: has a line of more than {LONGEST_LINE} characters; it is no log"
        )
    reader = csv.reader(StringIO(text, newline=""), strict=True)
    try:
        rows = [(reader.line_num, [cell.strip() for cell in row]) for row in reader if row]
    except csv.Error as error:
        raise FormatError(f"{path}: line {reader.line_num} is not CSV ({error})") from error
    if not rows:
        raise FormatError(
            f"{path}: is empty; allowed is a CSV log with a header line of column names"
        )
    (_, header), *body = rows
    twice = [name for name, number in Counter(header).items() if number > 1]
    if twice:
        raise FormatError(f"{path}: column {_named(twice[:1])} appears twice; keep one of them")
    for line, row in body:
        if len(row) != len(header):
            raise FormatError(
                f"{path}: line {line} has {len(row)} cells, the header has {len(header)}"
            )
    return header, body


def _column(path: Path, name: str, place: int, rows: list[tuple[int, list[str]]]) -> np.ndarray:
    """Values of a column, (n,) float64; empty cells are skipped."""
    cells = [(line, row[place]) for line, row in rows if row[place]]
    values = np.array([_number(path, name, line, cell) for line, cell in cells], dtype=np.float64)
    if COLUMNS[name].of == ONE and len(values):
        if len(found := np.unique(values)) > 1:
            raise FormatError(
                f"{path}: column {name} has {len(found)} different values ({found[0]:g}, "
                f"{found[1]:g}, ...), allowed is one for the run"
            )
        values = values[:1]
    return values


def _number(path: Path, name: str, line: int, cell: str) -> float:
    """Parse a cell."""
    column = COLUMNS[name]
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    fits = math.isfinite(value) and (column.signed or value >= 0)
    fits = fits and (not column.whole or value == int(value) < 2**53)
    if not fits or (name in (STEPS, TIME) and value == 0):
        kind = "whole numbers" if column.whole else "finite numbers"
        least = "" if column.signed else " above 0" if name in (STEPS, TIME) else " from 0"
        raise FormatError(
            f"{path}: line {line}, column {name}: found {_named([cell])}, allowed are "
            f"{kind}{least}, or an empty cell"
        )
    return value


def _require_cores(path: Path, columns: dict[str, np.ndarray]) -> None:
    """Check that the core columns are consistent."""
    if CORE not in columns:
        return
    n = len(columns[CORE])
    for name, values in columns.items():
        if COLUMNS[name].of == CORES and len(values) != n:
            raise FormatError(
                f"{path}: column {name} has {len(values)} values, {CORE} has {n}; allowed is one "
                "for each core"
            )
    chips = columns.get(CHIP, np.zeros(n))
    places, counts = np.unique(np.stack([chips, columns[CORE]]), axis=1, return_counts=True)
    if (counts > 1).any():
        chip, core = places[:, counts > 1][:, 0].astype(int)
        raise FormatError(
            f"{path}: core {core} of chip {chip} appears {counts.max()} times, allowed is once; "
            "add the counts of its rows"
        )


def _named(words: list[str]) -> str:
    """Words of a file for a message: no control characters, limited length."""
    text = ", ".join(repr(word[:40]) for word in words[:8])
    return text + (", ..." if len(words) > 8 else "")
