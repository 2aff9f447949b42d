"""Images of other data sets: faces, photographs, other handwriting; without downloads."""

from typing import Any

import numpy as np

from ipvae.errors import DataError
from ipvae.extras import needs
from ipvae.train.datasets.patches import LEAST_CONTRAST, photographs

SETS = ("faces", "photographs", "digits")
FRAMED = "-framed"
NAMES = (*SETS, *(name + FRAMED for name in SETS))
CROPS, SHRINK = 1000, 4
"""Number of crops of photographs, and photograph pixels per crop pixel along each side."""
LEAST_DEVIATION = 0.05
"""Minimum standard deviation of an image's pixels, with black 0 and white 1. R2 divides by its
square, so images with small deviations would dominate. 24 of the 200 faces and other crops have
less."""
_SEED = 20261121


def other_images(name: str, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Return grey images of a given size, with labels.

    - `faces`: 100 faces (label 1) and 76 crops without a face (0) of Labeled Faces in the Wild,
      25x25, from scikit-image's `lfw_subset`; 24 crops of almost uniform grey are excluded.
    - `photographs`: 1000 crops at random places of the seven photographs of preset `patches`.
    - `digits`: the 1797 digits of scikit-learn, 8x8, labels 0 to 9.

    With the suffix `-framed`, an image is reduced and surrounded by black of one seventh of its
    sides, like MNIST's digits, 20x20 in 28x28.

    Parameters
    ----------
    name : one of NAMES
    height, width : size of an image in pixels

    Returns
    -------
    images, labels : (N, height, width) float64 in [0, 1], (N,) int64, -1 if unknown

    Raises
    ------
    DataError
        If the set is unknown, scikit-image is missing, or photographs are too small.
    """
    if name not in NAMES:
        raise DataError(f"images are {name!r}; allowed are {', '.join(NAMES)}. Choose one of them.")
    edges = (0, 0)
    if name.endswith(FRAMED):
        edges = (round(height / 7), round(width / 7))
    inner = (height - 2 * edges[0], width - 2 * edges[1])
    images, labels = _chosen(name.removesuffix(FRAMED), *inner)
    return np.pad(images, ((0, 0), (edges[0],) * 2, (edges[1],) * 2)), labels


def _chosen(name: str, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    if name == "photographs":
        crops = _crops(height, width)
        return crops, np.full(len(crops), -1)
    images, labels = _faces() if name == "faces" else _digits()
    return _resized(images, height, width), labels


def _faces() -> tuple[np.ndarray, np.ndarray]:
    """Alternate images with and without a face, while both remain."""
    images: Any = _skimage("skimage.data").lfw_subset()
    half = len(images) // 2
    kept = images.std(axis=(1, 2)) >= LEAST_DEVIATION
    turn = np.concatenate([np.arange(np.count_nonzero(k)) for k in (kept[:half], kept[half:])])
    order = np.argsort(turn, kind="stable")
    return images[kept][order], np.repeat([1, 0], half)[kept][order]


def _digits() -> tuple[np.ndarray, np.ndarray]:
    with needs("evaluate", "images=digits"):
        from sklearn.datasets import load_digits

    digits: Any = load_digits()
    return digits.images / 16.0, digits.target.astype(np.int64)


def _resized(images: np.ndarray, height: int, width: int) -> np.ndarray:
    """Resize with linear interpolation, and blur first if the size decreases."""
    resize = _skimage("skimage.transform").resize
    return np.stack([resize(i, (height, width), order=1, anti_aliasing=True) for i in images])


def _crops(height: int, width: int) -> np.ndarray:
    """Crops of each photograph in turn; crops of low contrast are drawn again."""
    sources = [_shrunk(photograph) for photograph in photographs()]
    most = np.min([source.shape for source in sources], axis=0)
    if height > most[0] or width > most[1]:
        raise DataError(
            f"photographs: images of {height}x{width} pixels are wanted; allowed are up to "
            f"{most[0]}x{most[1]}. Take faces or digits."
        )
    if height * width < 2:
        raise DataError(
            "photographs: images of one pixel are wanted, which have no contrast; allowed are two "
            "and more. Take faces or digits."
        )
    bits = np.random.PCG64(_SEED)
    found: list[np.ndarray] = []
    while len(found) < CROPS:
        source = sources[len(found) % len(sources)]
        top, left = (
            int(bits.random_raw()) % (there - side + 1)
            for there, side in zip(source.shape, (height, width), strict=True)
        )
        crop = source[top : top + height, left : left + width]
        if crop.std() >= LEAST_CONTRAST * source.std():
            found.append(crop)
    return np.stack(found)


def _shrunk(photograph: np.ndarray) -> np.ndarray:
    """Means of blocks of SHRINK x SHRINK pixels."""
    height, width = (side // SHRINK for side in photograph.shape)
    cut = photograph[: height * SHRINK, : width * SHRINK]
    return cut.reshape(height, SHRINK, width, SHRINK).mean(axis=(1, 3))


def _skimage(module: str) -> Any:
    import importlib

    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise DataError(
            "faces, photographs, digits: scikit-image is not installed, which holds or resizes "
            "them. Install it (pip install scikit-image), or give an .npy file."
        ) from error
