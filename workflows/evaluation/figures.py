"""Figures of merit without a curve, as JSON keys: sparsity, classifiers, dimensionality."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

import numpy as np

from ipvae.errors import InputError
from ipvae.evaluation.classes.dimensionality import participation_ratio, shattering
from ipvae.evaluation.classes.labelled import require_labels
from ipvae.evaluation.classes.neighbours import LABELS, NEIGHBOURS, neighbour_accuracy
from ipvae.evaluation.sparsity import sparsity
from ipvae.workflows.evaluation.codes import Codes
from ipvae.workflows.progress import stage


@contextmanager
def asked_by(name: str) -> Iterator[None]:
    """Add the name of the argument to errors of a figure."""
    try:
        yield
    except ValueError as error:
        raise InputError(f"{name}: {error}") from error


def fitted_figures(codes: Codes, names: Sequence[str], seed: int) -> dict[str, Any]:
    """Return the keys of some of probe, neighbours and dimensionality, in this order."""
    figures: dict[str, Callable[[], dict[str, Any]]] = {
        "probe": lambda: probe_figures(codes),
        "neighbours": lambda: neighbour_figures(codes, seed),
        "dimensionality": lambda: dimension_figures(codes, seed),
    }
    found = {}
    for name in names:
        found |= figures[name]()
    return found


def sparsity_figures(counts: np.ndarray) -> dict[str, Any]:
    """Return sparsities and numbers of latents, from counts (N, K) after the last step."""
    with asked_by("sparsity"):
        found = sparsity(counts)
    return {
        "lifetime_sparsity": found.lifetime,
        "population_sparsity": found.population,
        "active": found.active,
        "dead": found.dead,
    }


def probe_figures(codes: Codes) -> dict[str, Any]:
    """Return the accuracy of a linear classifier."""
    with (
        asked_by("probe"),
        stage(f"fitting a classifier on {len(codes.train)} training images"),
    ):
        require_labels(*codes.all)
        accuracy = float(codes.reader.score(codes.test, codes.test_labels))
    return {"accuracy": accuracy, "probe_train_images": len(codes.train)}


def neighbour_figures(codes: Codes, seed: int) -> dict[str, Any]:
    """Return accuracies by nearest neighbours; null if there are too few training images."""
    with asked_by("neighbours"), stage("classifying by nearest neighbours"):
        found = neighbour_accuracy(*codes.all, seed=seed)
    return {
        "neighbours": {
            str(n): {
                "accuracy": found[n].accuracy,
                "deviation": found[n].deviation,
                "repeats": found[n].repeats,
            }
            if n in found
            else None
            for n in LABELS
        },
        "neighbours_voting": NEIGHBOURS,
        "neighbours_train_images": len(codes.train),
    }


def dimension_figures(codes: Codes, seed: int) -> dict[str, Any]:
    """Return participation ratio and shattering dimensionality."""
    with asked_by("dimensionality"), stage("fitting classifiers on halves of the classes"):
        ratio = participation_ratio(codes.test)
        found = shattering(*codes.all, seed=seed)
    return {"dimensionality": {"participation_ratio": ratio, "shattering": asdict(found)}}
