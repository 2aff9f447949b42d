"""Accuracy of a classifier fitted at every point of a comparison."""

import logging
import warnings

from ipvae.extras import needs
from ipvae.workflows.comparison.costed import PROBE, Costed, CostedModel
from ipvae.workflows.evaluation.codes import Codes, FitSource
from ipvae.workflows.evaluation.figures import probe_figures
from ipvae.workflows.image_input.images import LabelledImages
from ipvae.workflows.progress import stage

log = logging.getLogger("ipvae")


def add_accuracy(
    one: CostedModel, found: Costed, images: LabelledImages, seed: int, source: FitSource
) -> None:
    """Fit a classifier at each step, as in `ipvae.evaluate`, unless a read-out classifies."""
    blind = [point for point in found.points if "accuracy" not in point]
    if not blind:
        return
    codes = _codes(one, found, images, seed, source, [point["step"] for point in blind])
    for point in blind:
        accuracy, converged = _accuracy(codes[point["step"]])
        point |= {"accuracy": accuracy, "accuracy_by": PROBE, "converged": converged}
    if far := [str(point["step"]) for point in blind if not point["converged"]]:
        log.info(f"probe: {one.of.name}: classifiers did not converge at steps {', '.join(far)}")


def _codes(
    one: CostedModel,
    found: Costed,
    images: LabelledImages,
    seed: int,
    source: FitSource,
    steps: list[int],
) -> dict[int, Codes]:
    """Training and test features by step; training images are also run."""
    if source.halves:
        return {step: Codes.of_halves(found.features[step], images.labels) for step in steps}
    train = source.training(one.of)
    message = f"running {len(train.pixels)} training images to step {steps[-1]}"
    with stage(message, len(train.pixels)) as advance:
        states = one.of.infer(train.pixels, steps, seed, advance).states
    return {
        step: Codes(states[step][1], train.labels, found.features[step], images.labels)
        for step in steps
    }


def _accuracy(codes: Codes) -> tuple[float, bool]:
    """Accuracy, and True if the fit converged."""
    with needs("evaluate", "probe"):
        from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always", ConvergenceWarning)
        found = probe_figures(codes)
    return found["accuracy"], not warned
