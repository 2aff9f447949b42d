"""Every writer of the toolchain, and what happens to its files when a write fails.

Run as a process of its own, which may fork, by test_writers.py: `writers.py FOLDER TRIALS...`
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
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ipvae.errors import IpvaeError
from ipvae.export.importers.nir_file import write_nir
from ipvae.files import atomic_path, atomic_write_all
from ipvae.float_models.checkpoint import Checkpoint, save_checkpoint
from ipvae.float_models.config import preset_config
from ipvae.float_models.data import DataInfo
from ipvae.lava_procs.board.profile import write_profile
from ipvae.network.description import InputFormat, IntNetwork
from ipvae.network.io.network_file import write_network
from ipvae.network.layers import PoissonLayer
from ipvae.network.traces.replay import only_draws
from ipvae.network.traces.streaming import open_trace
from ipvae.network.traces.trace import Trace, write_trace
from ipvae.report.pictures import canvas
from ipvae.train.run.metrics_log import MetricsLog
from ipvae.train.run.resume import ResumeState, write_unfinished
from ipvae.train.run.state import TrainState

M, K, ROWS, IMAGES = 40, 64, 129, 20
RNG = np.random.default_rng(0)
OLD = b"what was there before"
BLOCK = 4096


@dataclass(frozen=True)
class Writer:
    """Files below a folder, what writes them, and what was there before."""

    files: tuple[str, ...]
    write: Callable[[Path], object]
    old: bytes = OLD


def network() -> IntNetwork:
    layer = PoissonLayer(
        weight=RNG.integers(-3000, 3000, (K, M)).astype(np.int16),
        weight_rec=RNG.integers(-128, 128, (K, K)).astype(np.int8),
        drive_exp=-9,
        weight_exp=4,
        bias=np.zeros(K, np.int32),
        self_weight=np.zeros(K, np.int32),
        u_init=np.zeros(K, np.int32),
        u_min=-47274,
        u_max=32768,
        du_min=-47274,
        du_max=59093,
        payload_bits=8,
    )
    images = RNG.integers(0, 256, (500, M)).astype(np.int16)
    pixels = InputFormat(0, 255, 1 / 255, (5, 8))
    labels = np.zeros(500, np.int16)
    return IntNetwork(pixels, layer, np.ones((M, K), np.float32), images, labels, {})


def params() -> dict[str, np.ndarray]:
    shapes = {"phi": (M, K), "u0": (K,), "log_bias": (K,), "log_lr": (), "log_sigma_raw": (M,)}
    return {name: RNG.normal(size=s).astype(np.float32) for name, s in shapes.items()}


NETWORK = network()
SAMPLES = [
    {"1": {v: RNG.poisson(2, (ROWS, K)).astype(np.int32) for v in ("a_in", "u", "z")}}
    for _ in range(IMAGES)
]
TRACE = Trace("emulator", 1, "0" * 64, SAMPLES)
MODEL = Checkpoint(params(), None, DataInfo("digits", 16, (5, 8), 100), {"r2": 0.5})
STATE = TrainState(3, params(), params(), params(), history=[{"epoch": 1, "loss": 1.0}])
RECORD = {"epoch": 2, **{f"a figure of number {i}": i / 7 for i in range(4000)}}
PAGE = {"index.html": b"<html>" * 9000, "figures/a.svg": b"<svg>" * 9000}


def stream(folder: Path) -> None:
    with open_trace(folder / "t.h5", replace(TRACE, samples=[]), ROWS) as file:
        for i, sample in enumerate(SAMPLES):
            for variable, values in sample["1"].items():
                for row in range(0, ROWS, 64):
                    file.write(i, "1", variable, row, values[row : row + 64])


def log(folder: Path) -> None:
    """Begin a log; the old one is one whole line."""
    known: list[dict] = [{"epoch": 1, "loss": 1.0}]
    MetricsLog(folder, known, [0.5], tensorboard=False).add(RECORD, 1.0)


def picture(folder: Path) -> None:
    with canvas.drawing(900, 900) as figure:
        figure.add_subplot().imshow(np.random.default_rng(0).normal(size=(90, 90)))
        canvas.save(figure, folder / "x.png")


def text(folder: Path) -> None:
    """JSON, plans and comparisons are written so."""
    with atomic_path(folder / "x.json") as temporary:
        temporary.write_text("1234567\n" * 9000)


WRITERS = {
    "network": Writer(("n.h5",), lambda f: write_network(f / "n.h5", NETWORK)),
    "trace": Writer(("t.h5",), lambda f: write_trace(f / "t.h5", TRACE)),
    "streamed trace": Writer(("t.h5",), stream),
    "recorded draws": Writer(
        ("d.h5",),
        lambda f: write_trace(f / "d.h5", only_draws(TRACE, NETWORK)),
    ),
    "NIR": Writer(("n.nir",), lambda f: write_nir(f / "n.nir", MODEL)),
    "model": Writer(
        ("run/model.safetensors", "run/model.json"), lambda f: save_checkpoint(f / "run", MODEL)
    ),
    "resume state": Writer(
        ("resume.safetensors",),
        lambda f: write_unfinished(
            f, ResumeState(preset_config("digits", latents=K), "", STATE, [0.0])
        ),
    ),
    "metrics log": Writer(
        ("metrics.jsonl",), log, old=b'{"epoch": 1, "loss": 1.0, "seconds": 0.5}\n'
    ),
    "page": Writer(tuple(PAGE), lambda f: atomic_write_all(f, PAGE)),
    "picture": Writer(("x.png",), picture),
    "text": Writer(("x.json",), text),
    "profile": Writer(
        ("p.csv",), lambda f: write_profile(f / "p.csv", {f"c{i}": i for i in range(9000)})
    ),
}


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
    """The folder lies on a small disk of its own."""
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


TRIALS: dict[str, Callable[[Path, Writer], str]] = {
    "new": new,
    "limit early": lambda f, w: limit(f, w, late=False),
    "limit late": lambda f, w: limit(f, w, late=True),
    "in the way": in_the_way,
    "killed": killed,
    "together": together,
    "full early": lambda f, w: full(f, w, late=False),
    "full late": lambda f, w: full(f, w, late=True),
    "read-only": read_only,
}
ON_A_DISK = ("full early", "full late", "read-only")
"""Trials that need a small disk of their own."""


def main(folder: str, *trials: str) -> None:
    place = Path(folder) / "w"
    outcomes = {
        trial: {name: TRIALS[trial](place, writer) for name, writer in WRITERS.items()}
        for trial in trials
    }
    print(json.dumps(outcomes))


if __name__ == "__main__":
    main(*sys.argv[1:])
