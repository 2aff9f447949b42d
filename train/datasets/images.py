"""Training and test images, as integers and as real values."""

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ipvae.errors import DataError
from ipvae.extras import needs
from ipvae.float_models.data import DataInfo

DIGITS_TEST = 360
DIGITS_PIXEL_MAX = 16
MNIST_PIXEL_MAX = 255
_SPLIT_SEED = 20241025


@dataclass(frozen=True, eq=False)
class Images:
    """Data set with its split.

    Attributes
    ----------
    preset : name of the data set
    train_pixels, test_pixels : (N, M) uint8 or int16, integer pixels up to `pixel_max`
    train_labels, test_labels : (N,) int64, -1 if unknown
    shape : (height, width); M = channels height width, channel by channel
    pixel_max : largest integer pixel; it represents 1.0 if `pixel_scale` is not given
    pixel_min : smallest integer pixel
    pixel_scale : real value of one integer step
    unit : real value that is 1 in training, a power of two
    channels : 1 for grey images, 3 for colour
    windows : two (N, H, W) float32, larger images around the training and the test images, in which
        a crop moves; None for films of the images themselves
    """

    preset: str
    train_pixels: np.ndarray
    train_labels: np.ndarray
    test_pixels: np.ndarray
    test_labels: np.ndarray
    shape: tuple[int, int]
    pixel_max: int
    pixel_min: int = 0
    pixel_scale: float | None = None
    unit: float = 1.0
    channels: int = 1
    windows: tuple[np.ndarray, np.ndarray] | None = None

    @cached_property
    def train(self) -> np.ndarray:
        """Training images, (N, M) float32, real values divided by `unit`."""
        return self.in_units(self.train_pixels)

    @cached_property
    def test(self) -> np.ndarray:
        """Held-out images, (N, M) float32, real values divided by `unit`."""
        return self.in_units(self.test_pixels)

    def in_units(self, pixels: np.ndarray) -> np.ndarray:
        """Return integer pixels as float32 real values divided by `unit`."""
        if self.pixel_scale is None:
            return to_real(pixels, self.pixel_max) / np.float32(self.unit)
        return pixels.astype(np.float32) * np.float32(self.pixel_scale / self.unit)

    @property
    def info(self) -> DataInfo:
        """Description of this data set for a checkpoint."""
        return DataInfo(
            self.preset,
            self.pixel_max,
            self.shape,
            len(self.train_pixels),
            self.pixel_min,
            self.pixel_scale,
            self.channels,
        )


def to_real(pixels: np.ndarray, pixel_max: int) -> np.ndarray:
    """Return integer pixels (N, M) as float32 real values, pixel / pixel_max."""
    return pixels.astype(np.float32) / np.float32(pixel_max)


def load_images(
    preset: str,
    data_dir: str | Path | None = None,
    *,
    download: bool = False,
    first: tuple[int, int] | None = None,
) -> Images:
    """Load a preset's images.

    Parameters
    ----------
    preset : 'digits' (scikit-learn's 8x8 digits, 1437 + 360), 'patches' (whitened 16x16 patches of
        photographs, see `ipvae.train.datasets.patches`), 'photographs' (whitened 48x48 crops, see
        `ipvae.train.datasets.photographs`), 'mnist' (60,000 + 10,000), 'mnist-conv', 'mnist-rotate'
        or 'mnist-jitter' (the same), or 'photographs-jitter' (16x16 crops that move in windows of
        the photographs of 'patches')
    data_dir : for MNIST, a folder in torchvision's layout, such as DIR with
        MNIST/raw/*-ubyte, gzipped or not; FashionMNIST, KMNIST and EMNIST are found in the same way
        (see `ipvae.train.mnist_like`); other presets do not use it
    download : let torchvision download missing files
    first : sufficient number of training and of test images, from the start; more may be returned

    Raises
    ------
    DataError
        If the preset is unknown, or its files are missing or damaged.
    """
    if preset == "digits":
        return _load_digits()
    if preset == "patches":
        return _load_patches(first)
    if preset == "photographs":
        return _load_photographs(first)
    if preset == "photographs-jitter":
        return _load_moving(first)
    if preset in ("mnist", "mnist-conv", "mnist-rotate", "mnist-jitter"):
        return _load_mnist(preset, data_dir, download)
    raise DataError(
        f"preset is {preset!r}; allowed are digits, patches, mnist, photographs, mnist-conv, "
        "mnist-rotate, mnist-jitter, photographs-jitter. Choose one of them."
    )


