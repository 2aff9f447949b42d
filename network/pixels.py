"""From a user's images to integer pixels of a network's input format."""

from pathlib import Path

import numpy as np

from ipvae.errors import DescriptionError, InputError
from ipvae.network.description import InputFormat, check_pixels
from ipvae.network.io.array_files import read_npy


def load_array(path: str | Path, kinds: str, allowed: str) -> np.ndarray:
    """Read an .npy file that holds images, (N, ...) of at least two dimensions.

    Parameters
    ----------
    path : str or Path
    kinds : str
        NumPy's letters of the kinds of numbers that are taken.
    allowed : str
        Shape that a message names.

    Returns
    -------
    array
        Of a large file an array on the disk: take the images that are needed, then convert.

    Raises
    ------
    InputError
        If it cannot be read, or holds something else. Numbers that are not finite are found where
        images are converted.
    """
    images = read_npy(path)
    require_numbers(images, str(path), kinds, allowed)
    return images


def require_numbers(images: object, where: str, kinds: str, allowed: str) -> None:
    """Raise InputError unless this is an array as `load_array` takes it, `where` it came from."""
    if not isinstance(images, np.ndarray) or images.dtype.kind not in kinds or images.ndim < 2:
        raise InputError(f"{where}: holds no array of images, allowed {allowed} numbers")


def require_finite(images: np.ndarray, where: str) -> None:
    """Raise InputError if images hold NaN or infinity."""
    if images.dtype.kind == "f" and not np.isfinite(images).all():
        raise InputError(f"{where}: holds values that are not finite numbers")


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
