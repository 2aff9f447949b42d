"""Resolve requirements/*.in into lock.txt and torch-cuda.txt; needs the network and uv.

    python scripts/make_locks.py

One resolution for Python 3.10 to 3.13 on every platform is divided into two files. Packages of a
PyTorch build go to requirements/torch-cuda.txt, all others to requirements/lock.txt. The hashes of
torch-cpu.txt come from PyTorch's own index and are entered manually; see requirements/README.md.
"""

import re
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / "requirements"
OLDEST = "3.10"
OF_TORCH = re.compile(r"(torch|triton|nvidia-[a-z0-9-]+|cuda-[a-z0-9-]+)==")
"""Packages of a PyTorch build: torch, its compiler and its CUDA libraries."""


def resolved() -> str:
    """Return all resolved requirements of the two lists, with hashes and without addresses."""
    uv = Path(sys.executable).with_name("uv")
    options = ["--universal", "--generate-hashes", "--no-emit-index-url", "--no-header"]
    words = [str(uv), "pip", "compile", "--quiet", *options, "--python-version", OLDEST]
    done = subprocess.run(
        [*words, "everything.in", "torch.in"],
        cwd=FOLDER,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return done.stdout


def divided(text: str) -> tuple[str, str]:
    """Divide requirements into PyTorch packages and others."""
    blocks = re.findall(r"^[^\s#].*\n(?:[ \t].*\n)*", text, re.M)
    of_torch = [block for block in blocks if OF_TORCH.match(block)]
    others = [block for block in blocks if not OF_TORCH.match(block)]
    return "".join(of_torch), "".join(others)


def main() -> None:
    """Write the lock files, or report an error."""
    of_torch, others = divided(resolved())
    if "://" in of_torch + others:
        sys.exit("make_locks: an address was about to be written")
    (FOLDER / "torch-cuda.txt").write_text(of_torch)
    (FOLDER / "lock.txt").write_text(others)
    found = re.search(r"^torch==([\d.]+)", of_torch, re.M)
    if found is None or f"torch=={found[1]}+cpu" not in (FOLDER / "torch-cpu.txt").read_text():
        sys.exit("make_locks: requirements/torch-cpu.txt is for another PyTorch; README.md there")


if __name__ == "__main__":
    main()
