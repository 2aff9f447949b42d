"""Conformance of any implementation of docs/spec/."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ipvae.errors import InputError, IpvaeError
from ipvae.network.traces.trace import compare
from ipvae.workflows.boundary import public
from ipvae.workflows.implementations.cases import (
    LEVELS,
    REFUSALS,
    FileCase,
    RunCase,
    file_cases,
    run_cases,
)
from ipvae.workflows.implementations.program import Program, written_trace
from ipvae.workflows.progress import Listener, listening, stage
from ipvae.workflows.results import Result, Table

AGREES, DIFFERS, FAILED = "agrees", "differs", "failed"
TIMEOUT = 60.0
"""Seconds for one run of the program."""
SECTIONS = {
    "a_in": "received.md",
    "u": "drive.md and neurons/: drive and update",
    "current": "neurons/cuba.md",
    "voltage": "neurons/cuba.md",
    "sigma": "neurons/sigma_delta.md",
    "residue": "neurons/sigma_delta.md: sending a change",
    "reference": "neurons/sigma_delta.md: sending a change",
    "z": "random_source.md, counts.md and neurons/: random source, sampler, output",
}
"""Pages of docs/spec/ with the rule of each variable."""
SHOWN = 20
"""Cases that the text lists."""


@dataclass(frozen=True)
class CaseResult:
    """Outcome of one case.

    Attributes
    ----------
    name, level : str
    status : 'agrees', 'differs' or 'failed'
    values : int
        Compared values; 0 of a file that is to be read or refused.
    detail : str
        First divergence, or what went wrong; empty if it agrees.
    rule : str
        Page of docs/spec/ with the rule, and its number if it has one; empty if it agrees.
    """

    name: str
    level: str
    status: str
    values: int
    detail: str = ""
    rule: str = ""


@dataclass(frozen=True, eq=False, repr=False)
class ConformanceResult(Result):
    """Outcome of the conformance suite for one implementation.

    Attributes
    ----------
    command : str
    cases : tuple of CaseResult
    not_run : int
        Cases that begin with another image than number 0, of a command without {first_image}.
    """

    command: str
    cases: tuple[CaseResult, ...]
    not_run: int = 0

    @property
    def conforms(self) -> bool:
        """True if all cases agree."""
        return all(case.status == AGREES for case in self.cases)

    def _counts(self) -> list[tuple[str, int, int, int]]:
        """Level, agreeing cases, cases and compared values, of each level that was run."""
        found = []
        for level in LEVELS:
            cases = [case for case in self.cases if case.level == level]
            good = sum(case.status == AGREES for case in cases)
            if cases:
                found.append((level, good, len(cases), sum(case.values for case in cases)))
        return found

    def rows(self) -> list[tuple[str, str]]:
        """Return the main figures: pairs of name and text."""
        rows = [(level, f"{good} of {n} cases") for level, good, n, _ in self._counts()]
        return [("conforms", str(self.conforms)), *rows]

    def shown(self) -> list[Table | str]:
        """Return the verdict, a table of levels, and the first cases that do not agree."""
        verdict = "conforms" if self.conforms else "does NOT conform"
        rows = [
            [level, f"{good} of {n}", f"{values:,}" if values else "none"]
            for level, good, n, values in self._counts()
        ]
        wrong = [case for case in self.cases if case.status != AGREES]
        lines = [f"{c.level}, {c.name}: {c.status}: {c.detail} ({c.rule})" for c in wrong[:SHOWN]]
        if len(wrong) > SHOWN:
            lines.append(f"and {len(wrong) - SHOWN} more")
        if self.not_run:
            lines.append(f"{self.not_run} cases were not run: the command has no {{first_image}}")
        return [verdict, Table("levels", ["", "agree", "compared values"], rows), *lines]

    def to_json(self) -> dict[str, Any]:
        """Return JSON data, with the keys of `ipvae conformance --json`."""
        return {
            "conforms": self.conforms,
            "command": self.command,
            "not_run": self.not_run,
            "levels": {
                level: {"agree": good, "cases": n, "compared_values": values}
                for level, good, n, values in self._counts()
            },
            "cases": [dict(vars(case)) for case in self.cases],
        }


@public
def conformance(
    command: str,
    *,
    levels: Sequence[str] = LEVELS,
    timeout: float = TIMEOUT,
    progress: Listener | None = None,
) -> ConformanceResult:
    """Run another implementation on the conformance suite and compare every value.

    The suite holds networks with the traces that any implementation of the documents must give,
    and files that it must read or refuse (docs/conformance.md).

    Parameters
    ----------
    command : str
        Command line with {network}, {images}, {steps}, {seed}, {out} and {first_image}, the index
        of the first image, without which some cases are not run. The program runs the
        network file on the images of an .npy file, (n, M) or (n, T, M) int16, and writes a trace
        into the folder {out}: trace.h5, trace.npz or trace.csv. It exits with 0, or refuses a file
        with another status.
    levels : some of these
        'random source', 'sampler', 'one layer', 'several layers', 'CUBA', 'convolutions',
        'sigma-delta', 'Poisson and graded', 'LIF', 'streams', 'refusals'.
    timeout : float, seconds
        Longest time for one run.
    progress : callable, optional
        As for `ipvae.run`.

    Raises
    ------
    InputError
        If the command cannot be run, or an argument cannot be used.
    """
    unknown = sorted(set(levels) - set(LEVELS))
    if unknown or not levels:
        raise InputError(
            f"levels: found '{', '.join(unknown)}', allowed one or more of {', '.join(LEVELS)}"
        )
    if not timeout > 0:
        raise InputError(f"timeout: found {timeout:g}, allowed seconds above 0")
    program = Program(command, timeout)
    found: list[CaseResult] = []
    not_run = 0
    with listening(progress), tempfile.TemporaryDirectory(prefix="ipvae-conformance-") as folder:
        for number, case in enumerate(run_cases(tuple(levels))):
            if case.first_image and not program.takes_first_image:
                not_run += 1
                continue
            with stage(f"{case.level}: {case.name}"):
                found.append(_run(program, case, Path(folder) / f"run{number}"))
        if REFUSALS in levels:
            with stage(REFUSALS):
                for number, file in enumerate(file_cases()):
                    if file.first_image and not program.takes_first_image:
                        not_run += 1
                        continue
                    found.append(_read(program, file, Path(folder) / f"file{number}"))
    return ConformanceResult(command, tuple(found), not_run)


def _run(program: Program, case: RunCase, place: Path) -> CaseResult:
    """Run a network, and compare its trace."""
    images, out = _places(place, case.images)
    expected = case.trace
    ended = program.run(case.network, images, case.steps, expected.seed, out, case.first_image)
    if ended.status != 0:
        return CaseResult(case.name, case.level, FAILED, 0, _end(ended.status, ended.output), "run")
    try:
        comparison = compare(expected, written_trace(out, expected.seed))
    except IpvaeError as error:
        detail = " ".join(str(error).split())
        return CaseResult(case.name, case.level, FAILED, 0, detail, "trace.md")
    where = comparison.first_divergence
    if where is None:
        return CaseResult(case.name, case.level, AGREES, comparison.compared_values)
    detail = (
        f"image {where['sample']}, step {where['step']}, layer {where['layer']}, variable "
        f"{where['variable']}, index {where['index']}: expected {where['expected']}, found "
        f"{where['found']}"
    )
    rule = SECTIONS.get(where["variable"], "trace.md")
    return CaseResult(case.name, case.level, DIFFERS, comparison.compared_values, detail, rule)


def _read(program: Program, case: FileCase, place: Path) -> CaseResult:
    """Give the program a file that it must read, or refuse."""
    images, out = _places(place, case.images)
    case.write(place / "net.h5")
    ended = program.run(place / "net.h5", images, case.steps, case.seed, out, case.first_image)
    if ended.status is not None and (ended.status == 0) == case.accepted:
        return CaseResult(case.name, REFUSALS, AGREES, 0)
    if ended.status is None or case.accepted:
        detail = f"must be read; {_end(ended.status, ended.output)}"
        status = FAILED if ended.status is None else DIFFERS
        return CaseResult(case.name, REFUSALS, status, 0, detail, case.rule)
    return CaseResult(case.name, REFUSALS, DIFFERS, 0, "must be refused, and was read", case.rule)


def _end(status: int | None, output: str) -> str:
    return output if status is None else f"exit status {status}: {output}"


def _places(place: Path, images: np.ndarray) -> tuple[Path, Path]:
    """Make the folder of a case; return the file of its images, and the folder for the trace."""
    out = place / "out"
    out.mkdir(parents=True)
    np.save(place / "images.npy", images.astype(np.int16))
    return place / "images.npy", out
