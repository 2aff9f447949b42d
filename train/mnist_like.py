"""MNIST and data sets in its layout (FashionMNIST, KMNIST, EMNIST), as stored by torchvision.

A set has four IDX files, gzipped or not: training and test images, and their labels.
"""

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ipvae.errors import DataError
from ipvae.train.datasets.idx import read_idx

SIDE = 28
SETS = ("MNIST", "FashionMNIST", "KMNIST", "EMNIST")
"""Folders of torchvision's layout."""
EMNIST, EMNIST_FIRST = "EMNIST", "balanced"
"""The set with several splits, and its default split."""
EMNIST_CLASSES = {
    "balanced": 47,
    "byclass": 62,
    "bymerge": 47,
    "letters": 27,
    "digits": 10,
    "mnist": 10,
}
"""Upper bound, exclusive, of the labels of each split; labels of letters are 1 to 26."""
PARTS = ("train", "t10k")
FILES = (("images-idx3", 3), ("labels-idx1", 1))

log = logging.getLogger("ipvae")


@dataclass(frozen=True)
class IdxSet:
    """Four files of a data set.

    Attributes
    ----------
    name : str
        Name in messages.
    folder : Path
    prefixes : tuple of str
        Prefixes of the names of the training files and of the test files.
    classes : int
        Upper bound of labels, exclusive.
    transposed : bool
        Rows and columns are exchanged in the files, as in all EMNIST files.
    """

    name: str
    folder: Path
    prefixes: tuple[str, str] = PARTS
    classes: int = 10
    transposed: bool = False

    def path(self, prefix: str, kind: str) -> Path | None:
        """File of one part and kind, gzipped or not; None for a missing file."""
        name = f"{prefix}-{kind}-ubyte"
        found = (self.folder / name, self.folder / f"{name}.gz")
        return next((path for path in found if path.is_file()), None)

    @property
    def is_there(self) -> bool:
        """True if any of its files exists."""
        return any(self.path(prefix, kind) for prefix in self.prefixes for kind, _ in FILES)


def load_mnist_like(data_dir: str | Path | None, download: bool = False) -> list[np.ndarray]:
    """Load MNIST, or a data set in its layout.

    Returns
    -------
    list
        Training images (N, 784) uint8 and labels (N,) int64, then test images and labels.

    Parameters
    ----------
    data_dir : path
        DIR that contains MNIST/raw/*-ubyte; without it, the existing one of FashionMNIST/raw,
        KMNIST/raw and EMNIST/raw. The folder of a set, DIR/FashionMNIST or DIR/FashionMNIST/raw,
        selects that set. For EMNIST the split is 'balanced', or the only existing one;
        DIR/EMNIST/letters selects another. EMNIST's images, stored with rows and columns exchanged,
        are transposed.
    download : let torchvision download MNIST

    Raises
    ------
    DataError
        If there are no files, the choice is ambiguous, or files are missing or damaged.
    """
    if data_dir is None:
        raise DataError(
            "preset mnist: no data folder was given; it needs DIR with MNIST/raw/*-ubyte in it. "
            "Pass data_dir=DIR."
        )
    root = Path(data_dir)
    if download:
        _download_mnist(root)
    found = _chosen(root)
    if found.name != SETS[0]:
        turned = ", its pictures turned upright" if found.transposed else ""
        log.info(f"preset mnist: {found.name} of {found.folder}{turned}")
    return _load(found)


def _chosen(root: Path) -> IdxSet:
    """Set selected by a folder."""
    if root.parent.name == EMNIST and root.name in EMNIST_CLASSES:
        return _emnist(root.parent, root.name)
    own = _of_folder(root.parent if root.name == "raw" else root)
    if own is not None:
        return own
    there = [found for name in SETS if (found := _of_folder(root / name)) is not None]
    if (there and there[0].name == SETS[0]) or len(there) == 1:
        return there[0]
    if there:
        names = ", ".join(str(root / found.name.partition(" ")[0]) for found in there)
        raise DataError(
            f"{root}: holds several data sets and no MNIST. Pass data_dir= with one of {names}."
        )
    return IdxSet(SETS[0], root / SETS[0] / "raw")  # the missing files are reported by name


def _of_folder(home: Path) -> IdxSet | None:
    """Set whose files are in a folder or its subfolder raw, None without files."""
    if home.name == EMNIST:
        there = [split for split in EMNIST_CLASSES if _emnist(home, split).is_there]
        if not there:
            return None
        if len(there) > 1 and EMNIST_FIRST not in there:
            names = ", ".join(str(home / split) for split in there)
            raise DataError(f"{home}: holds several splits. Pass data_dir= with one of {names}.")
        return _emnist(home, EMNIST_FIRST if EMNIST_FIRST in there else there[0])
    name = home.name if home.name in SETS else SETS[0]
    found = (IdxSet(name, folder) for folder in (home / "raw", home))
    return next((one for one in found if one.is_there), None)


def _emnist(home: Path, split: str) -> IdxSet:
    prefixes = (f"emnist-{split}-train", f"emnist-{split}-test")
    name, classes = f"EMNIST {split}", EMNIST_CLASSES[split]
    found = [IdxSet(name, f, prefixes, classes, True) for f in (home / "raw", home)]
    return next((one for one in found if one.is_there), found[0])


def _load(of: IdxSet) -> list[np.ndarray]:
    parts: list[np.ndarray] = []
    for prefix in of.prefixes:
        images, labels = (_read(of, prefix, kind, n_dims) for kind, n_dims in FILES)
        _require_fit(of, prefix, images, labels)
        if of.transposed:
            images = images.transpose(0, 2, 1)
        parts += [images.reshape(-1, SIDE * SIDE), labels.astype(np.int64)]
    return parts


def _read(of: IdxSet, prefix: str, kind: str, n_dims: int) -> np.ndarray:
    path = of.path(prefix, kind)
    if path is None:
        name = f"{prefix}-{kind}-ubyte"
        raise DataError(
            f"{of.folder}: {name} (or {name}.gz) is missing; preset mnist needs torchvision's "
            "layout DIR/MNIST/raw/*-ubyte (or FashionMNIST, KMNIST, EMNIST). Pass data_dir=DIR "
            "with those files."
        )
    return read_idx(path, n_dims)


def _require_fit(of: IdxSet, part: str, images: np.ndarray, labels: np.ndarray) -> None:
    """Raise DataError if images and labels of a part are inconsistent."""
    if images.shape[1:] != (SIDE, SIDE) or labels.shape != images.shape[:1] or not len(images):
        raise DataError(
            f"{of.folder}: {part}: found images {images.shape} and labels {labels.shape}, allowed "
            f"(N, {SIDE}, {SIDE}) and (N,) with N above 0; fetch the files again"
        )
    if labels.max() >= of.classes:
        raise DataError(
            f"{of.folder}: {part} holds the label {labels.max()}; allowed are 0 to "
            f"{of.classes - 1}. Fetch the files again."
        )


def _download_mnist(root: Path) -> None:
    try:
        from torchvision.datasets import MNIST  # pyright: ignore[reportMissingImports]

        MNIST(str(root), download=True)
    except Exception as error:
        raise DataError(
            f"{root}: MNIST could not be downloaded ({error}). Put its four *-ubyte files under "
            f"{root / 'MNIST' / 'raw'} by hand."
        ) from error
