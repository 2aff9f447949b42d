"""Preset `photographs`: whitened crops of photographs, for models of images of any size.

    w = whitened photograph of deviation 1 (`ipvae.train.datasets.patches.whiten`)
    x = w / sqrt(CONTRAST^2 + blur(w^2))

The blur is Gaussian, of WIDTH pixels. The division brings detailed and faint regions to a similar
contrast, as contrast gain control in the retina does: stability of the updates depends on rates,
and rates depend on contrast. Faint regions, mostly noise, remain faint: for CONTRAST = 0.5 a region
of deviation 0.1 is amplified to 0.2.

Two whole photographs are held out: no crop of training is taken from them.
"""

import numpy as np

from ipvae.train.datasets import patches

HELD_OUT = ("camera", "china")
"""Photographs that only test images are taken from: one of each package."""
SIDE = 48
"""Height and width of a crop."""
TRAIN, TEST = 6_000, 300
CONTRAST, WIDTH = 0.5, 8.0
LEAST_CONTRAST = 0.5
"""Minimum standard deviation of a crop; the crops of fainter places teach nothing."""
_SEED = 20261201


def photographs(*, held_out: bool) -> dict[str, np.ndarray]:
    """Return whole photographs, as preprocessed integer pixels, by name.

    Parameters
    ----------
    held_out : the two held-out photographs, else the five of training

    Returns
    -------
    (height, width) int16 each, -128 to 127, 24 steps for each unit of x

    Raises
    ------
    DataError
        If scikit-image or scikit-learn is not installed.
    """
    found = zip(patches.names(), patches.photographs("photographs"), strict=True)
    return {n: to_pixels(prepare(image)) for n, image in found if (n in HELD_OUT) == held_out}


def prepare(image: np.ndarray) -> np.ndarray:
    """Whiten a grey photograph and equalize its local contrast.

    Parameters
    ----------
    image : (height, width), grey values of any linear scale

    Returns
    -------
    (height, width) float64, x of the module's equations
    """
    whitened = patches.whiten(image)
    rows, columns = (np.fft.fftfreq(n) for n in image.shape)
    squared = rows[:, None] ** 2 + columns[None, :] ** 2
    response = np.exp(-2.0 * (np.pi * WIDTH) ** 2 * squared)
    local = np.real(np.fft.ifft2(np.fft.fft2(np.square(whitened)) * response))
    return whitened / np.sqrt(CONTRAST**2 + np.maximum(local, 0.0))


def to_pixels(prepared: np.ndarray) -> np.ndarray:
    """Return x as integer pixels, int16, clipped to -128..127."""
    limit = patches.PIXEL_LIMIT
    scaled = np.rint(patches.STEPS_PER_DEVIATION * prepared)
    return np.clip(scaled, -limit, limit - 1).astype(np.int16)


def crops(n_train: int = TRAIN, n_test: int = TEST) -> tuple[np.ndarray, np.ndarray]:
    """Training and test crops, or the first of each.

    Returns
    -------
    train, test : (n_train, SIDE**2), (n_test, SIDE**2) int16
    """
    shares = ((False, n_train, _SEED), (True, n_test, _SEED + 1))
    train, test = (
        _cut(list(photographs(held_out=held_out).values()), count, seed)
        for held_out, count, seed in shares
    )
    return train, test


def _cut(images: list[np.ndarray], count: int, seed: int) -> np.ndarray:
    """Cut crops at random places of each image in turn; faint ones are drawn again."""
    source, found = np.random.PCG64(seed), np.empty((count, SIDE, SIDE), dtype=np.int16)
    least, n = LEAST_CONTRAST * patches.STEPS_PER_DEVIATION, 0
    while n < count:
        image = images[n % len(images)]
        top, left = (int(source.random_raw()) % (side - SIDE + 1) for side in image.shape)
        crop = image[top : top + SIDE, left : left + SIDE]
        if crop.std() >= least:
            found[n], n = crop, n + 1
    return found.reshape(count, -1)
