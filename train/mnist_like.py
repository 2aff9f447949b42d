"""MNIST and the data sets in its layout: FashionMNIST, KMNIST, EMNIST, as torchvision keeps them.

A set is four IDX files, gzipped or not: images and labels, to train on and to test on.
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
"""The one with several splits, and the split that is taken where no other is named."""
EMNIST_CLASSES = {
    "balanced": 47,
    "byclass": 62,
    "bymerge": 47,
    "letters": 27,
    "digits": 10,
    "mnist": 10,
}
"""Labels of each split are below this; those of letters are 1 to 26."""
PARTS = ("train", "t10k")
FILES = (("images-idx3", 3), ("labels-idx1", 1))

log = logging.getLogger("ipvae")


@dataclass(frozen=True)
class IdxSet:
    """Four files of a data set.

    Attributes
    ----------
    name : str
        For messages.
    folder : Path
    prefixes : tuple of str
        Begin of the names of the files to train on, and of those to test on.
    classes : int
        Labels are below this.
    transposed : bool
        Whether rows and columns are exchanged in the files, as in all of EMNIST's.
    """

    name: str
    folder: Path
    prefixes: tuple[str, str] = PARTS
    classes: int = 10
    transposed: bool = False

    def path(self, prefix: str, kind: str) -> Path | None:
        """File of one part and kind, gzipped or not; None if there is none."""
        name = f"{prefix}-{kind}-ubyte"
        found = (self.folder / name, self.folder / f"{name}.gz")
        return next((path for path in found if path.is_file()), None)

    @property
    def is_there(self) -> bool:
        """Whether any of its files is there."""
        return any(self.path(prefix, kind) for prefix in self.prefixes for kind, _ in FILES)


def load_mnist_like(data_dir: str | Path | None, download: bool = False) -> list[np.ndarray]:
    """Load MNIST, or a data set in its layout.

    Returns
    -------
    list
        Images (N, 784) uint8 and labels (N,) int64 to train on, then those to test on.

    Parameters
    ----------
    data_dir : path
        DIR with MNIST/raw/*-ubyte in it; without that folder the one of FashionMNIST/raw,
        KMNIST/raw and EMNIST/raw that is there. The folder of a set itself, DIR/FashionMNIST or
        DIR/FashionMNIST/raw, names that set. Of EMNIST's splits 'balanced' is taken, or the only
        one that is there; DIR/EMNIST/letters names another. EMNIST's pictures, which are stored
        with rows and columns exchanged, are turned upright.
    download : let torchvision fetch MNIST

    Raises
    ------
    DataError
        If there is none, several could be meant, or files are missing or damaged.
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
    """Set that a folder means."""
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
    return IdxSet(SETS[0], root / SETS[0] / "raw")  # whose files are then missed by name


def _of_folder(home: Path) -> IdxSet | None:
    """Set whose files are in a folder or its folder raw, None if there is none."""
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
    """Raise DataError unless images and labels of a part go together."""
    if images.shape[1:] != (SIDE, SIDE) or labels.shape != images.shape[:1] or not len(images):
        raise DataError(
            f"{of.folder}: {part} holds images {images.shape} and labels {labels.shape}; needed "
            f"are (N, {SIDE}, {SIDE}) and (N,) with N above 0. Fetch the files again."
        )
    if labels.max() >= of.classes:
        raise DataError(
            f"{of.folder}: {part} holds the label {labels.max()}; allowed are 0 to "
            f"{of.classes - 1}. Fetch the files again."
        )


def _download_mnist(root: Path) -> None:
    try:
        from torchvision.datasets import MNIST

        MNIST(str(root), download=True)
    except Exception as error:
        raise DataError(
            f"{root}: MNIST could not be downloaded ({error}). Put its four *-ubyte files under "
            f"{root / 'MNIST' / 'raw'} by hand."
        ) from error
