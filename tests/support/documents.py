"""The documents' commands and programs, done in this process, in the order in which they stand.

Loaded by conftest.py. Two things make them fast: models with SMALL neurons take the place of those
that ship, and what `ipvae train` and `ipvae export` have made is kept for the whole run.
"""

import contextlib
import functools
import hashlib
import io
import os
import re
import shlex
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from unittest import mock

import numpy as np
import torch  # noqa: F401  its log handlers keep the stderr of its import, a test's would be closed

ROOT = Path(__file__).resolve().parents[2]
SMALL = 48
"""Neurons of the models that take the place of models/mnist and models/patches, which have 512."""
MOST = {"--epochs": 3}
"""Largest numbers of options; larger ones of a document are brought down to them."""
BLOCK = re.compile(r"(?:^    .*\n|^\n(?=    ))+", re.M)
COMMAND = ".venv/bin/ipvae "
PROGRAM = ("import ipvae", "from ipvae")
"""How a line of a program in Python begins."""
BEFORE = {
    "docs/certificate.md": ("README.md",),
    "docs/cheap_inference.md": ("README.md",),
    "docs/moving_images.md": ("README.md",),
    "docs/hardware.md": ("README.md",),
    "docs/quantization.md": ("README.md",),
    "docs/robustness.md": ("README.md",),
    "docs/compare.md": ("README.md", "docs/quantization.md"),
}
"""Documents whose trainings and exports a document builds on."""
KEPT = ("train", "export")


@dataclass(frozen=True)
class Act:
    """One thing that a document has its reader do.

    Attributes
    ----------
    document : path below the repository's root
    number : among the document's acts
    words : of a command, without `ipvae`; none where it is a program
    program : in Python
    """

    document: str
    number: int
    words: tuple[str, ...] = ()
    program: str = ""

    def __str__(self) -> str:
        """Name of a test."""
        return f"{self.document}-{self.number}-{self.words[0] if self.words else 'program'}"

    @property
    def command(self) -> str:
        """Name of the command, empty of a program."""
        return next((word for word in self.words if not word.startswith("-")), "")

    @property
    def out(self) -> str:
        """Value of --out, empty without it."""
        return dict(zip(self.words, self.words[1:], strict=False)).get("--out", "")


def blocks(text: str) -> list[list[str]]:
    """Indented blocks, each as its lines without the indent."""
    return [[line[4:] for line in block.splitlines()] for block in BLOCK.findall(text)]


@functools.cache
def acts(document: str) -> tuple[Act, ...]:
    """All commands and programs of a document, in order."""
    found: list[Act] = []
    for lines in blocks((ROOT / document).read_text()):
        if any(line.startswith(PROGRAM) for line in lines):
            found.append(Act(document, len(found), program="\n".join(lines)))
            continue
        for line in lines:
            if line.startswith(COMMAND):
                found.append(Act(document, len(found), tuple(shlex.split(line)[1:])))
    return tuple(found)


def makers(document: str) -> list[Act]:
    """Trainings and exports of earlier documents that give what a document's commands need."""
    wanted = {word for act in acts(document) for word in act.words}
    found: list[Act] = []
    for earlier in reversed(BEFORE.get(document, ())):
        for act in reversed(acts(earlier)):
            if act.command in KEPT and act.out in wanted:
                wanted |= set(act.words)
                found.insert(0, act)
    return found


def with_less(words: tuple[str, ...]) -> tuple[str, ...]:
    """Words whose numbers are at most the numbers in MOST."""
    pairs = zip(("", *words), words, strict=False)
    return tuple(
        str(min(int(word), MOST[option])) if option in MOST else word for option, word in pairs
    )


def small_model(name: str, folder: Path) -> None:
    """Write the first SMALL neurons of a model that ships."""
    from ipvae.float_models.checkpoint import load_checkpoint, save_checkpoint

    whole = load_checkpoint(ROOT / "models" / name)
    assert whole.config is not None
    k = whole.n_latents
    params = {
        key: np.ascontiguousarray(value[..., :SMALL]) if value.shape[-1:] == (k,) else value
        for key, value in whole.params.items()
    }
    config = replace(whole.config, latents=SMALL)
    save_checkpoint(folder / name, replace(whole, params=params, config=config), half=True)


