"""Compilation of this package's kernels: numba, without the GIL, cached on disk."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ipvae import compiled

COMPILED = ("kernels", "relaxed_kernels")
"""Modules whose functions are compiled; they call only functions of each other."""

_OPTIONS: Any = {"nogil": True, "error_model": "numpy"}
FUSED = frozenset({"contract"})
"""Allow fused multiply-add instructions."""


def digest(folder: Path) -> str:
    """Digest of all compiled sources; numba's own cache check covers only one file."""
    files = [folder / f"{name}.py" for name in COMPILED]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:12]


_DIGEST = digest(Path(__file__).parent)


def kernel(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """Compile a function that Python calls, with a cache if there is a folder for it."""

    def named(function: Callable[..., Any]) -> Any:
        function.__qualname__ = f"{function.__name__}_{_DIGEST}"
        return compiled.compiled(no_cfunc_wrapper=True, **_OPTIONS, **options)(function)

    return named


def inner(fastmath: frozenset[str] = FUSED) -> Callable[[Callable[..., Any]], Any]:
    """Compile a function that only compiled functions call; Python cannot call it."""
    return compiled.inner(fastmath=set(fastmath), **_OPTIONS)
