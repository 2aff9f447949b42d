"""Run of a network on the emulator or another backend, with counts and recording."""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ipvae.network.description import IntNetwork
from ipvae.network.rules.random_source import STEP_LIMIT
from ipvae.network.rules.stream import stream_drives
from ipvae.network.traces.replay import only_draws
from ipvae.network.traces.selection import EVERYTHING, Record
from ipvae.network.traces.totals import Totals
from ipvae.network.traces.trace import Trace, write_trace
from ipvae.network.traces.trace_totals import trace_totals
from ipvae.workflows.progress import stage
from ipvae.workflows.running.backends import run_backend

log = logging.getLogger("ipvae")


@dataclass(frozen=True)
class Files:
    """Files for a trace and for the code's counts alone; None for no file."""

    trace: Path | None
    draws: Path | None

    def write(self, network: IntNetwork, trace: Trace) -> None:
        """Write the trace of another backend."""
        if self.trace is not None:
            write_trace(self.trace, trace)
        if self.draws is not None:
            write_trace(self.draws, only_draws(trace, network))


@dataclass(frozen=True, eq=False)
class Job:
    """Settings of a run, with images (N, M), or streams (N, frames, M) with `frame_steps`."""

    network: IntNetwork
    pixels: np.ndarray
    steps: int
    seed: int
    draws: np.ndarray | None = None
    frame_steps: int | None = None

    def emulate(self, keep_steps: Sequence[int] = ()) -> tuple[float, Totals]:
        """Run on the emulator without a trace; return seconds of the engine alone, and totals."""
        from ipvae.emulator import Emulator

        emulator = Emulator(self.network, on_message=log.info)
        pixels, n = self.pixels, len(self.pixels)
        with stage(f"running {n} images for {self.steps} steps on emulator", n) as advance:
            # The first step loads or compiles the kernels, before timing starts.
            first = pixels[:1] if self.frame_steps is None else pixels[:1, 0]
            emulator.totals(first, 1, self.seed)
            start = time.perf_counter()
            totals = emulator.totals(
                pixels,
                self.steps,
                self.seed,
                draws=self.draws,
                hold=self.frame_steps,
                at=keep_steps,
                progress=advance,
            )
            return time.perf_counter() - start, totals

    def record_to(self, files: Files, record: Record | None) -> Trace | None:
        """Run on the emulator again and record to files during the run, or to memory."""
        if files.trace is not None:
            self.write(files.trace, record or EVERYTHING)
        if files.draws is not None:
            self.write(files.draws, draws_alone(self.network))
        if record is None or files.trace is not None:
            return None
        with stage(f"recording {len(self.pixels)} images for {self.steps} steps"):
            return run_backend(
                "emulator",
                self.network,
                self.pixels,
                self.steps,
                self.seed,
                self.draws,
                record,
                self.frame_steps,
            )

    def write(self, path: Path, record: Record) -> None:
        """Run on the emulator and write a trace; only some rows of some images are in memory."""
        from ipvae.emulator import run_to_file

        with stage(f"writing {path}", len(self.pixels)) as advance:
            run_to_file(
                path,
                self.network,
                self.pixels,
                self.steps,
                self.seed,
                draws=self.draws,
                record=record,
                hold=self.frame_steps,
                progress=advance,
            )

    def simulate(self, backend: str, record: Record, timeout: float) -> tuple[float, Trace]:
        """Run on another backend; return seconds and the trace."""
        start = time.perf_counter()
        with stage(f"running {len(self.pixels)} images for {self.steps} steps on {backend}"):
            trace = run_backend(
                backend,
                self.network,
                self.pixels,
                self.steps,
                self.seed,
                self.draws,
                record,
                self.frame_steps,
                timeout,
            )
        return time.perf_counter() - start, trace

    def totals_of(self, trace: Trace, keep_steps: Sequence[int] = ()) -> Totals:
        """Totals of a complete trace of another backend."""
        drives = stream_drives(self.network, self.pixels, self.steps, self.frame_steps)
        return trace_totals(self.network, trace, drives, keep_steps)

    def measure(self, path: Path) -> None:
        """Measure time and energy of a board on the first image, and write them."""
        from ipvae.lava_procs.board.profile import measure, write_profile

        with stage("measuring time and energy"):
            n_steps = min(len(self.pixels) * self.steps, STEP_LIMIT - 1)
            write_profile(path, measure(self.network, self.pixels[0], n_steps, self.seed))


def draws_alone(network: IntNetwork) -> Record:
    """Return the record of the code's counts, for a later replay."""
    return Record(variables=("z",), layers=(network.code,))
