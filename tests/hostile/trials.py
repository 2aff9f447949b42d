"""Hostile tries of the command line: every reader, every damage, every command that reads it.

`trials.py FOLDER NUMBER SEED [START]` prints a JSON list of failures as its last line.
START is the number of the first try, or `damaged`, which leaves out the undamaged ones.
Each try is a fork of this process, with limits on time and memory; the same seed gives the same
tries. It also runs from a shell, to repeat a try that failed.
"""

import hashlib
import json
import os
import random
import resource
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from damages import ANYWHERE, OWN, Damage
from inputs import READERS, Reader

SECONDS = 60
"""Of processor time."""
CONTROLS = sum(len(reader.commands) for reader in READERS.values())
MANY = 50
HANGS = 300
"""Seconds after which a try counts as hung."""
MEMORY = 3 * 2**30
"""Bytes of address space beyond what is used before a try."""
OPTIONS = {
    "--steps": ("0", "-1", "1e3", "9" * 5000, "", "nan"),
    "--samples": ("0", "-3", "9" * 30, "all"),
    "--seed": ("-1", str(2**48), "9" * 400, "0x1"),
    "--images": ("", "/dev/zero", "/dev/null", "\x1b[31m", "a" * 5000, "/proc/self/mem"),
    "--json": ("", "/", "/dev/full", "a" * 300, "no/such/folder/x.json"),
}
"""Values of options, tried on an undamaged network."""


@dataclass(frozen=True)
class Try:
    """A command on an input with a damage."""

    reader: str
    damage: str
    seed: int
    words: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.reader}, {self.damage} ({self.seed}): ipvae {' '.join(self.words)[:300]}"


def tries(number: int, seed: int) -> Iterator[Try]:
    """Choose tries; the first ones are undamaged, as a control."""
    chance = random.Random(seed)
    for name, reader in READERS.items():
        for words in reader.commands:
            yield Try(name, "none", 0, words)
    for _ in range(number):
        name = chance.choice(sorted(READERS))
        own = OWN.get(name, {})
        damage = chance.choice(sorted(own if own and chance.random() < 0.5 else ANYWHERE))
        words = chance.choice(READERS[name].commands)
        if chance.random() < 0.1:
            option = chance.choice(sorted(OPTIONS))
            words = ("run", "{folder}/net.h5", option, chance.choice(OPTIONS[option]))
            name, damage = "network", "an option"
        yield Try(name, damage, chance.randrange(2**30), words)


def contents(folder: Path) -> dict[str, str]:
    """Digest, type and time of change of all that a folder holds."""
    found = {}
    for path in sorted(folder.rglob("*")):
        kind = "file" if path.is_file() and not path.is_symlink() else "other"
        digest = hashlib.sha256(path.read_bytes()).hexdigest() if kind == "file" else ""
        found[str(path.relative_to(folder))] = f"{kind} {path.lstat().st_mtime_ns} {digest}"
    return found


def outcome(one: Try, home: Path) -> str:
    """Return what is wrong with the answer to a try; empty if nothing."""
    folder, out = home / "in", home / "out"
    shutil.rmtree(home, ignore_errors=True)
    for made in (folder, out):
        made.mkdir(parents=True)
    reader = READERS[one.reader]
    reader.make(folder)
    damage: Damage | None = ANYWHERE.get(one.damage) or OWN.get(one.reader, {}).get(one.damage)
    if damage is not None:
        damage(folder / reader.file, random.Random(one.seed))
    before = contents(folder)
    names = {"file": folder / reader.file, "folder": folder, "out": out}
    words = [word.format(**names) if "{" in word else word for word in one.words]
    start = processor_seconds()
    status, text, errors = ran(words, home)
    seconds = processor_seconds() - start
    found = list(faults(one, reader, status, text, errors))
    if contents(folder) != before:
        found.append(f"inputs changed: {sorted(set(contents(folder)) ^ set(before))}")
    left = sorted(str(path.relative_to(out)) for path in out.rglob("*"))
    if left and status == 2:
        found.append(f"left {left}")
    if hidden := [name for name in left if name.endswith(".tmp")]:
        found.append(f"left {hidden}")
    if seconds > SECONDS:
        found.append(f"took {seconds:.0f} s")
    return "; ".join(found)


def processor_seconds() -> float:
    """Processor time of all tries that ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def faults(one: Try, reader: Reader, status: int, text: str, errors: str) -> Iterator[str]:
    """What is wrong with a status and the printed text."""
    if status not in (0, 1, 2):
        yield f"status {status}: {errors[-600:]}"
    if "Traceback" in errors + text or "Warning:" in errors:
        yield f"traceback or raw warning: {errors[-600:]}"
    own = [line for line in errors.splitlines() if line.startswith("ipvae: ")]
    if status == 2 and (len(own) != 1 or not errors.endswith(own[0] + "\n")):
        yield f"not one line: {errors[-600:]!r}"
    if status == 2 and own and not own[0].isprintable():
        yield f"not printable: {own[0]!r}"
    if status == 2 and own and len(own[0]) > 1500:
        yield f"a line of {len(own[0])} characters: {own[0][:200]}"
    if one.damage == "none" and status == 2:
        yield f"refused without damage: {errors[-600:]}"
    broken = ("empty", "truncated", "absent", "a pipe", "LFS pointer", "text", "zeros", "noise")
    if one.damage in broken and status == 0:
        yield "accepted"
    if one.damage == "LFS pointer" and status == 2 and "git lfs pull" not in errors:
        yield f"no word about Git LFS: {errors[-300:]}"
    if one.damage.startswith("bits flipped") and reader.checked and "nan" in text.lower():
        yield f"NaN printed: {text[-300:]}"


def ran(words: list[str], home: Path) -> tuple[int, str, str]:
    """Run a command in a fork; return its status, stdout and stderr."""
    files = [home / "stdout", home / "stderr"]
    child = os.fork()
    if child == 0:
        os.setsid()
        for number, file in enumerate(files, 1):
            os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
        os._exit(_run_here(words))
    _, ended = os.waitpid(child, 0)
    left = _end_group(child)
    text, errors = (file.read_text(errors="replace") for file in files)
    status = -os.WTERMSIG(ended) if os.WIFSIGNALED(ended) else os.WEXITSTATUS(ended)
    return status, text, errors + ("processes are left; Traceback" if left else "")


def _run_here(words: list[str]) -> int:
    from ipvae.cli.main import run_command

    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(HANGS)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))
    try:
        status = run_command(words)
    except BaseException:
        traceback.print_exc()
        status = 99
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    return status


def _end_group(child: int) -> bool:
    """End processes that a try left; return whether there were any."""
    for _ in range(20):
        try:
            os.killpg(child, 0)
        except ProcessLookupError:
            return False
        time.sleep(0.1)
    os.killpg(child, signal.SIGKILL)
    return True


def main(folder: Path, number: int, seed: int, start: int = 0) -> list[str]:
    """Make the tries from number `start` on; return what failed."""
    import ipvae.cli.main

    if number > MANY:
        import ipvae.train.run.fit  # noqa: F401  (PyTorch, which takes seconds)
    failed = []
    for i, one in enumerate(tries(number, seed)):
        if i < start:
            continue
        found = outcome(one, folder / "try")
        print(f"{i} {one}: {found or 'ok'}"[:2000], flush=True)
        if found:
            failed.append(f"{i} {one}: {found}")
    return failed


if __name__ == "__main__":
    numbers = [CONTROLS if word == "damaged" else int(word) for word in sys.argv[2:]]
    print(json.dumps(main(Path(sys.argv[1]), *numbers)))
