"""Mutants of examples/c_runner: which of them the conformance suite finds.

Each mutant changes one operator or number of a C file. It is found if it does not build, or if the
trace of a network or the exit status of a file or run differs from the unchanged program's.

.venv/bin/python scripts/mutation/c_runner.py [FILE ...]
"""

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ipvae.workflows.implementations.cases import LEVELS, REFUSALS, file_cases, run_cases

FOLDER = Path(__file__).resolve().parents[2] / "examples" / "c_runner"
FILES = ("neurons.c", "weights.c", "run.c", "network.c", "structure.c", "content.c", "content3.c")
"""Files whose mutants count: what the specification defines, without the way to read arrays."""
COMPILER = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang") or "cc"
FLAGS = ("-std=c99", "-O1", "-w")
LONGEST = 10.0
"""Seconds after which a run counts as found: it would not end."""

OTHER = {
    **{"+": "-", "-": "+", "*": "+", "/": "*", "%": "/", "&": "|", "|": "&", "^": "&"},
    **{"<<": ">>", ">>": "<<", "+=": "-=", "-=": "+=", "*=": "+=", "|=": "&=", "&=": "|="},
    **{"<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=", "!=": "==", "&&": "||", "||": "&&"},
}
IGNORED = r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'|/\*.*?\*/|^\s*#include.*?$'
NUMBER = r"\b(?:0x[0-9A-Fa-f]+|\d+)\b"
OPERATOR = "|".join(map(re.escape, sorted(OTHER, key=len, reverse=True)))
TOKENS = re.compile(
    rf"{IGNORED}|(?P<number>{NUMBER})|(?<=[\w)\]] )(?P<operator>{OPERATOR})(?= )", re.M | re.S
)


@dataclass(frozen=True)
class Mutant:
    """A change of a C file.

    Attributes
    ----------
    file : str
    line : int
        From 1.
    before, after : str
    text : str
        The whole file, changed.
    """

    file: str
    line: int
    before: str
    after: str
    text: str

    def __str__(self) -> str:
        line = self.text.splitlines()[self.line - 1].strip()
        return f"{self.file}:{self.line}: {self.before} as {self.after}: {line}"


def mutants(file: str) -> Iterator[Mutant]:
    """Yield all mutants of a file, in the order of their places."""
    text = (FOLDER / file).read_text()
    for match in TOKENS.finditer(text):
        before = match["number"] or match["operator"]
        if not before:
            continue
        after = OTHER.get(before) or (
            hex(int(before, 16) + 1) if before.startswith("0x") else str(int(before) + 1)
        )
        changed = text[: match.start()] + after + text[match.end() :]
        yield Mutant(file, text.count("\n", 0, match.start()) + 1, before, after, changed)


class Suite:
    """Networks and files of the suite on disk, and a build of the program."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._out = folder, folder / "out"
        self._out.mkdir()
        self._arguments = list(self._write())
        self._objects = {}
        for source in sorted(FOLDER.rglob("*.c")):
            self._objects[source.name] = folder / f"{source.stem}.o"
            self._compile(source, self._objects[source.name])
        self._program = folder / "program"
        self._link(self._objects.values())
        self._expected = [self._run(words) for words in self._arguments]

    def _write(self) -> Iterator[list[str]]:
        runs = run_cases(tuple(level for level in LEVELS if level != REFUSALS))
        for number, case in enumerate(runs):
            images = self._folder / f"{number}.npy"
            np.save(images, case.images)
            numbers = case.steps, case.trace.seed, case.first_image
            yield [str(case.network), str(images), *map(str, numbers)]
        for number, case in enumerate(file_cases(), 100):
            network, images = self._folder / f"{number}.h5", self._folder / f"{number}.npy"
            case.write(network)
            np.save(images, case.images)
            numbers = case.steps, case.seed, case.first_image
            yield [str(network), str(images), *map(str, numbers)]

    def _compile(self, source: Path, target: Path) -> bool:
        words = [COMPILER, *FLAGS, "-c", "-o", target, source]
        return subprocess.run(words, check=False, capture_output=True).returncode == 0

    def _link(self, objects) -> None:
        subprocess.run([COMPILER, "-o", self._program, *objects, "-lm"], check=True)

    def _run(self, words: list[str]) -> tuple[int, bytes] | None:
        trace = self._out / "trace.csv"
        trace.unlink(missing_ok=True)
        try:
            ended = subprocess.run(
                [self._program, *words[:-1], self._out, words[-1]],
                check=False,
                capture_output=True,
                timeout=LONGEST,
            )
        except subprocess.TimeoutExpired:
            return None
        if ended.returncode != 0:
            return 1, b""
        return 0, trace.read_bytes() if trace.exists() else b""

    def finds(self, mutant: Mutant) -> bool:
        """Return True if a run differs from the unchanged program's."""
        source = self._folder / mutant.file
        source.write_text(mutant.text.replace('"runner.h"', f'"{FOLDER / "runner.h"}"'))
        changed = self._folder / "changed.o"
        if not self._compile(source, changed):
            return True
        others = [path for name, path in self._objects.items() if name != mutant.file]
        self._link([changed, *others])
        pairs = zip(self._arguments, self._expected, strict=True)
        return any(self._run(words) != expected for words, expected in pairs)


def main(files: list[str]) -> None:
    """Print a row for each file, and the mutants that were not found."""
    with tempfile.TemporaryDirectory() as folder:
        suite = Suite(Path(folder))
        for file in files or FILES:
            every = list(mutants(file))
            missed = []
            for mutant in every:
                if not suite.finds(mutant):
                    missed.append(mutant)
                    print(mutant, file=sys.stderr, flush=True)
            print(
                f"| `{file}` | {len(every)} | {len(every) - len(missed)} | {len(missed)} |",
                flush=True,
            )


if __name__ == "__main__":
    main(sys.argv[1:])
