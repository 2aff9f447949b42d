"""Labelled codes of training and test images, for fitting and testing classifiers."""

import logging
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ipvae.errors import InputError
from ipvae.evaluation.classes.probe import linear_reader
from ipvae.network.description import InputFormat
from ipvae.workflows.evaluables.base import Evaluable
from ipvae.workflows.image_input.images import (
    ImagesLike,
    LabelledImages,
    given_images,
    preset_images,
)
from ipvae.workflows.image_input.own_images import LabelsLike, as_labels

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

PROBE_IMAGES = 10_000
"""Default number of training images for classifiers."""


log = logging.getLogger("ipvae")

__all__ = ["PROBE_IMAGES", "Codes", "FitSource", "LabelsLike", "as_labels", "unlabelled"]


@dataclass(frozen=True, eq=False)
class Codes:
    """Features (N, K), usually rates, and labels (N,) of training and test images."""

    train: np.ndarray
    train_labels: np.ndarray
    test: np.ndarray
    test_labels: np.ndarray

    @property
    def all(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """The four arrays, in the argument order of figures."""
        return self.train, self.train_labels, self.test, self.test_labels

    @classmethod
    def of_halves(cls, features: np.ndarray, labels: np.ndarray) -> "Codes":
        """Split images (N,) of a set without training images; the first half is for training."""
        half = len(labels) // 2
        return cls(features[:half], labels[:half], features[half:], labels[half:])

    @cached_property
    def reader(self) -> "Pipeline":
        """Linear classifier, fitted once."""
        return linear_reader(self.train, self.train_labels)


@dataclass(frozen=True, eq=False)
class FitSource:
    """Source of images to fit classifiers on.

    Attributes
    ----------
    asked_by : str
        Name of the argument that requests a classifier, for messages.
    most : int or None
        Number of images, from the first; by default 10,000 or all if there are fewer.
    images : array, path, name of a set, or None
        Images given for evaluation; classifiers are fitted on the first half.
    train_images, train_labels : the same, for images given to fit on
    data_dir : path, optional
        Folder of the data set, whose training images are used if no images are given.
    """

    asked_by: str
    most: int | None = None
    images: ImagesLike = None
    train_images: ImagesLike = None
    train_labels: np.ndarray | None = None
    data_dir: str | Path | None = None

    @property
    def halves(self) -> bool:
        """True if the first half of the images is for fitting and the rest for testing."""
        return self.images is not None and self.train_images is None

    def require_labelled(self, labels: np.ndarray, preset: str) -> None:
        """Raise InputError if the test images have no labels, or cannot be limited."""
        named = isinstance(self.images, (str, Path))
        if (labels < 0).all():
            where = self.images if named else preset
            of = "" if self.images is not None and not named else f" of {where}"
            raise InputError(
                f"{self.asked_by}: the images{of} have no labels; omit it, or evaluate a "
                "model of images that have"
            )
        if self.halves and self.most is not None:
            where = self.images if named else "the images"
            raise InputError(
                f"probe_images: {where} are not split into training and test images, their first "
                "half is fitted on; omit it"
            )
        if self.halves:
            _warn_of_classes(self.asked_by, labels)

    def training(self, of: Evaluable) -> LabelledImages:
        """Return labelled images to fit on, none of them a test image.

        Raises
        ------
        InputError
            If there are fewer than requested, or they have no labels.
        """
        if self.train_images is not None:
            found = self._given(of.format)
            where = "train_images"
        else:
            data = preset_images(self._require_preset(of.preset), self.data_dir)
            found = LabelledImages(data.train_pixels, data.train_labels)
            where = f"training images of {of.preset}"
        there = len(found.pixels)
        if self.most is not None and self.most > there:
            raise InputError(f"probe_images: found {self.most}, allowed up to {there} ({where})")
        few = found.first(PROBE_IMAGES if self.most is None else self.most)
        return LabelledImages(few.pixels.astype(np.int16), few.labels)

    def _given(self, fmt: InputFormat) -> LabelledImages:
        found = given_images(self.train_images, fmt, self.train_labels)
        if (found.labels < 0).all():
            raise InputError(f"{self.asked_by}: train_images have no labels; give train_labels=")
        return found

    def _require_preset(self, preset: str) -> str:
        from ipvae.float_models.config import PRESETS

        if preset not in PRESETS:
            raise InputError(
                f"{self.asked_by}: no images to fit on, since '{preset}' is no known data set "
                f"({', '.join(PRESETS)}); give images= and labels="
            )
        return preset


def unlabelled(images: ImagesLike) -> bool:
    """Return whether images of this form cannot include labels."""
    is_path = isinstance(images, (str, Path))
    return isinstance(images, np.ndarray) or (is_path and Path(images).suffix == ".npy")


def _warn_of_classes(asked_by: str, labels: np.ndarray) -> None:
    """Warn of classes that occur only in the second half of the images."""
    half = len(labels) // 2
    first, second = (set(part.tolist()) for part in (labels[:half], labels[half:]))
    missing = sorted(second - first)
    if missing:
        log.warning(
            f"{asked_by}: warning: {len(missing)} classes (such as {missing[0]}) are in the second "
            "half of the images, which is judged, and not in the first, which is fitted on; "
            "shuffle images and labels together"
        )
