"""Try the package as users get it, in clean environments: python scripts/check_release.py OUT.

Builds the source archive, a wheel from it, and for each Python of 3.10 to 3.13 that is found an
environment with the core alone, then with Lava. pip takes packages from where it is set to. OUT
gets the archives, the environments and a log, and the rows of the table in docs/install.md are
printed. The exit status is 1 if a command failed.
"""

import os
import shutil
import subprocess
import sys
import tarfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VECTOR = str(ROOT / "docs" / "vectors" / "runs" / "one")
PYTHONS = ("3.10", "3.11", "3.12", "3.13")
BUILD = "import setuptools.build_meta as b, sys; getattr(b, sys.argv[1])(sys.argv[2])"
ABSENT = (
    "import importlib.util as u, sys; "
    "sys.exit(any(map(u.find_spec, ('torch', 'lava', 'sklearn', 'scipy', 'matplotlib'))))"
)
QUANTIZE = (
    "import ipvae, numpy as np; images = np.random.default_rng(0).random((64, 28, 28)); "
    "ipvae.quantize(ipvae.load_model('mnist'), images=images.astype(np.float32))"
    ".network.save('net.h5')"
)
RUN = ["run", "net.h5", "--backend", "emulator", "--samples", "4", "--steps", "64"]
CORE = [
    ["python", "-c", ABSENT],
    ["python", "-c", QUANTIZE],
    ["ipvae", "--version"],
    ["ipvae", "info", "mnist"],
    ["ipvae", "info", "net.h5"],
    ["ipvae", "check", "net.h5"],
    ["ipvae", *RUN, "--trace", "trace.h5"],
    ["ipvae", "verify", "net.h5", "--trace", "trace.h5"],
    ["ipvae", "verify", f"{VECTOR}.net.h5", "--trace", f"{VECTOR}.trace.h5"],
    ["ipvae", "doctor"],
]
BACKENDS = "emulator,lava,lava-stock"
LAVA = ["ipvae", "verify", "net.h5", "--backends", BACKENDS, "--samples", "2", "--steps", "16"]
LAVA_NC = ["--no-deps", "--ignore-requires-python", "lava-nc==0.10.0"]


class Environment:
    """A clean environment of one Python; failures and output are kept."""

    def __init__(self, python: str, place: Path, log: Path) -> None:
        self.place, self.log = place, log
        self.failed: list[str] = []
        subprocess.run([python, "-m", "venv", str(place)], check=True)
        self.packages = next((place / "lib").glob("python*/site-packages"))
        self.at_first = self._size()

    def run(self, words: list[str]) -> float:
        """Run a program of the environment; return its seconds."""
        mine = {"PATH": "/usr/bin:/bin", "HOME": str(self.place)}
        begin = time.monotonic()
        with self.log.open("a", encoding="utf-8") as log:
            print(f"\n$ {self.place.name} {' '.join(words)}", file=log, flush=True)
            done = subprocess.run(
                [self.place / "bin" / words[0], *words[1:]],
                cwd=self.place,
                env=dict(os.environ) if words[0] == "pip" else mine,  # pip has settings of the user
                stdout=log,
                stderr=subprocess.STDOUT,
                check=False,
            )
        if done.returncode != 0:
            self.failed.append(" ".join(words))
        return time.monotonic() - begin

    def megabytes(self) -> int:
        """Disk use of what was installed, without pip and setuptools."""
        return self._size() - self.at_first

    def _size(self) -> int:
        done = subprocess.run(
            ["du", "-sm", self.packages], capture_output=True, text=True, check=True
        )
        return int(done.stdout.split()[0])


def archives(out: Path) -> Path:
    """Build the source archive from the committed files, and a wheel from it; return the wheel."""
    tree, dist = out / "tree", out / "dist"
    for folder in (tree, dist):
        folder.mkdir(parents=True)
    committed = subprocess.run(
        ["git", "archive", "HEAD"], cwd=ROOT, check=True, stdout=subprocess.PIPE
    )
    subprocess.run(["tar", "x", "-C", str(tree)], input=committed.stdout, check=True)
    build = [sys.executable, "-W", "error", "-c", BUILD]
    subprocess.run([*build, "build_sdist", dist], cwd=tree, check=True, stdout=subprocess.DEVNULL)
    with tarfile.open(next(dist.glob("*.tar.gz"))) as packed:
        packed.extractall(out / "unpacked", filter="data")
    (unpacked,) = (out / "unpacked").iterdir()
    subprocess.run(
        [*build, "build_wheel", dist], cwd=unpacked, check=True, stdout=subprocess.DEVNULL
    )
    return next(dist.glob("*.whl"))


def attempt(version: str, python: str, wheel: Path, out: Path) -> list[str]:
    """Try one Python: print a row of the table, and return the commands that failed."""
    clean = Environment(python, out / version, out / "log.txt")
    seconds = clean.run(["pip", "install", "--quiet", str(wheel)])
    core = clean.megabytes()
    of_commands = [clean.run(words) for words in CORE]
    clean.run(["pip", "install", "--quiet", f"{wheel}[lava]"])
    if version != "3.10":
        clean.run(["pip", "install", "--quiet", *LAVA_NC])
    with_lava, verify = clean.megabytes(), clean.run(LAVA)
    print(
        f"| {version} | {core} | {with_lava} | {seconds:.0f} | {sum(of_commands):.0f} "
        f"| {verify:.1f} |",
        flush=True,
    )
    return [f"{version}: {words}" for words in clean.failed]


def main(out: Path) -> int:
    """Try every Python that is found."""
    shutil.rmtree(out, ignore_errors=True)
    wheel, failed = archives(out.absolute()), []
    find = ["sh", str(ROOT / "scripts" / "find_python")]
    for version in PYTHONS:
        found = subprocess.run([*find, version], capture_output=True, text=True, check=False)
        if found.returncode != 0:
            failed.append(f"{version}: not found")
            continue
        failed += attempt(version, found.stdout.strip(), wheel, out.absolute())
    for line in failed:
        print(f"failed: {line} (see {out / 'log.txt'})")
    return 1 if failed else 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(Path(sys.argv[1])))