def _load_digits() -> Images:
    with needs("evaluate", "preset digits"):
        from sklearn.datasets import load_digits

    digits: Any = load_digits()
    pixels = digits.data.astype(np.uint8)
    labels = digits.target.astype(np.int64)
    # Raw bits of PCG64 are the same in all NumPy versions; Generator.permutation is not.
    keys = np.random.PCG64(_SPLIT_SEED).random_raw(len(pixels))
    order = np.argsort(keys, kind="stable")
    train, test = order[:-DIGITS_TEST], order[-DIGITS_TEST:]
    return Images(
        "digits",
        train_pixels=pixels[train],
        train_labels=labels[train],
        test_pixels=pixels[test],
        test_labels=labels[test],
        shape=(8, 8),
        pixel_max=DIGITS_PIXEL_MAX,
    )


def _load_patches(first: tuple[int, int] | None) -> Images:
    from ipvae.train.datasets.patches import (
        PIXEL_LIMIT,
        SIZE,
        STEPS_PER_DEVIATION,
        TEST,
        TRAIN,
        patches,
    )

    most = first or (TRAIN, TEST)
    found = patches(min(TRAIN, most[0]), min(TEST, most[1]))
    return _whitened("patches", found, SIZE, PIXEL_LIMIT, STEPS_PER_DEVIATION)


def _load_moving(first: tuple[int, int] | None) -> Images:
    from ipvae.train.datasets import patches

    most = first or (patches.TRAIN, patches.TEST)
    windows = patches.windows(min(patches.TRAIN, most[0]), min(patches.TEST, most[1]))
    edge = (patches.WINDOW - patches.SIZE) // 2
    centres = (w[:, edge : edge + patches.SIZE, edge : edge + patches.SIZE] for w in windows)
    train, test = (patches.to_pixels(c.reshape(len(c), -1).astype(np.float64)) for c in centres)
    limits = patches.SIZE, patches.PIXEL_LIMIT, patches.STEPS_PER_DEVIATION
    return replace(_whitened("photographs-jitter", (train, test), *limits), windows=windows)


def _load_photographs(first: tuple[int, int] | None) -> Images:
    from ipvae.train.datasets.patches import PIXEL_LIMIT, STEPS_PER_DEVIATION
    from ipvae.train.datasets.photographs import SIDE, TEST, TRAIN, crops

    most = first or (TRAIN, TEST)
    found = crops(min(TRAIN, most[0]), min(TEST, most[1]))
    return _whitened("photographs", found, SIDE, PIXEL_LIMIT, STEPS_PER_DEVIATION)


def _whitened(
    preset: str, found: tuple[np.ndarray, np.ndarray], side: int, limit: int, steps: int
) -> Images:
    """Square images of signed pixels -limit .. limit - 1, `steps` for each unit."""
    train, test = found
    return Images(
        preset,
        train_pixels=train,
        train_labels=np.full(len(train), -1),
        test_pixels=test,
        test_labels=np.full(len(test), -1),
        shape=(side, side),
        pixel_max=limit - 1,
        pixel_min=-limit,
        pixel_scale=1.0 / steps,
    )


def _load_mnist(preset: str, data_dir: str | Path | None, download: bool) -> Images:
    from ipvae.train.mnist_like import SIDE, load_mnist_like

    arrays = load_mnist_like(data_dir, download)
    return Images(preset, *arrays, shape=(SIDE, SIDE), pixel_max=MNIST_PIXEL_MAX)
