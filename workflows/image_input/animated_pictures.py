"""Animated pictures (GIF, PNG, WebP) as the frames of a film."""

import logging
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from ipvae.errors import InputError
from ipvae.files import require_file
from ipvae.network.io.hdf5_child import shown
from ipvae.workflows.image_input.picture_files import MAX_PIXELS, fitted, luma

SUFFIXES = {".gif", ".png", ".apng", ".webp"}
MOST_FRAMES = 2**16

log = logging.getLogger("ipvae")


def is_animated_picture(path: object) -> bool:
    """Return whether a path names a picture of a format that can be animated."""
    return isinstance(path, (str, Path)) and Path(path).suffix.lower() in SUFFIXES


def read_animation(file: str | Path, shape: tuple[int, int] | None = None) -> np.ndarray:
    """Read the frames of an animated picture.

    Colour is converted to grey, and transparent pixels are blended with black, as for folders of
    pictures; times between frames are not used.

    Parameters
    ----------
    file : path
    shape : (height, width), optional
        Size of the frames after a centre crop to its aspect ratio and scaling.

    Returns
    -------
    (F, height, width) uint8, 0 black to 255 white; a still picture is one frame

    Raises
    ------
    InputError
        If it cannot be read.
    """
    try:
        from PIL import Image, ImageSequence
    except ImportError as error:
        raise InputError(
            f"{file}: pictures are read by Pillow, which is not installed. Install it "
            "(pip install pillow), or give an .npy file."
        ) from error
    require_file(Path(file), InputError)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about unusual tags
            with Image.open(file) as picture:
                number: int = getattr(picture, "n_frames", 1)
                if picture.width * picture.height * number > MAX_PIXELS or number > MOST_FRAMES:
                    raise InputError(
                        f"{file}: found {number} frames of {picture.width} x {picture.height}, "
                        f"allowed up to {MAX_PIXELS} pixels in {MOST_FRAMES} frames"
                    )
                frames: list[Any] = [luma(frame) for frame in ImageSequence.Iterator(picture)]
    except InputError:
        raise
    except Exception as error:  # decoders have no common class of errors
        raise InputError(
            f"{file}: not a picture that can be read ({shown(error)}). Replace it."
        ) from error
    found = np.stack([np.asarray(fitted(frame, shape)) for frame in frames])
    log.info(f"{file}: {len(found)} frames of {found.shape[1]} x {found.shape[2]}")
    return found
