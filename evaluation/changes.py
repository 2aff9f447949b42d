"""Images turned, shifted, inverted, noisy or fainter: inputs that a network was not trained on.

A change works on images (N, H, W), float64 in integer pixel steps; `changed` rounds half to even
afterwards and clips to the pixels' range. Background is pixel 0: black, or grey where pixels are
signed.
"""

from dataclasses import dataclass

import numpy as np

from ipvae.extras import needs
from ipvae.network.description import InputFormat

_NOISE, _SALT = 1, 2
"""Second word of the random keys: both kinds of noise differ with one seed."""
_BITS = 52
"""Of a uniform number."""
NAMES = ("rotate", "shift", "invert", "noise", "salt", "contrast")


@dataclass(frozen=True)
class Change:
    """One change.

    Attributes
    ----------
    name : one of NAMES
    value : degrees, pixels, deviation, fraction or factor; 1 of an inversion
    """

    name: str
    value: float

    @property
    def hides(self) -> bool:
        """Whether it lays noise over an image, which can be looked for behind it."""
        return self.name in ("noise", "salt")


def rotated(images: np.ndarray, degrees: float) -> np.ndarray:
    """Turn images counter-clockwise about their centre; linear between the four nearest pixels.

    Background comes in from outside; what leaves is lost. Quarter turns of square images are exact.
    """
    with needs("evaluate", "rotate"):
        from scipy.ndimage import rotate

    return rotate(images, degrees, axes=(1, 2), reshape=False, order=1, mode="constant")


def shifted(images: np.ndarray, right: int) -> np.ndarray:
    """Move images to the right by whole pixels, to the left if negative; background comes in."""
    width = images.shape[2]
    moved = np.zeros_like(images)
    if abs(right) < width:
        moved[:, :, max(right, 0) : width + right] = images[:, :, max(-right, 0) : width - right]
    return moved


def inverted(images: np.ndarray, fmt: InputFormat) -> np.ndarray:
    """Dark for light: minimum + maximum - pixel; of signed pixels the negative."""
    return (0 if fmt.minimum < 0 else fmt.minimum + fmt.maximum) - images


def noisy(images: np.ndarray, deviation: float, seed: int) -> np.ndarray:
    """Add independent normal noise; its deviation is in pixel steps.

    The first images get the same noise however many follow; another deviation changes its size
    alone.
    """
    with needs("evaluate", "noise"):
        from scipy.special import ndtri

    return images + deviation * ndtri(_uniforms(images.shape, seed, _NOISE))


def salted(images: np.ndarray, fraction: float, fmt: InputFormat, seed: int) -> np.ndarray:
    """Set each pixel with this probability to the smallest or largest value, one as likely.

    The pixels of a smaller fraction are among those of a larger one.
    """
    uniform = _uniforms(images.shape, seed, _SALT)
    dark, light = uniform < fraction / 2, uniform > 1 - fraction / 2
    return np.where(dark, fmt.minimum, np.where(light, fmt.maximum, images))


def changed(pixels: np.ndarray, fmt: InputFormat, change: Change, seed: int) -> np.ndarray:
    """Apply one change to integer pixels.

    Parameters
    ----------
    pixels : (N, M) integers
    fmt : their range, scale and shape
    change : a shift in whole pixels, a rotation in degrees, a deviation in real pixel units, a
        fraction of pixels, or a factor of contrast
    seed : of the noise

    Returns
    -------
    (N, M) int16, within the range

    Raises
    ------
    ValueError
        If there is no such change.
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
    """Numbers inside (0, 1), from raw bits of PCG64, which NumPy's versions do not change."""
    raw = np.random.PCG64([seed, kind]).random_raw(shape)
    return ((raw >> np.uint64(64 - _BITS)).astype(np.float64) + 0.5) * 2.0**-_BITS
