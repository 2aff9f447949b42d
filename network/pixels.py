"""Conversion of a user's images to integer pixels of a network's input format."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ipvae.errors import DescriptionError, InputError
from ipvae.network.description import InputFormat, check_pixels
from ipvae.network.io.array_files import read_npy


@dataclass(frozen=True)
class Pixels:
    """Declared range of an input's integers.

    Attributes
    ----------
    minimum, maximum : int
        An image with a value outside them is refused.
    scale : float
        Real value of one integer step: real images are divided by it and rounded.
    """

    minimum: int
    maximum: int
    scale: float = 1.0

    def __post_init__(self) -> None:
        if not self.minimum < self.maximum:
            raise DescriptionError(f"pixels: range {self.minimum}..{self.maximum} is empty.")
        if not (np.isfinite(self.scale) and self.scale > 0):
            raise DescriptionError(f"pixels: scale {self.scale} is not a positive number.")


def load_array(path: str | Path, kinds: str, allowed: str) -> np.ndarray:
    """Read an .npy file of images, (N, ...) with at least two dimensions.

    Parameters
    ----------
    path : str or Path
    kinds : str
        NumPy's letters of the allowed kinds of numbers.
    allowed : str
        Allowed shape, for messages.

    Returns
    -------
    array
        A large file gives an array on disk: select the images first, then convert.

    Raises
    ------
    InputError
        If it cannot be read, or contains something else. Conversion reports numbers that are not
        finite.
    """
    images = read_npy(path)
    require_numbers(images, str(path), kinds, allowed)
    return images


def require_numbers(images: object, where: str, kinds: str, allowed: str) -> None:
    """Raise InputError unless this is an array that `load_array` allows; `where` is its origin."""
    if not isinstance(images, np.ndarray) or images.dtype.kind not in kinds or images.ndim < 2:
        raise InputError(
            f"{where}: holds no array of images, allowed {allowed} numbers. Save one with "
            "numpy.save."
        )


def require_finite(images: np.ndarray, where: str) -> None:
    """Raise InputError if images contain NaN or infinity."""
    if images.dtype.kind == "f" and not np.isfinite(images).all():
        raise InputError(
            f"{where}: holds values that are not finite numbers. Replace them, or leave these "
            "images out."
        )


def to_pixels(images: np.ndarray, fmt: InputFormat, where: str = "images") -> np.ndarray:
    """Convert real-valued or integer images to (N, M) int16 pixels within the range."""
    if images.dtype.kind == "f":
        require_finite(images, where)
        images = np.rint(images / fmt.scale)
    try:
        check_pixels(images, fmt, where)
    except DescriptionError as error:
        raise InputError(str(error)) from error
    return images.astype(np.int16)


def to_real(pixels: np.ndarray, fmt: InputFormat) -> np.ndarray:
    """Real pixel values, float64."""
    return pixels.astype(np.float64) * fmt.scale