class Shop:
    """Does what documents say, each in a separate folder.

    Parameters
    ----------
    folder : for all of it, for the whole run
    """

    def __init__(self, folder: Path) -> None:
        from ipvae.train.datasets import images

        self.folder, self.models = folder, folder / "models"
        self.patches = functools.cache(images._load_patches)
        self.done: dict[str, int] = {}
        shutil.copytree(ROOT / "models" / "graphs", self.models / "graphs")
        for path in (ROOT / "models").glob("*/model.json"):
            small_model(path.parent.name, self.models)

    def place(self, document: str) -> Path:
        """Folder in which a document's commands are run; made with what earlier ones give."""
        place = self.folder / document.replace("/", "-")
        if not place.exists():
            place.mkdir()
            (place / "models").symlink_to(self.models)
            with moved(place):
                for act in makers(document):
                    self.follow(act)
        return place

    def read(self, act: Act, *more: str) -> str:
        """Do what a document says, after all that it says before, with `more` words."""
        with moved(self.place(act.document)):
            for earlier in acts(act.document)[self.done.get(act.document, 0) : act.number]:
                self.follow(earlier)
            printed = self.follow(act, *more)
        self.done[act.document] = act.number + 1
        return printed

    def follow(self, act: Act, *more: str) -> str:
        """Do it in the current folder, where it has to succeed; what it printed."""
        if act.program:
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                exec(compile(act.program, str(act), "exec"), {"__name__": "program"})
            return printed.getvalue()
        if act.command == "export" and Path(act.out).exists():  # read once more
            more = (*more, "--overwrite")
        status, text = self.ipvae(*with_less(act.words), *more)
        assert status == 0, (act.words, text)
        assert "Traceback" not in text, text
        return text

    def run(self, words: tuple[str, ...]) -> tuple[int, str]:
        """Run a command; exit status and what it printed, stderr too."""
        from ipvae.cli.main import run_command

        printed = io.StringIO()
        with (
            mock.patch("ipvae.train.datasets.images._load_patches", self.patches),
            mock.patch("ipvae.workflows.doctor.checks.tried", tried_here),
            contextlib.redirect_stdout(printed),
            contextlib.redirect_stderr(printed),
        ):
            status = run_command(list(words))
        return status, printed.getvalue()

    def ipvae(self, *words: str) -> tuple[int, str]:
        """Run a command; exit status and text. A training or export of the same words on the same
        files gives a copy of what was made before.
        """
        act = Act("", 0, words)
        out = Path(act.out)
        if act.command not in KEPT or "--json" in words or not act.out or out.exists():
            return self.run(words)
        at = words.index("--out")
        kept = self.folder / "kept" / digest((*words[:at], out.suffix, *words[at + 2 :]))
        if not kept.exists():
            status, text = self.run(words)
            if status:
                return status, text
            kept.mkdir(parents=True)
            copy(out, kept / "made")
            (kept / "printed").write_text(text)
            return status, text
        out.parent.mkdir(parents=True, exist_ok=True)
        copy(kept / "made", out)
        return 0, (kept / "printed").read_text()


@contextlib.contextmanager
def moved(folder: Path):
    """Have a folder as the current one."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def tried_here(streams):
    """Steps of `ipvae doctor`, in this process in place of its children."""
    from ipvae.lava_procs.importing import import_lava
    from ipvae.workflows.doctor.child import attempt

    import_lava()  # whatever start method this process has: Lava itself wants to be the first
    return {(kind, name): attempt(kind, name) for steps in streams for kind, name in steps}


def digest(words: tuple[str, ...]) -> str:
    """Name of a command: its words, and the bytes of all files that they name."""
    found = hashlib.sha256(repr(words).encode())
    for place in map(Path, words):
        for file in sorted(p for p in (place, *place.rglob("*")) if p.is_file()):
            found.update(f"{file} {file.stat().st_size} ".encode())
            found.update(file.read_bytes())
    return found.hexdigest()


def copy(source: Path, target: Path) -> None:
    """Copy a file or a folder."""
    if source.is_dir():
        shutil.copytree(source, target)
    else:
        shutil.copyfile(source, target)
