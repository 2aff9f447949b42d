"""Integer pixels with labels from arrays, files, data sets or a network."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ipvae.errors import InputError
from ipvae.network.description import InputFormat, IntNetwork
from ipvae.network.io.hdf5_child import shown
from ipvae.workflows.image_input.own_images import LabelsLike, OwnImages, read_images, to_levels
from ipvae.workflows.image_input.picture_files import WHITE
from ipvae.workflows.running.number import AtMost

if TYPE_CHECKING:
    from ipvae.train.datasets.images import Images

OF_DIGITS = ("digits", "mnist")
"""Data sets whose classes are the digits."""
UNLIKE = 0.25
"""Difference of mean levels, as a fraction of the range, above which a warning is given."""

log = logging.getLogger("ipvae")
_kept: "ContextVar[dict[tuple[str, str | None], Images] | None]" = ContextVar(
    "ipvae_data_sets", default=None
)


@dataclass(frozen=True, eq=False)
class LabelledImages:
    """Integer pixels with labels.

    Attributes
    ----------
    pixels : (N, M) int16
    labels : (N,) int, -1 where unknown
    own_classes : bool
        Whether labels are the classes of the data set on which a network was trained.
    """

    pixels: np.ndarray
    labels: np.ndarray
    own_classes: bool = True

    def first(self, n: int | None) -> "LabelledImages":
        """Return the first n images, or all."""
        return LabelledImages(self.pixels[:n], self.labels[:n], self.own_classes)

    @property
    def classes(self) -> np.ndarray:
        """Labels (N,) in the classes of the network; -1 if labels are of other classes."""
        return self.labels if self.own_classes else np.full_like(self.labels, -1)


ImagesLike = np.ndarray | str | Path | LabelledImages | None
"""An array, a file or folder, the name of a data set, images already read, or None."""


def preset_images(
    preset: str, data_dir: str | Path | None, first: tuple[int, int] | None = None
) -> "Images":
    """Load the images of a preset; `first` as in `ipvae.train.datasets.images.load_images`."""
    from ipvae.train.datasets.images import load_images

    kept = _kept.get()
    if kept is None:
        return load_images(preset, data_dir, first=first)
    key = (preset, None if data_dir is None else str(data_dir))
    if key not in kept:
        kept[key] = load_images(preset, data_dir)
    return kept[key]


@contextmanager
def data_sets_kept() -> Iterator[None]:
    """Cache data sets while the context is open, so that each is loaded once."""
    token = _kept.set({})
    try:
        yield
    finally:
        _kept.reset(token)


def names_a_set(images: ImagesLike) -> bool:
    """Return whether images are given by the name of a data set."""
    from ipvae.train.datasets.other_images import NAMES

    return isinstance(images, (str, Path)) and str(images) in NAMES


def given_images(
    images: ImagesLike,
    fmt: InputFormat,
    labels: LabelsLike = None,
    first: int | None = None,
) -> LabelledImages:
    """Convert images of a user to the pixels of an input format.

    Parameters
    ----------
    images : array, path, or name of a set
        An array is flat (N, M), (N, height, width), (N, 1, height, width) or
        (N, height, width, 1). Integers are pixel levels, floating-point numbers real values; True
        is white. A path names an .npy file, an .npz file (`images`, `labels`) or a
        folder of pictures.
    fmt : InputFormat
    labels : (N,) int, optional
    first : int, optional
        Number of images to read, from the first.

    Raises
    ------
    InputError
        If images cannot be read, have another shape, or pixels are out of range.
    """
    if isinstance(images, LabelledImages):
        return images
    if names_a_set(images):
        return _set_images(str(images), fmt)
    if isinstance(images, (str, Path)):
        _require_there(Path(images))
    own = read_images(images, labels, fmt.shape, first)
    if isinstance(images, (str, Path)) and Path(images).is_dir():
        own = as_levels(own, fmt)
    return LabelledImages(to_levels(own, fmt), own.labels)


def _require_there(path: Path) -> None:
    from ipvae.train.datasets.other_images import NAMES

    if not path.suffix and not path.exists():
        raise InputError(
            f"images: {path} does not exist. Allowed are an .npy or .npz file, a folder of "
            f"pictures, or one of {', '.join(NAMES)}."
        )


def _set_images(name: str, fmt: InputFormat) -> LabelledImages:
    from ipvae.train.datasets.other_images import other_images

    _require_from_black(name, fmt)
    found, classes = other_images(name, *fmt.shape)
    pixels = np.rint(found * fmt.maximum).astype(np.int16).reshape(len(found), -1)
    return LabelledImages(pixels, classes)


def as_levels(pictures: OwnImages, fmt: InputFormat) -> OwnImages:
    """Scale pictures from 0..255 to the network's levels from black to white."""
    _require_from_black(pictures.where, fmt)
    values = np.rint(pictures.values * (fmt.maximum / WHITE)).astype(np.int16)
    return replace(pictures, values=values)


