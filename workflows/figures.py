"""Figures of merit beside the curve: sparsity, classifiers, dimensionality."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from ipvae.errors import InputError
from ipvae.evaluation.dimensionality import participation_ratio, shattering
from ipvae.evaluation.labelled import require_labels
from ipvae.evaluation.neighbours import LABELS, NEIGHBOURS, neighbour_accuracy
from ipvae.evaluation.probe import linear_reader
from ipvae.evaluation.sparsity import sparsity
from ipvae.report.numbers import percent
from ipvae.workflows.images import ImagesLike
from ipvae.workflows.progress import stage
from ipvae.workflows.subjects import Subject

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline


@dataclass(frozen=True, eq=False)
class Codes:
    """Features (N, K), rates where there are any, and labels (N,) of training and test images."""

    train: np.ndarray
    train_labels: np.ndarray
    test: np.ndarray
    test_labels: np.ndarray

    @property
    def all(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """The four, in the order that figures take them."""
        return self.train, self.train_labels, self.test, self.test_labels

    @classmethod
    def of_halves(cls, features: np.ndarray, labels: np.ndarray) -> "Codes":
        """Of images (N,) of a set without training images: the first half takes their place."""
        half = len(labels) // 2
        return cls(features[:half], labels[:half], features[half:], labels[half:])

    @cached_property
    def reader(self) -> "Pipeline":
        """Linear classifier, fitted once."""
        return linear_reader(self.train, self.train_labels)


def require_labelled(
    name: str, subject: Subject, labels: np.ndarray, images: ImagesLike, most: int | None
) -> None:
    """Refuse to fit on images without labels, or on some number of training images of a set."""
    if (labels < 0).all():
        raise InputError(
            f"{name}: the images of {images or subject.preset} have no labels; leave it out, or "
            "evaluate a model of images that have"
        )
    if images is not None and most is not None:
        raise InputError(
            f"probe_images: {images} are not split into training and test images, their first "
            "half is fitted on; leave it out"
        )


def fitted_figures(codes: Codes, names: list[str], seed: int) -> list[tuple[dict, str]]:
    """Keys and text of some of probe, neighbours and dimensionality."""
    figures = {
        "probe": lambda: probe_figures(codes),
        "neighbours": lambda: neighbour_figures(codes, seed),
        "dimensionality": lambda: dimension_figures(codes, seed),
    }
    return [figures[name]() for name in names]


@contextmanager
def asked_by(name: str) -> Iterator[None]:
    """Turn what a figure refuses into an error that names its argument."""
    try:
        yield
    except ValueError as error:
        raise InputError(f"{name}: {error}") from error


def sparsity_figures(counts: np.ndarray) -> tuple[dict, str]:
    """Keys of the sparsity and a line of text, from counts (N, K) after the last step."""
    with asked_by("sparsity"):
        found = sparsity(counts)
    result = {
        "lifetime_sparsity": found.lifetime,
        "population_sparsity": found.population,
        "active": found.active,
        "dead": found.dead,
    }
    return result, (
        f"sparsity: lifetime {found.lifetime:.4f}, population {found.population:.4f}; "
        f"{found.active} latents active, {found.dead} dead in {found.images} images"
    )


def probe_figures(codes: Codes) -> tuple[dict, str]:
    """Keys of the classifier and a line of text."""
    with (
        asked_by("probe"),
        stage(f"fitting a classifier on {len(codes.train)} training images"),
    ):
        require_labels(*codes.all)
        accuracy = float(codes.reader.score(codes.test, codes.test_labels))
    result = {"accuracy": accuracy, "probe_train_images": len(codes.train)}
    return result, (
        f"accuracy {percent(accuracy, 2)} (classifier fitted on {len(codes.train)} training images)"
    )


def neighbour_figures(codes: Codes, seed: int) -> tuple[dict, str]:
    """Keys of nearest neighbours and a line of text; null where there are fewer training images."""
    with asked_by("neighbours"), stage("classifying by nearest neighbours"):
        found = neighbour_accuracy(*codes.all, seed=seed)
    result = {
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
    shown = ", ".join(
        f"{percent(found[n].accuracy, 2)} +- {percent(found[n].deviation, 2)} with {n}"
        if n in found
        else f"none with {n} (only {len(codes.train)} training images)"
        for n in LABELS
    )
    return result, f"{NEIGHBOURS} nearest neighbours: {shown} labels"


def dimension_figures(codes: Codes, seed: int) -> tuple[dict, str]:
    """Keys of the dimensionality and a line of text."""
    with asked_by("dimensionality"), stage("fitting classifiers on halves of the classes"):
        ratio = participation_ratio(codes.test)
        found = shattering(*codes.all, seed=seed)
    result = {"dimensionality": {"participation_ratio": ratio, "shattering": asdict(found)}}
    return result, (
        f"dimensionality: participation ratio {ratio:.1f} of {codes.test.shape[1]}, shattering "
        f"{percent(found.accuracy, 2)} (mean of {found.dichotomies} of {found.possible} "
        f"dichotomies, the worst {percent(found.lowest, 2)}; fitted on {found.train_images} "
        "training images)"
    )
