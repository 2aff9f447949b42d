"""Preset `patches`: whitened patches of the photographs in scikit-image and scikit-learn."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from ipvae.errors import DataError
from ipvae.extras import needs

SIZE = 16
TRAIN, TEST = 20_000, 4_000
PIXEL_LIMIT, STEPS_PER_DEVIATION = 128, 24
"""Integer pixels are -128..127; the standard deviation of a patch is 24."""
CUTOFF = 0.4
"""Cut-off of the low-pass part of the whitening filter, in cycles per pixel."""
LEAST_CONTRAST = 0.5
"""Minimum standard deviation of a patch relative to its photograph's. Patches below it show almost
nothing, and would dominate measures that divide by the variance, such as R2."""
STRIPS, HELD_OUT = 10, (3, 8)
"""Number of vertical strips of each photograph, and the two strips of test patches."""

PHOTOGRAPHS = {
    "skimage": (
        "scikit-image",
        "data",
        ("astronaut.png", "camera.png", "chelsea.png", "coffee.png", "rocket.jpg"),
    ),
    "sklearn": ("scikit-learn", "datasets/images", ("china.jpg", "flower.jpg")),
}
"""Packages, their distribution names, and the paths of their photographs."""
_SEED = 20241026
WINDOW = 32
"""Height and width of the windows in which patches move, preset `photographs-jitter`."""
AT_ONCE = 2048
"""Patches that are cut and checked together; the result does not depend on it."""


def patches(n_train: int = TRAIN, n_test: int = TEST) -> tuple[np.ndarray, np.ndarray]:
    """Training and test patches, or the first of each.

    Photographs are converted to grey and whitened by the filter f exp(-(f / f0)**4) of Olshausen
    and Field (Vision Research 37, 1997, equation 4). Patches are cut at random places, test patches
    from two of ten strips of each photograph, which training patches do not overlap. Patches of
    less than half the photograph's contrast are excluded. All are scaled to mean 0 and the same
    contrast: stability of the updates depends on rates, and rates depend on contrast.

    Returns
    -------
    train, test : (n_train, 256), (n_test, 256) int16

    Raises
    ------
    DataError
        If scikit-image or scikit-learn is not installed.
    """
    strips = [np.array_split(whiten(photograph), STRIPS, axis=1) for photograph in photographs()]
    kept = [i for i in range(STRIPS) if i not in HELD_OUT]
    train = cut([image[i] for i in kept for image in strips], n_train, _SEED)
    test = cut([image[i] for i in HELD_OUT for image in strips], n_test, _SEED + 1)
    return to_pixels(train), to_pixels(test)


def windows(n_train: int = TRAIN, n_test: int = TEST) -> tuple[np.ndarray, np.ndarray]:
    """Training and test windows in which patches move, or the first of each.

    They are cut from the same strips of whitened photographs as the patches of `patches`. The patch
    in the middle of each has a patch's contrast.

    Returns
    -------
    train, test : (n_train, WINDOW, WINDOW), (n_test, WINDOW, WINDOW) float32

    Raises
    ------
    DataError
        If scikit-image or scikit-learn is not installed.
    """
    strips = [np.array_split(whiten(photograph), STRIPS, axis=1) for photograph in photographs()]
    kept = [i for i in range(STRIPS) if i not in HELD_OUT]
    train, test = (
        cut([image[i] for i in chosen for image in strips], count, seed, WINDOW)
        for chosen, count, seed in ((kept, n_train, _SEED + 2), (HELD_OUT, n_test, _SEED + 3))
    )
    shape = (-1, WINDOW, WINDOW)
    return train.reshape(shape).astype(np.float32), test.reshape(shape).astype(np.float32)


def to_pixels(found: np.ndarray) -> np.ndarray:
    """Scale patches (N, SIZE**2) to mean 0 and fixed contrast, as int16, clipped to the limits."""
    centred = found - found.mean(axis=1, keepdims=True)
    scaled = STEPS_PER_DEVIATION * centred / centred.std(axis=1, keepdims=True)
    return np.clip(np.rint(scaled), -PIXEL_LIMIT, PIXEL_LIMIT - 1).astype(np.int16)


def names() -> list[str]:
    """Names of the photographs, in the order of `photographs`."""
    return [Path(name).stem for _, _, files in PHOTOGRAPHS.values() for name in files]


def photographs(preset: str = "patches") -> list[np.ndarray]:
    """Grey photographs, float64 in [0, 1]; `preset` needs them, for messages."""
    found = [
        _shipped(package, installed, folder, name, preset)
        for package, (installed, folder, names) in PHOTOGRAPHS.items()
        for name in names
    ]
    return [image.reshape(*image.shape[:2], -1).mean(axis=2) / 255.0 for image in found]


def _shipped(package: str, installed: str, folder: str, name: str, preset: str) -> np.ndarray:
    """Read a photograph of a package without importing the package, which takes a second."""
    with needs("patches", f"preset {preset}"):
        from PIL import Image
    try:
        spec = find_spec(package)
    except (ImportError, ValueError):  # an import hook refuses it; sys.modules has None for it
        spec = None
    for place in [] if spec is None else spec.submodule_search_locations or []:
        path = Path(place) / folder / name
        if path.is_file():
            with Image.open(path) as photograph:
                return np.asarray(photograph)
    raise DataError(
        f"preset {preset}: {installed} is not installed, whose photographs it takes. "
        f"Install it (pip install {installed}), or choose another preset."
    )


def whiten(image: np.ndarray) -> np.ndarray:
    """Flatten the spectrum of a photograph up to the cut-off, with mean 0."""
    rows, columns = (np.fft.fftfreq(n) for n in image.shape)
    frequency = np.hypot(rows[:, None], columns[None, :])
    response = frequency * np.exp(-((frequency / CUTOFF) ** 4))
    whitened = np.real(np.fft.ifft2(np.fft.fft2(image - image.mean()) * response))
    return whitened / whitened.std()


def cut(images: list[np.ndarray], count: int, seed: int, side: int = SIZE) -> np.ndarray:
    """Cut patches at random places of each image in turn; patches of low contrast are dropped.

    Returns
    -------
    (count, side**2) float64
        Contrast is judged in the middle, of SIZE.
    """
    source, edge = np.random.PCG64(seed), (side - SIZE) // 2
    found = np.empty((count, side * side))
    n, tried = 0, 0
    while n < count:
        numbers = source.random_raw(2 * AT_ONCE).reshape(-1, 2)
        candidates = _candidates(images, tried, numbers, side)
        middle = candidates[:, edge : edge + SIZE, edge : edge + SIZE]
        chosen = candidates[_enough_contrast(middle)][: count - n]
        found[n : n + len(chosen)] = chosen.reshape(len(chosen), -1)
        n, tried = n + len(chosen), tried + AT_ONCE
    return found


def _candidates(images: list[np.ndarray], first: int, numbers: np.ndarray, side: int) -> np.ndarray:
    """Cut one patch per pair of random numbers, from images in turn, starting at `first`."""
    found = np.empty((len(numbers), side, side))
    turns = np.arange(first, first + len(numbers)) % len(images)
    for turn in np.unique(turns):
        rows = np.flatnonzero(turns == turn)
        windows: Any = np.lib.stride_tricks.sliding_window_view(images[turn], (side, side))
        top, left = (numbers[rows, i] % np.uint64(windows.shape[i]) for i in (0, 1))
        found[rows] = windows[top.astype(np.int64), left.astype(np.int64)]
    return found


def _enough_contrast(patches: np.ndarray) -> np.ndarray:
    """Mask (n,) bool of patches (n, SIZE, SIZE) of sufficient contrast, each independent."""
    contrast = patches.std(axis=(1, 2))
    for i in np.flatnonzero(np.abs(contrast - LEAST_CONTRAST) < 1e-9):
        contrast[i] = patches[i].std()
    return contrast >= LEAST_CONTRAST
