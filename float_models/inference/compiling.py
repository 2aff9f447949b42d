"""How functions of this room are compiled: numba, without the interpreter lock, kept on disk."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from numba import njit

from ipvae.compiled import compiled

COMPILED = ("kernels", "relaxed_kernels")
"""Files whose functions are compiled; they call only one another's."""

_OPTIONS: Any = {"nogil": True, "error_model": "numpy", "no_cfunc_wrapper": True}
FUSED = frozenset({"contract"})
"""A product and the sum it goes into may be one instruction."""


def digest(folder: Path) -> str:
    """Digest of all that is compiled: numba looks at one file before it takes its cache."""
    files = [folder / f"{name}.py" for name in COMPILED]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:12]


_DIGEST = digest(Path(__file__).parent)


def kernel(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """Compile a function that Python calls, cached where there is a folder for it."""

    def named(function: Callable[..., Any]) -> Any:
        function.__qualname__ = f"{function.__name__}_{_DIGEST}"
        return compiled(**_OPTIONS, **options)(function)

    return named


def inner(fastmath: frozenset[str] = FUSED) -> Callable[[Callable[..., Any]], Any]:
    """Compile a function that compiled ones call: it has no way in from Python."""
    options = _OPTIONS | {"fastmath": set(fastmath), "no_cpython_wrapper": True}
    return njit(**options)
