"""Result of a run."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ipvae.errors import InputError
from ipvae.network.traces.totals import Totals
from ipvae.network.traces.trace import Trace
from ipvae.report.numbers import percent
from ipvae.workflows.results import Result, Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COUNTED = ("spikes", "zeros", "saturations", "saturations_by_variable")


@dataclass(frozen=True, eq=False, repr=False)
class RunResult(Result):
    """Result of a run.

    Attributes
    ----------
    backend : str
    images, steps, frames, seed : int
        Images or streams, updates of each after step 0 (T), frames of a stream (1 for an image),
        seed of all random draws.
    replayed : bool
        Whether counts were replayed instead of sampled.
    seconds : float
        Wall time of the run, without compilation of kernels.
    totals : Totals or None
        Messages, spikes, saturations and last row of each layer, summed over images and steps;
        None if a backend recorded only some variables.
    trace : Trace or None
        Recorded trace; None with `record="totals"`.
    outputs : dict of layer -> (N, n) int32
        Output of the code and the read-outs in the last row.
    code : str
        Number of the code layer, whose counts represent the image.
    """

    backend: str
    images: int
    steps: int
    frames: int
    seed: int
    replayed: bool
    seconds: float
    totals: Totals | None
    trace: Trace | None
    outputs: dict[str, np.ndarray]
    code: str

    @property
    def image_steps_per_second(self) -> float:
        """Rows 0..T of all images per second."""
        return self.images * (self.steps + 1) / self.seconds

    @property
    def activity(self) -> dict[str, Any]:
        """Spikes, fraction of zeros and saturations of the run; empty without totals."""
        if self.totals is None:
            return {}
        code = self.totals.layers[self.code]
        values = self.totals.rows * code.z.shape[1]
        return {
            "spikes": int(code.sizes.sum()),
            "zeros": (values - int(code.messages.sum())) / values,
            "saturations": sum(self.totals.saturations.values()),
            "saturations_by_variable": self.totals.saturations,
        }

    def rows(self) -> list[tuple[str, str]]:
        """Return the main figures: pairs of name and text."""
        found = [
            ("backend", self.backend),
            ("images x steps", f"{self.images} x {self.steps}"),
            ("time", f"{self.seconds:.2f} s"),
            ("speed", f"{self.image_steps_per_second:.0f} image-steps/s"),
        ]
        if self.totals is not None:
            of_run = self.activity
            found.append(("spikes", f"{of_run['spikes']} ({of_run['zeros']:.1%} zeros)"))
            found.append(("saturations", str(of_run["saturations"])))
        return found

    def shown(self, network: str = "run") -> list[Table | str]:
        """Return size, speed and counts of the run."""
        rows = [
            ["images x steps", f"{self.images} x {self.steps}"],
            ["time", f"{self.seconds:.2f} s, {self.image_steps_per_second:.0f} image-steps/s"],
        ]
        if self.totals is None:
            rows.append(["spikes, saturations", "not counted: part of the run was recorded"])
        else:
            of_run = self.activity
            zeros = percent(of_run["zeros"])
            rows += [
                ["spikes", f"{of_run['spikes']} ({zeros} of the counts are zero)"],
                ["saturations", str(of_run["saturations"])],
            ]
        return [Table(f"{network} on {self.backend}", ["", ""], rows)]

    def plot(self) -> "Figure":
        """Return a raster of the code's counts for the first image; it needs matplotlib.

        Raises
        ------
        InputError
            If the counts of the code were not recorded.
        """
        from ipvae.workflows.reporting.pictures import require_matplotlib

        require_matplotlib("plot")
        from ipvae.report.figures.raster import raster

        samples = [] if self.trace is None else self.trace.samples
        sent = samples[0].get(self.code, {}).get("z") if samples else None
        if sent is None:
            raise InputError(
                "plot: the counts of the code were not recorded; run again with record='all' or "
                "record=('z',)"
            )
        return raster(sent).figure

    def to_json(self) -> dict[str, Any]:
        """Return JSON data, with the keys of `ipvae run --json`."""
        return {
            "backend": self.backend,
            "samples": self.images,
            "steps": self.steps,
            "seed": self.seed,
            "draws": "replayed" if self.replayed else "sampled",
            "seconds": self.seconds,
            "image_steps_per_second": self.image_steps_per_second,
            "frames": self.frames,
            **(self.activity or dict.fromkeys(COUNTED)),
        }
