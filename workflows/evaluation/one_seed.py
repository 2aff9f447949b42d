"""Evaluation of images with one seed."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ipvae.evaluation.changes import Change
from ipvae.evaluation.metrics import spikes
from ipvae.workflows.evaluables.averaging import DRAW, MEAN
from ipvae.workflows.evaluables.base import Evaluable, Inferred
from ipvae.workflows.evaluation.changes import change_figures
from ipvae.workflows.evaluation.codes import Codes, FitSource
from ipvae.workflows.evaluation.figures import fitted_figures, sparsity_figures
from ipvae.workflows.image_input.images import LabelledImages
from ipvae.workflows.progress import stage
from ipvae.workflows.running.estimates import announce


@dataclass(frozen=True, eq=False)
class Evaluator:
    """Evaluation request for an evaluable and images.

    Attributes
    ----------
    of : Evaluable
    images : LabelledImages
    steps : list of int
        Steps to evaluate, increasing.
    source : FitSource or None
        Source of images to fit classifiers on.
    fitted : names of fitted figures
    sparsity : bool
    changes : list of Change
    pictures : path or None
        Folder for pictures.
    readout : 'draw', 'mean' or 'rates'
        Input of the decoder for error and fit; zeros are of the drawn counts.
    """

    of: Evaluable
    images: LabelledImages
    steps: list[int]
    source: FitSource | None
    fitted: Sequence[str]
    sparsity: bool
    changes: list[Change]
    pictures: Path | None
    readout: str = DRAW

    def of_seed(self, seed: int, first: bool) -> dict[str, Any]:
        """Return `curve` and figures, JSON data; draw pictures for the first seed."""
        of, pixels = self.of, self.images.pixels
        inferred = self._infer(seed, first)
        found: dict[str, Any] = {"curve": self._curve(inferred, seed)}
        found |= inferred.figures(self.images)
        last = inferred.last[0]
        if of.counts:
            found["spikes"] = spikes(last)
        if self.sparsity:
            found |= sparsity_figures(last)
        codes = None
        if self.source is not None:
            codes = self._codes(self.source, inferred, seed)
            found |= fitted_figures(codes, self.fitted, seed)
        if self.changes:
            readable = codes if "probe" in self.fitted else None
            found["changes"] = change_figures(of, self.changes, pixels, self.steps, seed, readable)
        if self.pictures is not None and first:
            found["pictures"] = self._draw(self.pictures, inferred, seed)
        return found

    def _curve(self, inferred: Inferred, seed: int) -> list[dict[str, float]]:
        """Error, fit and zeros after each number of steps."""
        of, real = self.of, self.of.real(self.images.pixels)
        drawn = {step: inferred.counts[step] for step in self.steps}
        found = of.curve(real, drawn)
        if self.readout == DRAW:
            return found
        read_out = {step: inferred.states[step][1] for step in self.steps}
        if self.readout == MEAN:
            read_out = of.averaged(self.images.pixels, self.steps, seed)
        better = of.curve(real, read_out)
        return [{**b, "zeros": a["zeros"]} for a, b in zip(found, better, strict=True)]

    def _infer(self, seed: int, first: bool) -> Inferred:
        """Codes after the steps to evaluate and the steps that pictures show."""
        steps = self.steps
        if self.pictures is not None and first and self._few:
            from ipvae.workflows.reporting.pictures import drawn_steps

            steps = sorted({*steps, *drawn_steps(steps[-1])})
        message = f"evaluating {len(self.images.pixels)} images to step {steps[-1]}"
        if first:
            announce(message, self.of.seconds(len(self.images.pixels), steps[-1]))
        with stage(message, len(self.images.pixels)) as advance:
            return self.of.infer(self.images.pixels, steps, seed, advance)

    def _codes(self, source: FitSource, inferred: Inferred, seed: int) -> Codes:
        """Training and test features at the last step; training images are also run."""
        test, labels = inferred.last[1], self.images.labels
        if source.halves:
            return Codes.of_halves(test, labels)
        train, step = source.training(self.of), self.steps[-1]
        message = f"running {len(train.pixels)} training images to step {step}"
        with stage(message, len(train.pixels)) as advance:
            features = self.of.infer(train.pixels, [step], seed, advance).last[1]
        return Codes(features, train.labels, test, labels)

    def _draw(self, folder: Path, inferred: Inferred, seed: int) -> list[str]:
        from ipvae.workflows.reporting.pictures import draw_pictures

        counts = inferred.counts if self._few else None
        files = draw_pictures(folder, self.of, self.images.pixels, self.steps[-1], seed, counts)
        return [str(file) for file in files]

    @property
    def _few(self) -> bool:
        """True if pictures show all images, so that one run is enough."""
        from ipvae.workflows.reporting.pictures import IMAGES

        return len(self.images.pixels) <= IMAGES
