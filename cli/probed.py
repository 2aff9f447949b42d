"""Accuracy at every point of a comparison, by a classifier that is fitted there."""

import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ipvae.cli.compared import PROBE, Compared, Point
from ipvae.cli.evaluate import PROBE_IMAGES
from ipvae.cli.output import note, working
from ipvae.network.errors import InputError
from ipvae.workflows.figures import Codes, probe_figures
from ipvae.workflows.images import preset_images


@dataclass(frozen=True)
class Probe:
    """What classifiers are fitted on.

    Attributes
    ----------
    images : training images, the first in order; None for 10,000, or all if there are fewer
    data_dir : where they are
    """

    images: int | None
    data_dir: Path | None

    def training(self, preset: str) -> tuple[np.ndarray, np.ndarray]:
        """Pixels (N, M) int16 and labels (N,) of a data set.

        Raises
        ------
        InputError
            If it has fewer than asked for.
        """
        data = preset_images(preset, self.data_dir)
        there = len(data.train_pixels)
        if self.images is not None and self.images > there:
            raise InputError(
                f"--probe-images: found {self.images}, allowed up to {there} (training images of "
                f"{preset})"
            )
        few = slice(PROBE_IMAGES if self.images is None else self.images)
        return data.train_pixels[few].astype(np.int16), data.train_labels[few]


def add_accuracy(
    one: Compared, points: list[Point], pixels: np.ndarray, labels: np.ndarray, probe: Probe
) -> None:
    """Fit a classifier at each step, as `ipvae evaluate --probe` does, where none is its own."""
    from sklearn.exceptions import ConvergenceWarning

    blind = [point for point in points if "accuracy" not in point]
    if not blind:
        return
    steps = [point["step"] for point in blind]
    train, known = probe.training(one.subject.preset)
    with working(f"running {len(train)} training images to step {steps[-1]}", len(train)) as more:
        fitted_on = one.subject.states(train, steps, more)
    judged_on = one.subject.states(pixels, steps)
    for point in blind:
        (_, features), (_, test) = fitted_on[point["step"]], judged_on[point["step"]]
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always", ConvergenceWarning)
            found, _ = probe_figures(Codes(features, known, test, labels))
        point |= {"accuracy": found["accuracy"], "accuracy_by": PROBE, "converged": not said}
    if far := [str(point["step"]) for point in blind if not point["converged"]]:
        name = one.subject.name
        note(f"--probe: {name}: classifiers did not converge at steps {', '.join(far)}")
