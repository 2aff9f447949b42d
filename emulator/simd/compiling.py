"""Warning before the first run on a machine, which compiles the kernels in some seconds."""

from collections.abc import Callable
from pathlib import Path

from ipvae.compiled import SET_FOLDER, is_kept
from ipvae.emulator.layout import Part, PoissonRules
from ipvae.emulator.simd import kernels

NOTE = "compiling the emulator for this processor, once: some seconds"
NOT_KEPT = (
    "compiling the emulator for this processor: some seconds, at every start, since no folder for "
    f"numba's cache can be written; {SET_FOLDER}"
)


def say_if_compiling(parts: tuple[Part, ...], on_message: Callable[[str], None] | None) -> None:
    """Report if a kernel for these layers is neither loaded nor in numba's cache."""
    if on_message is None:
        return
    poisson = [isinstance(part.rules, PoissonRules) for part in parts]
    needed = [
        k
        for k, n in ((kernels.run_poisson, any(poisson)), (kernels.run_graded, not all(poisson)))
        if n
    ]
    if not all(_ready(kernel) for kernel in needed):
        on_message(NOTE if all(is_kept(kernel) for kernel in needed) else NOT_KEPT)


def _ready(kernel: object) -> bool:
    """Return True if a kernel appears to be compiled, judged by files in the cache."""
    if kernel.overloads:  # type: ignore[attr-defined]
        return True
    folder = kernel.stats.cache_path  # type: ignore[attr-defined]
    name = kernel.py_func.__qualname__  # type: ignore[attr-defined]
    return folder is not None and any(Path(folder).glob(f"*.{name}-*.nbi"))
