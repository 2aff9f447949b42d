"""Images of a user: arrays, array files and folders of pictures.

`read_images` reads them. `to_levels` converts them to the pixels of an input format, and logs in
one line how it interpreted their values.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ipvae.errors import InputError
from ipvae.network.description import InputFormat
from ipvae.network.io.array_files import read_npy, read_npz
from ipvae.network.io.hdf5_child import shown
from ipvae.network.pixels import load_array, require_finite
from ipvae.workflows.image_input.picture_files import is_picture_folder, read_pictures

FEW = 0.1
"""Fraction of the range below which images probably have other units than the network."""
IN_COLOUR = (
    "They are in colour, and networks take one grey value for each pixel: make them grey, "
    "images[..., :3] @ [0.299, 0.587, 0.114] where colours are last, or give a folder of pictures."
)
log = logging.getLogger("ipvae")


LabelsLike = np.ndarray | Sequence[int] | str | Path | None
"""Integers (n,), one for each image, or the path of an .npy file with them."""


@dataclass(frozen=True, eq=False)
class OwnImages:
    """Images of a user before conversion.

    Attributes
    ----------
    values : (N, ...) bool, integers or floating-point numbers
        Integers are pixel levels, floating-point numbers real values; True is white.
    labels : (N,) int64
        Class of each image, -1 where unknown.
    where : str
        Name in messages.
    pictures : bool
        Whether they are pictures, from 0 (black) to 255 (white).
    whole_shape : tuple of int, optional
        Shape of all images, of which `values` are the first.
    """

    values: np.ndarray
    labels: np.ndarray
    where: str
    pictures: bool = False
    whole_shape: tuple[int, ...] | None = None

    def __len__(self) -> int:
        return len(self.values)

    def first(self, n: int | None) -> "OwnImages":
        """Return the first n images, or all; the rest of a large file is not read."""
        whole = self.shape
        return replace(self, values=self.values[:n], labels=self.labels[:n], whole_shape=whole)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the images as given, for messages."""
        return self.values.shape if self.whole_shape is None else self.whole_shape


def read_images(
    images: object,
    labels: LabelsLike = None,
    shape: tuple[int, int] | None = None,
    first: int | None = None,
) -> OwnImages:
    """Read images of a user.

    Parameters
    ----------
    images : array, or path of an .npy file, an .npz file or a folder of pictures
        From an .npz file the array `images` is read, or its only array, and `labels` if present.
        Pictures are converted to grey; sub-folders are their classes.
    labels : (N,) int, or path of an .npy file with them; optional
        Class of each image; it overrides labels in an .npz file or classes of a folder.
    shape : (height, width), optional
        Size of pictures after a centre crop to its aspect ratio and scaling. Without it all
        pictures must have one size. Arrays are never scaled.
    first : int, optional
        Number of images to read, from the first; all by default.

    Raises
    ------
    InputError
        If images cannot be read, or labels do not match.
    """
    where, found_labels, pictures = "images", None, False
    if isinstance(images, (str, Path)):
        where, path = str(images), Path(images)
        if is_picture_folder(path):
            pictures, few = True, first if labels is None else None  # labels are for all pictures
            values, found_labels = read_pictures(path, shape, few)
        elif path.suffix.lower() == ".npz":
            values, found_labels = _from_archive(path)
        else:
            values = load_array(path, "biuf", "(n, height, width)")
    else:
        values = np.asarray(images)
    if values.dtype.kind not in "biuf":
        raise InputError(
            f"{where}: found dtype {values.dtype}, allowed real numbers, or true and false; "
            "convert them"
        )
    own = _labels(found_labels if labels is None else labels, len(values))
    return OwnImages(values, own, where, pictures).first(first)


def as_labels(labels: LabelsLike) -> np.ndarray | None:
    """Return labels as an array.

    Raises
    ------
    InputError
        If a file cannot be read. The function that uses the labels checks their values.
    """
    if labels is None:
        return None
    if not isinstance(labels, (str, Path)):
        return np.asarray(labels)
    try:
        return np.asarray(read_npy(labels))
    except InputError as error:
        raise InputError(f"labels: {error}") from error


