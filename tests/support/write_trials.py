"""What happens to the files of every writer when a write fails, and what it may replace.

Run as a separate process, which may fork, by test_writers.py: `write_trials.py FOLDER TRIALS...`
prints {trial: {writer: outcome}} as JSON. The outcome is "" if all is well.
"""

import contextlib
import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from writers import BLOCK, OLD, WRITERS, Writer

from ipvae.errors import IpvaeError
from ipvae.outputs import Output, require_outputs


def in_child(act: Callable[[], object]) -> tuple[int, str]:
    """Fork, act, and return the child's signal, or 0, and what error it met."""
    receive, send = os.pipe()
    child = os.fork()
    if child == 0:
        answer = "no error"
        try:
            act()
        except BaseException as error:
            ours = isinstance(error, IpvaeError)
            answer = str(error) if ours else f"{type(error).__name__}: {error}"
            answer = f"ours {answer}" if ours else answer
        os.write(send, answer.encode()[:2000])
        os._exit(0)
    os.close(send)
    with os.fdopen(receive, "rb") as pipe:
        answer = pipe.read().decode()
    _, status = os.waitpid(child, 0)
    return os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0, answer


def contents(folder: Path) -> dict[str, bytes]:
    """Files by their paths; a header of safetensors, whose order is left to chance, is sorted."""
    found = {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    for name, data in found.items():
        if name.endswith(".safetensors") and data != OLD:
            end = 8 + int.from_bytes(data[:8], "little")
            header = json.dumps(json.loads(data[8:end]), sort_keys=True).encode()
            found[name] = header + data[end:]
    return found


def prepared(folder: Path, writer: Writer, old: bool = True) -> None:
    subprocess.run(["rm", "-rf", folder], check=True)
    folder.mkdir()
    for name in writer.files if old else ():
        (folder / name).parent.mkdir(exist_ok=True, parents=True)
        (folder / name).write_bytes(writer.old)


def fails(folder: Path, writer: Writer, act: Callable[[], object], reason: str) -> str:
    """Outcome of a write that must fail in one line, and leave everything as it was."""
    before = contents(folder)
    folders = sorted(folder.rglob("*"))
    ended, answer = in_child(act)
    if ended:
        return f"signal {ended}"
    named = any(f"{folder / name}: " in answer or str(folder) in answer for name in writer.files)
    if not answer.startswith("ours ") or reason not in answer or "\n" in answer or not named:
        return f"answered {answer!r}"
    after = contents(folder)
    if after != before:
        return f"left {sorted(after)}, {[n for n in before if after.get(n) != before[n]]} changed"
    return "" if sorted(folder.rglob("*")) == folders else "left a folder"


def limited(writer: Writer, folder: Path, most: int) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    writer.write(folder)


def sizes(folder: Path, writer: Writer) -> list[int]:
    """Sizes of the files that a writer writes."""
    prepared(folder, writer)
    writer.write(folder)
    return [(folder / name).stat().st_size for name in writer.files]


def limit(folder: Path, writer: Writer, late: bool) -> str:
    most = max(sizes(folder, writer)) - 1 if late else len(writer.old) + 1
    prepared(folder, writer)
    return fails(folder, writer, lambda: limited(writer, folder, most), "File too large")


def full(folder: Path, writer: Writer, late: bool) -> str:
    """The folder lies on a small separate disk."""
    needed = sum(-(-size // BLOCK) * BLOCK for size in sizes(folder, writer))
    if writer is WRITERS["metrics log"]:
        needed -= BLOCK  # a block of the old file is added to
    prepared(folder, writer)
    disk = os.statvfs(folder)
    left = max(needed - BLOCK, 0) if late else 0
    with (folder.parent / "filler").open("wb") as filler:
        filler.write(bytes(disk.f_bavail * disk.f_frsize - left))
    try:
        return fails(folder, writer, lambda: writer.write(folder), "No space left")
    finally:
        (folder.parent / "filler").unlink()


def read_only(folder: Path, writer: Writer) -> str:
    prepared(folder, writer)
    disk = str(folder.parent)
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    try:
        return fails(folder, writer, lambda: writer.write(folder), "Read-only file system")
    finally:
        subprocess.run(["mount", "-o", "remount,rw", disk], check=True)


def in_the_way(folder: Path, writer: Writer) -> str:
    """A folder has the last file's name."""
    prepared(folder, writer, old=False)
    (folder / writer.files[-1]).mkdir(parents=True)
    return fails(folder, writer, lambda: writer.write(folder), "it is a folder")


def new(folder: Path, writer: Writer) -> str:
    """Over old files, twice, and into an empty folder: the same bytes, and nothing else."""
    found = []
    for old in (True, True, False):
        prepared(folder, writer, old)
        ended, answer = in_child(lambda: writer.write(folder))
        if ended or answer != "no error":
            return f"signal {ended}, {answer!r}"
        found.append(contents(folder))
    if not found[0] == found[1] == found[2]:
        return "other bytes"
    return "" if set(found[0]) == set(writer.files) else f"left {sorted(found[0])}"


def kill_at_fsync(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def killed(folder: Path, writer: Writer) -> str:
    """Killed before the first file is renamed: the old files stay, the next write cleans up."""

    def act() -> None:
        os.fsync = kill_at_fsync
        writer.write(folder)

    prepared(folder, writer)
    ended, answer = in_child(act)
    if ended != signal.SIGKILL:
        return f"was not killed: {answer!r}"
    after = contents(folder)
    if any(after[name] != writer.old for name in writer.files):
        return "changed the old files"
    writer.write(folder)
    left = set(contents(folder)) - set(writer.files)
    return f"left {sorted(left)}" if left else ""


def together(folder: Path, writer: Writer) -> str:
    """Two processes write the same files at once, again and again."""
    if (
        writer is WRITERS["metrics log"]
    ):  # of a folder that one process holds (train/run/run_folder.py)
        return ""
    prepared(folder, writer)
    writer.write(folder)
    whole = contents(folder)
    children = []
    for _ in range(2):
        child = os.fork()
        if child == 0:
            with contextlib.suppress(BaseException):
                for _ in range(5):
                    writer.write(folder)
                os._exit(0)
            os._exit(1)
        children.append(child)
    ended = [os.waitpid(child, 0)[1] for child in children]
    if any(ended):
        return f"ended with {ended}"
    after = contents(folder)
    return "" if after == whole else f"left {sorted(after)}, {len(whole)} files before"


def refused(outputs: list[Output], inputs: dict[str, object], part: str) -> str:
    """Outcome of a check that must refuse in one line, with an argument or a path."""
    try:
        require_outputs(outputs, inputs)
    except IpvaeError as error:
        text = str(error)
        named = str(outputs[0].path) in text or text.startswith(f"{outputs[0].name}: ")
        return "" if part in text and named and "\n" not in text else f"said {text!r}"
    return "was not refused"


def there_already(folder: Path, writer: Writer) -> str:
    """An earlier result is known, and replaced where that is allowed; then all is as it was."""
    prepared(folder, writer, old=False)
    writer.write(folder)
    before = contents(folder)
    found = "" if not writer.asks else refused([writer.output(folder, False)], {}, "overwrite=True")
    require_outputs([writer.output(folder, True)])
    os.chmod(folder / writer.files[0], 0o444)
    protected = refused([writer.output(folder, True)], {}, "write-protected")
    return found or protected or ("" if contents(folder) == before else "changed something")


def something_else(folder: Path, writer: Writer) -> str:
    """Whatever is asked for, each file that ipvae did not write is kept."""
    for name in writer.files:
        prepared(folder, writer, old=False)
        (folder / name).parent.mkdir(exist_ok=True, parents=True)
        (folder / name).write_bytes(OLD)
        found = refused([writer.output(folder, True)], {}, "it is never replaced")
        if found or contents(folder) != {name: OLD}:
            return f"{name}: {found or 'changed'}"
    return ""


def an_input(folder: Path, writer: Writer) -> str:
    """By path, by symbolic link and by hard link, an input is known as that."""
    for name in writer.files:
        prepared(folder, writer, old=False)
        writer.write(folder)
        soft, hard = folder / "soft", folder / "hard"
        soft.symlink_to(folder / name)
        os.link(folder / name, hard)
        for path in (folder / name, soft, hard):
            found = refused([writer.output(folder, True)], {"NET": path}, "which is NET too")
            if found:
                return f"{path}: {found}"
    return ""


TRIALS: dict[str, Callable[[Path, Writer], str]] = {
    "new": new,
    "limit early": lambda f, w: limit(f, w, late=False),
    "limit late": lambda f, w: limit(f, w, late=True),
    "in the way": in_the_way,
    "killed": killed,
    "together": together,
    "there already": there_already,
    "something else": something_else,
    "an input": an_input,
    "full early": lambda f, w: full(f, w, late=False),
    "full late": lambda f, w: full(f, w, late=True),
    "read-only": read_only,
}
ON_A_DISK = ("full early", "full late", "read-only")
"""Trials that need a small separate disk."""


def main(folder: str, *trials: str) -> None:
    place = Path(folder) / "w"
    outcomes = {
        trial: {name: TRIALS[trial](place, writer) for name, writer in WRITERS.items()}
        for trial in trials
    }
    print(json.dumps(outcomes))


if __name__ == "__main__":
    main(*sys.argv[1:])
