"""Films of training and test images, along the paths of `ipvae.evaluation.motion`."""

import numpy as np

from ipvae.evaluation.motion.frames import cropped, rotated
from ipvae.evaluation.motion.paths import NATURAL, PADDED, ROTATE, angles, places
from ipvae.train.datasets.images import Images
from ipvae.train.datasets.patches import to_pixels

ROOM = 4
"""Inverse of the fraction of an image's sides by which it may move."""


def films(
    images: Images,
    rows: np.ndarray,
    motion: str,
    frames: int,
    seed: int,
    *,
    first: int = 0,
    held_out: bool = False,
) -> np.ndarray:
    """Films of images; with `windows` crops that move in them, each frame of one contrast.

    Parameters
    ----------
    images : Images
    rows : (B,) int
        Indices of the images.
    motion : 'rotate' or 'jitter'
    frames : int
    seed, first : int
        The path of image i is keyed by the seed and `first` + i.
    held_out : bool
        Test images in place of training images.

    Returns
    -------
    (B, frames, M) float32, real values divided by `images.unit`
    """
    if images.windows is not None:
        stills = images.windows[int(held_out)]
    else:
        pixels = images.test_pixels if held_out else images.train_pixels
        stills = pixels.reshape(-1, *images.shape)
    found = [_film(stills[i], images.shape, motion, frames, seed, first + int(i)) for i in rows]
    flat = np.stack(found).reshape(len(rows) * frames, -1)
    if images.windows is not None:
        flat = to_pixels(flat.astype(np.float64))
    return images.in_units(flat).reshape(len(rows), frames, -1)


def _film(
    still: np.ndarray, shape: tuple[int, int], motion: str, frames: int, seed: int, image: int
) -> np.ndarray:
    """One film, (frames, height, width)."""
    (height, width), (rows, columns) = shape, still.shape
    if motion == ROTATE:
        top, left = (rows - height) // 2, (columns - width) // 2
        turned = rotated(still, angles(frames, seed, image))
        return turned[:, top : top + height, left : left + width]
    whole = still.shape == shape
    room = (
        (rows // ROOM, columns // ROOM) if whole else ((rows - height) // 2, (columns - width) // 2)
    )
    jitter = PADDED if whole else NATURAL
    return cropped(still, places(frames, seed, image, jitter, room), shape)
