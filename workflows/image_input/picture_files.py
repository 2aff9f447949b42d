"""Folders of pictures (PNG, JPEG and others) as grey images; sub-folders are classes."""

import logging
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from ipvae.errors import InputError
from ipvae.files import require_file
from ipvae.network.io.hdf5_child import shown

logging.getLogger("PIL").addHandler(logging.NullHandler())  # errors are reported here

log = logging.getLogger("ipvae")

MOST_NAMED = 10
"""Maximum number of sub-folders that a message names."""
SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".pgm", ".ppm"}
MAX_PIXELS = 2**28
"""Largest number of pixels of one picture."""
WHITE = 255
DEEP_WHITE = 65535
"""White level of a picture with 16 bits per pixel."""


def is_picture_folder(path: Path) -> bool:
    """Return whether a path is a folder, which may contain pictures."""
    return path.is_dir()


def read_pictures(
    folder: Path, shape: tuple[int, int] | None, first: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Read the pictures of a folder, sorted by name, or of its sub-folders in turn.

    Colour is converted to grey (ITU-R 601-2 luma, as in Pillow); transparent pixels are blended
    with black. The log reports the number of converted pictures and the label of each sub-folder.

    Parameters
    ----------
    folder : Path
        Pictures, or sub-folders with the pictures of one class each. The label is the name of the
        sub-folder if all names are integers, else its index in the sorted names.
    shape : (height, width), optional
        Size of pictures after a centre crop to its aspect ratio and scaling.
    first : int, optional
        Number of pictures to read, from the first; all by default.

    Returns
    -------
    images : (N, height, width) uint8, 0 black to 255 white
    labels : (N,) int64, -1 without sub-folders

    Raises
    ------
    InputError
        If there is no picture, one cannot be read, or sizes differ without `shape`.
    """
    files, labels, classes = _listed(folder)
    if not files:
        raise InputError(
            f"{folder}: holds no picture ({', '.join(sorted(SUFFIXES))}), nor sub-folders that do. "
            "Give a folder of pictures, or an .npy or .npz file."
        )
    files, labels = files[:first], labels[:first]
    read = [_grey(file, shape) for file in files]
    images = [image for image, _ in read]
    for file, image in zip(files, images, strict=True):
        if image.shape != images[0].shape:
            raise InputError(
                f"{folder}: found {_size(images[0])} ({files[0].name}) and {_size(image)} "
                f"({file.name}), allowed pictures of one size; resize them, or give image_shape="
            )
    _log_reading(folder, len(images), sum(coloured for _, coloured in read), classes)
    return np.stack(images), np.array(labels, np.int64)


def _log_reading(folder: Path, n: int, coloured: int, classes: dict[str, int]) -> None:
    parts = [f"{n} pictures"]
    if coloured:
        parts.append(f"{coloured} in colour made grey (0.299 red + 0.587 green + 0.114 blue)")
    if classes:
        named = [f"{label} {shown(name)}" for name, label in classes.items()]
        more = [] if len(named) <= MOST_NAMED else [f"{len(named) - MOST_NAMED} more"]
        parts.append("labels by sub-folder: " + ", ".join(named[:MOST_NAMED] + more))
    log.info(f"{folder}: {'; '.join(parts)}")


def _listed(folder: Path) -> tuple[list[Path], list[int], dict[str, int]]:
    """Files with labels, and labels by sub-folder; sub-folders take turns, one file each."""
    try:
        own = _pictures(folder)
        if own:
            return own, [-1] * len(own), {}
        children = sorted(folder.iterdir())
        found = {child.name: pictures for child in children if (pictures := _pictures(child))}
    except OSError as error:
        raise InputError(f"{folder}: cannot be read ({error.strerror or error})") from error
    numbered = all(name.isascii() and name.isdigit() and len(name) < 10 for name in found)
    classes = {name: int(name) if numbered else place for place, name in enumerate(found)}
    in_turn = sorted(
        (turn, place, picture)
        for place, pictures in enumerate(found.values())
        for turn, picture in enumerate(pictures)
    )
    of = list(classes.values())
    return [picture for *_, picture in in_turn], [of[place] for _, place, _ in in_turn], classes


def _pictures(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(
        file
        for file in folder.iterdir()
        if file.suffix.lower() in SUFFIXES and file.is_file() and not file.name.startswith(".")
    )


def _grey(file: Path, shape: tuple[int, int] | None) -> tuple[np.ndarray, bool]:
    """One picture as (height, width) uint8, and True if it had colours."""
    try:
        from PIL import Image, ImageOps
    except ImportError as error:
        raise InputError(
            f"{file}: pictures are read by Pillow, which is not installed. Install it "
            "(pip install pillow), or give an .npy file."
        ) from error
    require_file(file, InputError)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about unusual tags, and sizes below MAX_PIXELS
            with Image.open(file) as picture:
                if picture.width * picture.height > MAX_PIXELS:
                    raise InputError(
                        f"{file}: found {picture.width} x {picture.height}, allowed up to "
                        f"{MAX_PIXELS} pixels"
                    )
                upright: Any = ImageOps.exif_transpose(picture)
                coloured = len(upright.getbands()) > 2 or upright.mode == "P"
                levels = luma(upright)
    except InputError:
        raise
    except Exception as error:  # decoders have no common class of errors
        raise InputError(
            f"{file}: not a picture that can be read ({shown(error)}). Replace or remove it."
        ) from error
    return np.asarray(fitted(levels, shape)), coloured


def fitted(picture: Any, shape: tuple[int, int] | None) -> Any:
    """Return a picture of (height, width), cropped to this aspect ratio and scaled."""
    from PIL import Image, ImageOps

    if shape is None or picture.size == (shape[1], shape[0]):
        return picture
    return ImageOps.fit(picture, (shape[1], shape[0]), Image.Resampling.LANCZOS)


def luma(picture: Any) -> Any:
    """Return a grey picture with 8 bits per pixel."""
    from PIL import Image

    if picture.mode.startswith("I"):  # 16 bits: Pillow would clip values above 255
        deep = np.asarray(picture).astype(np.float64)
        return Image.fromarray(np.rint(deep.clip(0, DEEP_WHITE) * WHITE / DEEP_WHITE).astype("u1"))
    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        over = picture.convert("RGBA")
        black = Image.new("RGBA", over.size, "black")
        return Image.alpha_composite(black, over).convert("L")
    return picture.convert("L")


def _size(image: np.ndarray) -> str:
    return f"{image.shape[0]} x {image.shape[1]}"
