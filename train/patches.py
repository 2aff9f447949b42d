"""Preset `patches`: whitened patches of the photographs that scikit-image and scikit-learn ship."""

import itertools
from typing import Any

import numpy as np

from ipvae.errors import DataError

SIZE = 16
TRAIN, TEST = 20_000, 4_000
PIXEL_LIMIT, STEPS_PER_DEVIATION = 128, 24
"""Integer pixels -128..127; a patch's standard deviation is 24 of them."""
CUTOFF = 0.4
"""Of the low-pass part of the whitening filter, in cycles per pixel."""
LEAST_CONTRAST = 0.5
"""Standard deviation of a patch in units of its photograph's: there is nothing to see in less,
and a figure that divides by its variance, as R2 does, would tell of nothing else."""
STRIPS, HELD_OUT = 10, (3, 8)
"""Every photograph is cut into so many upright strips; test patches come from these two."""

_PHOTOGRAPHS = ("astronaut", "camera", "chelsea", "coffee", "rocket")
_SEED = 20241026


def patches() -> tuple[np.ndarray, np.ndarray]:
    """Training and test patches.

    Photographs are made grey and whitened by the filter f exp(-(f / f0)**4) of Olshausen and
    Field (Vision Research 37, 1997, equation 4); patches are cut at random places, test patches
    from two of ten strips of each photograph, which training patches do not touch; patches of
    less than half the photograph's contrast are left out. All are brought to mean 0 and the
    same contrast: the updates' stability goes with rates, and rates with contrast.

    Returns
    -------
    train, test : (TRAIN, 256), (TEST, 256) int16

    Raises
    ------
    DataError
        If scikit-image is not installed.
    """
    strips = [np.array_split(whiten(photograph), STRIPS, axis=1) for photograph in photographs()]
    kept = [i for i in range(STRIPS) if i not in HELD_OUT]
    train = cut([image[i] for i in kept for image in strips], TRAIN, _SEED)
    test = cut([image[i] for i in HELD_OUT for image in strips], TEST, _SEED + 1)
    return to_pixels(train), to_pixels(test)


def to_pixels(found: np.ndarray) -> np.ndarray:
    """Bring patches (N, SIZE**2) to mean 0 and one contrast, as int16; beyond the limits cut."""
    centred = found - found.mean(axis=1, keepdims=True)
    scaled = STEPS_PER_DEVIATION * centred / centred.std(axis=1, keepdims=True)
    return np.clip(np.rint(scaled), -PIXEL_LIMIT, PIXEL_LIMIT - 1).astype(np.int16)


def photographs() -> list[np.ndarray]:
    """Grey photographs, float64 in [0, 1]."""
    try:
        from skimage import data
    except ImportError as error:
        raise DataError(
            "preset patches: scikit-image is not installed, whose photographs it takes. "
            "Install it (pip install scikit-image), or choose another preset."
        ) from error
    from sklearn.datasets import load_sample_image

    found: list[Any] = [getattr(data, name)() for name in _PHOTOGRAPHS]
    found += [load_sample_image(name) for name in ("china.jpg", "flower.jpg")]
    return [image.reshape(*image.shape[:2], -1).mean(axis=2) / 255.0 for image in found]


def whiten(image: np.ndarray) -> np.ndarray:
    """Flatten the spectrum of a photograph up to the cut-off, mean 0."""
    rows, columns = (np.fft.fftfreq(n) for n in image.shape)
    frequency = np.hypot(rows[:, None], columns[None, :])
    response = frequency * np.exp(-((frequency / CUTOFF) ** 4))
    whitened = np.fft.ifft2(np.fft.fft2(image - image.mean()) * response).real
    return whitened / whitened.std()


def cut(images: list[np.ndarray], count: int, seed: int) -> np.ndarray:
    """Cut patches at random places of each image in turn; those of little contrast are dropped.

    Returns
    -------
    (count, SIZE**2) float64
    """
    source = np.random.PCG64(seed)
    found = np.empty((count, SIZE * SIZE))
    n = 0
    for image in itertools.cycle(images):
        if n == count:
            break
        top, left = (int(source.random_raw()) % (side - SIZE + 1) for side in image.shape)
        patch = image[top : top + SIZE, left : left + SIZE]
        if patch.std() >= LEAST_CONTRAST:
            found[n] = patch.reshape(-1)
            n += 1
    return found