def _from_archive(path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    """Images and labels of an .npz file."""

    def choose(names: list[str]) -> list[str]:
        shown_names = ", ".join(map(shown, names[:10])) or "none"
        if len(names) != 1 and not {"images", "labels"} <= set(names):
            raise InputError(
                f"{path}: found the arrays {shown_names}, allowed one, or 'images' (and 'labels'); "
                "rename them"
            )
        if len(names) == 1:
            return names
        if len(names) > 2:
            log.info(f"{path}: of the arrays {shown_names} it reads images and labels")
        return ["images", "labels"]

    found = list(read_npz(path, choose, InputError).values())
    return found[0], found[1] if len(found) > 1 else None


def _labels(labels: LabelsLike, n: int) -> np.ndarray:
    found = as_labels(labels)
    if found is None:
        return np.full(n, -1)
    if found.shape != (n,) or found.dtype.kind not in "iu":
        remedy = "Convert them: labels.astype(int)."
        if found.ndim == 2 and len(found) == n:
            remedy = "Convert one row for each image to its class: labels.argmax(axis=1)."
        elif found.shape != (n,):
            remedy = "Give a label for each image, -1 where it is unknown."
        raise InputError(
            f"labels: found {found.dtype} of shape {found.shape}, allowed integers of shape ({n},)"
            f", one for each image. {remedy}"
        )
    return found.astype(np.int64)


def to_levels(own: OwnImages, fmt: InputFormat) -> np.ndarray:
    """Convert images to pixels of an input format, (N, M) int16; log the interpretation.

    Raises
    ------
    InputError
        If their shape differs, or their values are out of range.
    """
    values, where = own.values, own.where
    height, width = fmt.shape
    allowed = [(fmt.size,), (height, width), (1, height, width), (height, width, 1)]
    if values.ndim < 2 or values.shape[1:] not in allowed or len(values) == 0:
        raise InputError(
            f"{where}: found shape {own.shape}, allowed (n, {fmt.size}), "
            f"(n, {height}, {width}), (n, 1, {height}, {width}) or (n, {height}, {width}, 1) "
            "with n above 0. "
            f"{_advice(own.shape, fmt)}"
        )
    flat = values.reshape(len(values), fmt.size)
    if flat.dtype.kind == "b":
        flat = _black_and_white(flat, fmt, where)
    kind = flat.dtype.kind
    require_finite(flat, where)
    low, high = flat.min(), flat.max()
    levels = np.rint(flat / fmt.scale) if kind == "f" else flat
    _require_range(levels, fmt, where, kind, f"{_number(low)} to {_number(high)}")
    read = {"f": "real values", "i": "pixel levels", "u": "pixel levels"}[kind]
    if values.dtype.kind == "b":
        read = "black and white"
    given = "pictures" if own.pictures else f"{values.dtype}"
    log.info(
        f"{where}: {len(flat)} of {height} x {width}, {given} read as {read}, "
        f"{_number(low)} to {_number(high)} ({_range(fmt, kind)} allowed)"
    )
    used = (float(levels.max()) - float(levels.min())) / (fmt.maximum - fmt.minimum)
    if used < FEW:
        log.warning(
            f"{where}: warning: {_number(low)} to {_number(high)} is {used:.1%} of the range "
            f"{_range(fmt, kind)} on which the model was trained. Integers are pixel levels, "
            "floating-point numbers real values: scale or convert them if they mean more"
        )
    return levels.astype(np.int16)


def _black_and_white(flat: np.ndarray, fmt: InputFormat, where: str) -> np.ndarray:
    if fmt.minimum != 0:
        raise InputError(
            f"{where}: are true and false, and pixels here go from {fmt.minimum} to {fmt.maximum}; "
            "give numbers, prepared as the images of the training were"
        )
    return flat.astype(np.int16) * fmt.maximum


def _require_range(levels: np.ndarray, fmt: InputFormat, where: str, kind: str, found: str) -> None:
    if levels.min() >= fmt.minimum and levels.max() <= fmt.maximum:
        return
    what, other = ("real values", "levels") if kind == "f" else ("pixel levels", "real values")
    as_other = "f" if kind != "f" else "i"
    raise InputError(
        f"{where}: {what}: found {found}, allowed {_range(fmt, kind)}. Scale them as the training "
        f"images were, or give {'integers' if kind == 'f' else 'floating-point numbers'} if "
        f"they are {other} ({_range(fmt, as_other)})."
    )


def _range(fmt: InputFormat, kind: str) -> str:
    """Allowed values of a kind, as text."""
    scale = fmt.scale if kind == "f" else 1
    return f"{_number(fmt.minimum * scale)} to {_number(fmt.maximum * scale)}"


def _number(value: float) -> str:
    return f"{float(value):.6g}"


def is_coloured(shape: tuple[int, ...]) -> bool:
    """Return whether an array has the shape of images in colour."""
    return len(shape) == 4 and bool({shape[1], shape[3]} & {3, 4})


def _advice(shape: tuple[int, ...], fmt: InputFormat) -> str:
    """Advice for images of a wrong shape."""
    height, width = fmt.shape
    if shape in ((fmt.size,), fmt.shape):
        return "It is one image: put it into an array of images, images[None]."
    if is_coloured(shape):
        return IN_COLOUR
    if len(shape) == 3 and shape[:2] == fmt.shape and shape[2] not in fmt.shape:
        return "The images are last: put them first, np.moveaxis(images, -1, 0)."
    if len(shape) > 2 and np.prod(shape[1:]) == fmt.size and height != width:
        return (
            "The order is image, row, column, from top left; transpose them, do not only reshape."
        )
    return f"Reshape them, or resize them to {height} x {width}."
