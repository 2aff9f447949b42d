"""Image corruptions that a network was not trained on: rotation, shift, inversion, noise, contrast.

Transformations take images (N, H, W), float64 in integer pixel steps. `changed` then rounds half to
even and clips to the pixel range. Background is pixel 0: black, or grey for signed pixels.
"""

from dataclasses import dataclass

import numpy as np

from ipvae.extras import needs
from ipvae.network.description import InputFormat

_NOISE, _SALT = 1, 2
"""Second word of the random keys, so that the two kinds of noise differ for equal seeds."""
_BITS = 52
"""Random bits of a uniform number."""
NAMES = ("rotate", "shift", "invert", "noise", "salt", "contrast")


@dataclass(frozen=True)
class Change:
    """Image corruption.

    Attributes
    ----------
    name : one of NAMES
    value : degrees, pixels, standard deviation, fraction or factor; 1 for an inversion
    """

    name: str
    value: float

    @property
    def hides(self) -> bool:
        """True for noise, which allows a comparison with the original image."""
        return self.name in ("noise", "salt")


def rotated(images: np.ndarray, degrees: float) -> np.ndarray:
    """Rotate images counter-clockwise about their centre, with bilinear interpolation.

    Background fills the corners; pixels outside are discarded. Quarter turns of square images are
    exact.
    """
    with needs("evaluate", "rotate"):
        from scipy.ndimage import rotate

    return rotate(images, degrees, axes=(1, 2), reshape=False, order=1, mode="constant")


def shifted(images: np.ndarray, right: int) -> np.ndarray:
    """Move images to the right by whole pixels, or to the left if negative; background fills in."""
    width = images.shape[2]
    moved = np.zeros_like(images)
    if abs(right) < width:
        moved[:, :, max(right, 0) : width + right] = images[:, :, max(-right, 0) : width - right]
    return moved


def inverted(images: np.ndarray, fmt: InputFormat) -> np.ndarray:
    """Inverted images: minimum + maximum - pixel; for signed pixels, the negative."""
    return (0 if fmt.minimum < 0 else fmt.minimum + fmt.maximum) - images


def noisy(images: np.ndarray, deviation: float, seed: int) -> np.ndarray:
    """Add independent Gaussian noise; its standard deviation is in pixel steps.

    Noise of an image does not depend on the number of images. Another standard deviation only
    scales it.
    """
    with needs("evaluate", "noise"):
        from scipy.special import ndtri

    return images + deviation * ndtri(_uniforms(images.shape, seed, _NOISE))


def salted(images: np.ndarray, fraction: float, fmt: InputFormat, seed: int) -> np.ndarray:
    """Set each pixel with this probability to the minimum or the maximum, both equally likely.

    The changed pixels of a smaller fraction are a subset of the pixels of a larger one.
    """
    uniform = _uniforms(images.shape, seed, _SALT)
    dark, light = uniform < fraction / 2, uniform > 1 - fraction / 2
    return np.where(dark, fmt.minimum, np.where(light, fmt.maximum, images))


def changed(pixels: np.ndarray, fmt: InputFormat, change: Change, seed: int) -> np.ndarray:
    """Apply one change to integer pixels.

    Parameters
    ----------
    pixels : (N, M) integers
    fmt : range, scale and shape of the pixels
    change : a shift in whole pixels, a rotation in degrees, a standard deviation in real pixel
        units, a fraction of pixels, or a contrast factor
    seed : seed of the noise

    Returns
    -------
    (N, M) int16, within the range

    Raises
    ------
    ValueError
        If the change is unknown.
    """
    images = pixels.astype(np.float64).reshape(-1, *fmt.shape)
    found = _apply(images, fmt, change, seed)
    return np.clip(np.rint(found), fmt.minimum, fmt.maximum).astype(np.int16).reshape(pixels.shape)


def _apply(images: np.ndarray, fmt: InputFormat, change: Change, seed: int) -> np.ndarray:
    value = change.value
    match change.name:
        case "rotate":
            return rotated(images, value)
        case "shift":
            return shifted(images, int(value))
        case "invert":
            return inverted(images, fmt)
        case "noise":
            return noisy(images, value / fmt.scale, seed)
        case "salt":
            return salted(images, value, fmt, seed)
        case "contrast":
            return value * images
    raise ValueError(f"change is {change.name!r}; allowed are {', '.join(NAMES)}. Choose one.")


def _uniforms(shape: tuple[int, ...], seed: int, kind: int) -> np.ndarray:
    """Numbers inside (0, 1), from raw bits of PCG64, which are the same in all NumPy versions."""
    raw = np.random.PCG64([seed, kind]).random_raw(shape)
    return ((raw >> np.uint64(64 - _BITS)).astype(np.float64) + 0.5) * 2.0**-_BITS
