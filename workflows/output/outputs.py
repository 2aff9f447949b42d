"""Outputs of workflows, each with the files that it may replace."""

import os
from collections.abc import Iterable
from pathlib import Path

from ipvae.outputs import (
    RUN_FILES,
    UNFINISHED,
    Output,
    graph_output,
    is_json_of,
    json_output,
    network_output,
    nir_output,
    pictures_output,
    profile_output,
    require_outputs,
    run_output,
    trace_output,
)

__all__ = [
    "DEMO_MARK",
    "RUN_FILES",
    "UNFINISHED",
    "Output",
    "Written",
    "demo_output",
    "graph_output",
    "json_output",
    "network_output",
    "nir_output",
    "pictures_output",
    "profile_output",
    "require_outputs",
    "run_output",
    "run_outputs",
    "trace_output",
]

DEMO_MARK = "demo.json"
"""File in results/ of a demo, which marks its whole folder as a demo."""
_DEMO_STAGES = ("train", "evaluate", "export", "check", "verify", "report")


def run_outputs(
    trace_file: str | Path | None,
    draws_file: str | Path | None,
    profile_file: str | Path | None,
    *,
    overwrite: bool,
) -> list[Output]:
    """Return the outputs of a run."""
    found = {"trace_file": (trace_output, trace_file), "draws_file": (trace_output, draws_file)}
    found["profile_file"] = (profile_output, profile_file)
    return [
        output(path, overwrite=overwrite, name=name)
        for name, (output, path) in found.items()
        if path is not None
    ]


def demo_output(folder: str | Path) -> Output:
    """Return the output for the folder of a demo; it may replace only an earlier demo."""
    results = [f"results/{name}" for name in (DEMO_MARK, *(f"{s}.json" for s in _DEMO_STAGES))]
    inside = [*results, "net.h5", *(f"run/{name}" for name in RUN_FILES)]
    inside += ["report/index.html", "report/report.json"]
    is_demo, mark = is_json_of("ipvae demo"), Path(folder, "results", DEMO_MARK)
    files = tuple(Path(folder, name) for name in inside)
    what = "a file of an earlier demo"
    return Output("out", Path(folder), files, what, lambda _: is_demo(mark), True, True)


class Written:
    """Record of the files of some outputs that are written after its construction.

    Parameters
    ----------
    outputs : of Output
    """

    def __init__(self, outputs: Iterable[Output] = ()) -> None:
        files = [file for one in outputs for file in one.files]
        self._before = {file: _state(file) for file in files}

    def files(self) -> list[Path]:
        """Return the files that were created or changed since construction."""
        found = {file: _state(file) for file in self._before}
        return [file for file, state in found.items() if state not in (None, self._before[file])]


def _state(file: Path) -> tuple[int, ...] | None:
    try:
        found = os.stat(file)
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