def _require_from_black(where: str, fmt: InputFormat) -> None:
    if fmt.minimum != 0:
        raise InputError(
            f"images={where}: its pixels go from black to white, the network's from "
            f"{fmt.minimum} to {fmt.maximum}; give an .npy file of images that were prepared as "
            "the training images were"
        )


def network_images(
    network: IntNetwork,
    samples: int | None = None,
    data_dir: str | Path | None = None,
    images: ImagesLike = None,
    asked_by: str = "samples",
    labels: LabelsLike = None,
) -> LabelledImages:
    """Choose the images to run: `images`, the test images of the data set, or the network's own.

    Parameters
    ----------
    network : IntNetwork
    samples : int, optional
        Number of images, from the first; all by default.
    data_dir : path, optional
        Folder of the data set on which the network was trained.
    images : see `ImagesLike`
    asked_by : str
        Name of the argument that requests this number of images, for messages.
    labels : (N,) int, optional
        Labels of an array of images.

    Raises
    ------
    InputError
        If there are no images, or fewer than requested.
    """
    if images is not None and data_dir is not None:
        raise InputError("images and data_dir: give one of them")
    if labels is not None and images is None:
        raise InputError("labels: belong to images=; give both or neither")
    if images is not None:
        found = given_images(images, network.input, labels, samples)
        where = "images" if not isinstance(images, (str, Path)) else str(images)
        if names_a_set(images):
            digits = where.startswith("digits") and network_preset(network) in OF_DIGITS
            found = replace(found, own_classes=digits)
        else:
            _warn_if_unlike(found.pixels, network, where)
    elif data_dir is not None:
        found = _test_set(network, data_dir)
        where = f"test set in {data_dir}"
    else:
        found = LabelledImages(network.test_images, network.test_labels)
        where = "test images inside the network file"
    if len(found.pixels) == 0:
        raise InputError(f"{where}: none there; give some with images= or data_dir=")
    if samples is not None and samples > len(found.pixels) and not isinstance(samples, AtMost):
        raise InputError(
            f"{asked_by}: found {samples}, allowed up to {len(found.pixels)} ({where}); "
            "ask for fewer, or give more, such as a data set with data_dir="
        )
    return found.first(samples)


def _warn_if_unlike(pixels: np.ndarray, network: IntNetwork, where: str) -> None:
    """Warn if images are much brighter or darker than the test images of the network."""
    own, fmt = network.test_images, network.input
    if not own.size or not pixels.size:
        return
    mean, expected = float(pixels.mean()), float(own.mean())
    if abs(mean - expected) > UNLIKE * (fmt.maximum - fmt.minimum):
        log.warning(
            f"{where}: warning: the mean level is {mean:.1f}, the network's test images have "
            f"{expected:.1f}, of {fmt.minimum} to {fmt.maximum}. Check that black is black and "
            "that the images were prepared as the training images"
        )


def _test_set(network: IntNetwork, data_dir: str | Path) -> LabelledImages:
    from ipvae.float_models.config import PRESETS

    preset = network_preset(network)
    if preset not in PRESETS:
        raise InputError(
            f"data_dir: the network names no known data set (found '{preset}', allowed "
            f"{', '.join(PRESETS)}); give images with images="
        )
    data = preset_images(preset, data_dir)
    return LabelledImages(data.test_pixels.astype(np.int16), data.test_labels)


def network_preset(network: IntNetwork) -> str:
    """Return the name of the data set on which a network was trained."""
    data = network.provenance.get("data")
    return shown(data.get("preset", "unknown")) if isinstance(data, dict) else "unknown"
