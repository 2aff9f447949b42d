"""`ipvae run` on the emulator: figures come from totals, traces go to disk as they are made."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ipvae.cli.output import note, working
from ipvae.network.description import IntNetwork
from ipvae.network.record import Record
from ipvae.network.totals import Totals


@dataclass(frozen=True, eq=False)
class Run:
    """Images (N, M), or streams (N, frames, M) with `hold`, and how they are run."""

    network: IntNetwork
    images: np.ndarray
    n_steps: int
    seed: int
    draws: np.ndarray | None = None
    hold: int | None = None

    def timed(self) -> tuple[float, dict[str, Any]]:
        """Run without a trace: seconds of the engine alone, and `figures`.

        Raises
        ------
        InputError, UnprovedOverflowError
        """
        from ipvae.emulator import Emulator

        emulator = Emulator(self.network, tell=note)
        images, n = self.images, len(self.images)
        with working(f"running {n} images for {self.n_steps} steps on emulator", n) as progress:
            # A first step loads the kernels, or compiles them, outside of what is timed.
            emulator.totals(images[:1] if self.hold is None else images[:1, 0], 1, self.seed)
            start = time.perf_counter()
            totals = emulator.totals(
                images,
                self.n_steps,
                self.seed,
                draws=self.draws,
                hold=self.hold,
                progress=progress,
            )
            seconds = time.perf_counter() - start
        return seconds, figures(self.network, totals)

    def write(self, path: Path, record: Record) -> None:
        """Run again and write a trace; memory holds some rows of some images.

        Raises
        ------
        InputError
        """
        from ipvae.emulator import run_to_file

        with working(f"writing {path}", len(self.images)) as progress:
            run_to_file(
                path,
                self.network,
                self.images,
                self.n_steps,
                self.seed,
                draws=self.draws,
                record=record,
                hold=self.hold,
                progress=progress,
            )


def draws_alone(network: IntNetwork) -> Record:
    """Record of the code's counts, which can be replayed (`ipvae.network.draws.only_draws`)."""
    return Record(variables=("z",), layers=(network.code,))


def figures(network: IntNetwork, totals: Totals) -> dict[str, Any]:
    """Spikes and saturations of a run; JSON data."""
    code = totals.layers[network.code]
    values = totals.images * (totals.steps + 1) * network.n_neurons
    return {
        "spikes": int(code.sizes.sum()),
        "zeros": (values - int(code.messages.sum())) / values,
        "saturations": sum(totals.saturations.values()),
        "saturations_by_variable": totals.saturations,
    }
