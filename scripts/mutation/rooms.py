"""Mutated files and their tests, by room."""

from pathlib import Path

ALL = (
    *("network", "chip", "emulator", "energy", "evaluation", "export", "report", "cli"),
    *("workflows", "float_models"),
)
"""Folders whose lines are traced."""

PAGE = (
    "html/verdicts html/page html/earlier pictures/comparison pictures/curves pictures/thumbnails"
)
WORKFLOWS = (
    "compare count place describe/plan_text quantizing/quantized report run running/run_result "
    "verify"
)

FILES: dict[str, tuple[str, ...]] = {
    "energy": ("energy",),
    "network": ("network", "chip"),
    "evaluation": ("evaluation",),
    "shown": (
        "cli/options/plan.py",
        "report/numbers.py",
        *(f"report/{name}.py" for name in PAGE.split()),
        "report/figures",
        *(f"workflows/{name}.py" for name in WORKFLOWS.split()),
        "workflows/comparison",
        "workflows/reporting",
    ),
    "export": ("export",),
    "emulator": ("emulator",),
}
"""Files, or folders of files, of each room. The room `shown` has the figures of report/ and
cli/."""

TESTS: dict[str, tuple[str, ...]] = {
    "energy": (
        "tests/energy",
        "tests/cli/commands/test_energy_rows.py",
        "tests/cli/commands/test_report.py",
    ),
    "network": (
        "tests/network",
        "tests/chip",
        *(
            "tests/emulator/exactness/test_vectors.py",
            "tests/emulator/exactness/test_edges.py",
            "tests/chain/test_kinds.py",
        ),
        *("tests/cli/commands/test_plan.py", "tests/workflows"),
    ),
    "evaluation": ("tests/evaluation", "tests/cli/shown/test_figures.py"),
    "shown": (
        "tests/report",
        "tests/workflows",
        "tests/cli/shown",
        *(
            f"tests/cli/commands/test_{name}.py"
            for name in ("measured", "report", "changes", "plan")
        ),
    ),
    "export": ("tests/export", "tests/cli/commands/test_export_kinds.py"),
    "emulator": ("tests/emulator",),
}
"""Test files, or folders of them, whose reached lines are recorded for a room."""

COMPILED = tuple(
    f"emulator/simd/{name}.py"
    for name in ("kernels", "blocks", "drawing", "int32x16", "amx", "messages")
)
"""Files compiled by numba: their lines cannot be traced, and a change needs a separate cache.

No other module's constants are compiled into the kernels; these six import only one another.
"""

COMPILED_TESTS = tuple(
    f"tests/emulator/{name}.py"
    for name in (
        *("exactness/test_kinds", "test_engine", "exactness/test_vectors", "simd/test_draws"),
        *("exactness/test_totals", "simd/test_amx"),
    )
)
UNSEEN = {
    **dict.fromkeys(COMPILED, COMPILED_TESTS),
    "network/io/hdf5_child.py": (
        "tests/network/io/test_hdf5.py",
        "tests/network/io/test_network_file.py",
    ),
}
"""Tests of files that run compiled or in a child process, where lines cannot be traced."""


def files(tree: Path, names: tuple[str, ...], glob: str = "*.py") -> list[str]:
    """Python files among some files and folders, as paths below the tree."""
    found: list[str] = []
    for name in names:
        path = tree / name
        inside = sorted(path.rglob(glob)) if path.is_dir() else [path]
        found += [str(p.relative_to(tree)) for p in inside if p.is_file()]
    return list(dict.fromkeys(found))
