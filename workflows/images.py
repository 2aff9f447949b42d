"""Images to work on, from arrays, files, data sets or a network: integer pixels with labels."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ipvae.errors import InputError
from ipvae.network.description import InputFormat, IntNetwork
from ipvae.network.hdf5_child import shown
from ipvae.network.pixels import load_pixels, to_pixels

if TYPE_CHECKING:
    from ipvae.train.data import Images

OF_DIGITS = ("digits", "mnist")
"""Data sets whose classes are the digits."""


@dataclass(frozen=True, eq=False)
class LabelledImages:
    """Integer pixels with labels.

    Attributes
    ----------
    pixels : (N, M) int16
    labels : (N,) int, -1 where unknown
    own_classes : bool
        Whether labels name the classes of the data set on which a network was trained.
    """

    pixels: np.ndarray
    labels: np.ndarray
    own_classes: bool = True

    def first(self, n: int | None) -> "LabelledImages":
        """Return the first n images, or all."""
        return LabelledImages(self.pixels[:n], self.labels[:n], self.own_classes)

    @property
    def classes(self) -> np.ndarray:
        """Labels (N,) by which a network's own classes are judged; -1 where they mean others."""
        return self.labels if self.own_classes else np.full_like(self.labels, -1)


ImagesLike = np.ndarray | str | Path | LabelledImages | None
"""An array, an .npy file or the name of a set, images that were read before, or None."""


def preset_images(preset: str, data_dir: str | Path | None) -> "Images":
    """Load the images of a preset."""
    from ipvae.train.data import load_images

    return load_images(preset, data_dir)


def names_a_set(images: ImagesLike) -> bool:
    """Return whether images are given by the name of a set, not by a file or an array."""
    from ipvae.train.other_images import NAMES

    return isinstance(images, (str, Path)) and str(images) in NAMES


def given_images(
    images: ImagesLike, fmt: InputFormat, labels: np.ndarray | None = None
) -> LabelledImages:
    """Bring a user's images to the pixels of an input format.

    Parameters
    ----------
    images : array, path of an .npy file, or name of a set
        An array is flat (N, M), (N, height, width), (N, 1, height, width) or
        (N, height, width, 1). Integers are pixel levels, floating-point numbers real values.
    fmt : InputFormat
    labels : (N,) int, optional

    Raises
    ------
    InputError
        If they cannot be read, or have another shape or pixels out of range.
    """
    from ipvae.train.other_images import NAMES, other_images

    if isinstance(images, LabelledImages):
        return images
    if not isinstance(images, (str, Path)):
        return _labelled(array_pixels(images, fmt), labels)
    path = Path(images)
    if not names_a_set(images):
        if not path.suffix and not path.exists():
            raise InputError(
                f"images: found {path}, allowed an .npy file or one of {', '.join(NAMES)}"
            )
        return _labelled(load_pixels(path, fmt), labels)
    if fmt.minimum != 0:
        raise InputError(
            f"images={path}: its pixels go from black to white, the network's from "
            f"{fmt.minimum} to {fmt.maximum}; give an .npy file of images that were prepared as "
            "those of the training were"
        )
    found, classes = other_images(str(path), *fmt.shape)
    pixels = np.rint(found * fmt.maximum).astype(np.int16).reshape(len(found), -1)
    return LabelledImages(pixels, classes)


def array_pixels(images: object, fmt: InputFormat) -> np.ndarray:
    """Bring an array of images to pixels (N, M) int16.

    Raises
    ------
    InputError
        If its shape is not one of those of `given_images`, or its numbers do not fit.
    """
    array = np.asarray(images)
    height, width = fmt.shape
    allowed = [(fmt.size,), (height, width), (1, height, width), (height, width, 1)]
    if array.ndim < 2 or array.shape[1:] not in allowed or len(array) == 0:
        raise InputError(
            f"images: shape must be (n, {fmt.size}), (n, {height}, {width}), "
            f"(n, 1, {height}, {width}) or (n, {height}, {width}, 1) with n above 0, got "
            f"{array.shape}. Reshape them, or resize them to {height} x {width}."
        )
    if array.dtype.kind not in "iufb":
        raise InputError(f"images: dtype must be real numbers, got {array.dtype}. Convert them.")
    levels = array.astype(np.int16) if array.dtype.kind == "b" else array
    return to_pixels(levels.reshape(len(array), fmt.size), fmt)


def _labelled(pixels: np.ndarray, labels: np.ndarray | None) -> LabelledImages:
    if labels is None:
        return LabelledImages(pixels, np.full(len(pixels), -1))
    found = np.asarray(labels)
    if found.shape != (len(pixels),) or found.dtype.kind not in "iu":
        raise InputError(
            f"labels: must be integers of shape ({len(pixels)},), one for each image, got "
            f"{found.dtype} of shape {found.shape}."
        )
    return LabelledImages(pixels, found.astype(np.int64))


def network_images(
    network: IntNetwork,
    samples: int | None = None,
    data_dir: str | Path | None = None,
    images: ImagesLike = None,
    asked_by: str = "samples",
    labels: np.ndarray | None = None,
) -> LabelledImages:
    """Choose the images to run: `images`, the test images of the data set, or the network's own.

    Parameters
    ----------
    network : IntNetwork
    samples : int, optional
        Number of images, the first ones in order; all without it.
    data_dir : path, optional
        Folder of the data set on which the network was trained.
    images : see `ImagesLike`
    asked_by : str
        What asks for so many images, for messages.
    labels : (N,) int, optional
        Of an array of images.

    Raises
    ------
    InputError
        If there are none, or fewer than asked for.
    """
    if images is not None and data_dir is not None:
        raise InputError("images and data_dir: give one of them")
    if images is not None:
        found = given_images(images, network.input, labels)
        where = "images" if not isinstance(images, (str, Path)) else str(images)
        if names_a_set(images):
            digits = where.startswith("digits") and network_preset(network) in OF_DIGITS
            found = replace(found, own_classes=digits)
    elif data_dir is not None:
        found = _test_set(network, data_dir)
        where = f"test set in {data_dir}"
    else:
        found = LabelledImages(network.test_images, network.test_labels)
        where = "test images inside the network file"
    if len(found.pixels) == 0:
        raise InputError(f"{where}: none there; give some with images= or data_dir=")
    if samples is not None and samples > len(found.pixels):
        raise InputError(
            f"{asked_by}: found {samples}, allowed up to {len(found.pixels)} ({where}); "
            "ask for fewer, or give more, such as a data set with data_dir="
        )
    return found.first(samples)


def _test_set(network: IntNetwork, data_dir: str | Path) -> LabelledImages:
    from ipvae.float_models.config import PRESETS

    preset = network_preset(network)
    if preset not in PRESETS:
        raise InputError(
            f"data_dir: the network names no data set of ours (found '{preset}', allowed "
            f"{', '.join(PRESETS)}); give images with images="
        )
    data = preset_images(preset, data_dir)
    return LabelledImages(data.test_pixels.astype(np.int16), data.test_labels)


def network_preset(network: IntNetwork) -> str:
    """Return the name of the data set on which a network was trained."""
    data = network.provenance.get("data")
    return shown(data.get("preset", "unknown")) if isinstance(data, dict) else "unknown"
