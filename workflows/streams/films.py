"""Films: streams of frames from images that move, from files, and as a run takes them."""

from pathlib import Path

import numpy as np

from ipvae.errors import InputError
from ipvae.evaluation.motion.frames import cropped, rotated
from ipvae.evaluation.motion.paths import (
    DEGREES,
    JITTER,
    MOTIONS,
    NATURAL,
    PADDED,
    ROTATE,
    Jitter,
    angles,
    places,
)
from ipvae.network.description import IntNetwork
from ipvae.network.rules.random_source import SEED_LIMIT
from ipvae.network.rules.stream import frames as frames_of
from ipvae.workflows.boundary import public, require_positive
from ipvae.workflows.image_input.animated_pictures import is_animated_picture, read_animation
from ipvae.workflows.image_input.images import ImagesLike, as_levels, given_images, network_images
from ipvae.workflows.image_input.own_images import OwnImages, read_images

DEFAULT_FRAMES = 32
ROOM = 4
"""Inverse of the fraction of an image's sides by which its place may differ from the centre."""


@public
def film(
    images: np.ndarray | str | Path,
    *,
    motion: str | None = None,
    frames: int | None = None,
    seed: int = 0,
    size: tuple[int, int] | None = None,
    degrees: float = DEGREES,
    diffusion: float | None = None,
    pull: float | None = None,
) -> np.ndarray:
    """Make a film of each image, or read an animated picture.

    'rotate' turns an image by a fixed angle a frame, from a uniform start. 'jitter' shows a crop
    whose place p follows p' = p + N(0, sqrt(D)) - h p from the centre, rounded to whole pixels.
    What comes from outside an image is 0. Both follow the feeders of the iterative P-VAE's authors,
    without their matching of histograms.

    Parameters
    ----------
    images : array or path
        Still images, (n, height, width), (n, 1, height, width), (n, height, width, 1) or square
        ones (n, M), or their file or folder; or an animated picture (.gif, .png, .webp).
    motion : 'rotate' or 'jitter'
        Omit it for the frames of an animated picture as they are.
    frames : int, optional
        Frames of each film; 32 by default, and all of an animated picture.
    seed : int in [0, 2**48)
        Of the motion. The film of an image does not depend on the number of images.
    size : (height, width), optional
        Crop of each frame; the images' size by default.
    degrees : float
        Rotation between two frames.
    diffusion, pull : float, optional
        D (pixels squared a frame) and h of the jitter. By default .6 and .03, and .5 and .01 for
        crops smaller than the image. The place stays inside the image, or within a quarter of its
        sides if the crop has its size.

    Returns
    -------
    (n, frames, height, width), of the images' dtype

    Raises
    ------
    InputError
        If an argument cannot be used.

    Examples
    --------
    >>> import numpy as np, ipvae
    >>> ipvae.film(np.ones((2, 8, 8)), motion="rotate", frames=5).shape
    (2, 5, 8, 8)
    """
    require_positive("frames", frames)
    if not 0 <= seed < SEED_LIMIT:
        raise InputError(f"seed: found {seed}, allowed 0 to {SEED_LIMIT - 1}")
    if motion is None:
        return _as_filmed(images, frames, size)
    if motion not in MOTIONS:
        raise InputError(f"motion: found '{motion}', allowed {' and '.join(MOTIONS)}")
    stills = _stills(images)
    number, shape = frames or DEFAULT_FRAMES, stills.shape[1:]
    size = shape if size is None else _require_size(size, shape)
    if motion == ROTATE:
        turned = (
            rotated(still, angles(number, seed, i, degrees)) for i, still in enumerate(stills)
        )
        centred = np.zeros((number, 2), np.int64)
        made = (_crops(film, centred, size) for film in turned)
    else:
        jitter, room = _jitter(shape, size, diffusion, pull)
        made = (
            cropped(still, places(number, seed, i, jitter, room), size)
            for i, still in enumerate(stills)
        )
    return np.stack(list(made))


def _as_filmed(
    images: np.ndarray | str | Path, frames: int | None, size: tuple[int, int] | None
) -> np.ndarray:
    if isinstance(images, np.ndarray) or not is_animated_picture(images):
        raise InputError(
            f"motion: found none, allowed {' and '.join(MOTIONS)}; only an animated picture moves "
            "without it"
        )
    found = read_animation(images, size)
    if frames is not None and frames > len(found):
        raise InputError(f"frames: found {frames}, allowed up to {len(found)} ({images})")
    return found[None, :frames]


def _stills(images: np.ndarray | str | Path) -> np.ndarray:
    """Images as (n, height, width)."""
    if is_animated_picture(images):
        return read_animation(images)  # type: ignore[arg-type]
    values = read_images(images).values
    if values.dtype.kind == "b":
        values = values.astype(np.uint8) * np.uint8(255)
    shape = values.shape
    if len(shape) == 4 and 1 in (shape[1], shape[3]):
        values = values.reshape(shape[0], *(shape[2:] if shape[1] == 1 else shape[1:3]))
    side = round(shape[1] ** 0.5) if len(shape) == 2 else 0
    if side and side * side == shape[1]:
        values = values.reshape(-1, side, side)
    if values.ndim != 3 or 0 in values.shape:
        raise InputError(
            f"images: found shape {shape}, allowed still images (n, height, width), "
            "(n, 1, height, width), (n, height, width, 1), or square ones (n, M)"
        )
    return values


def _require_size(size: tuple[int, int], shape: tuple[int, ...]) -> tuple[int, int]:
    fits = len(size) == 2 and all(0 < a <= b for a, b in zip(size, shape, strict=True))
    if not fits:
        raise InputError(
            f"size: found {size}, allowed (height, width) up to the images' {shape[0]} x {shape[1]}"
        )
    return size


def _crops(film: np.ndarray, place: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Crop of every frame at its place."""
    if film.shape[1:] == size:
        return film
    return np.concatenate(
        [cropped(frame, at[None], size) for frame, at in zip(film, place, strict=True)]
    )


def _jitter(
    shape: tuple[int, ...], size: tuple[int, int], diffusion: float | None, pull: float | None
) -> tuple[Jitter, tuple[int, int]]:
    """Constants of the walk, and the room for it."""
    whole = size == shape
    usual = PADDED if whole else NATURAL
    found = Jitter(
        usual.diffusion if diffusion is None else diffusion, usual.pull if pull is None else pull
    )
    if not (np.isfinite(found.diffusion) and found.diffusion >= 0 and 0 <= found.pull <= 1):
        raise InputError(
            f"diffusion, pull: found {diffusion}, {pull}, allowed 0 and above, and 0 to 1"
        )
    down, right = ((a // ROOM if whole else (a - b) // 2) for a, b in zip(shape, size, strict=True))
    return found, (down, right)


def stream_pixels(
    network: IntNetwork,
    images: ImagesLike,
    samples: int | None,
    data_dir: str | Path | None,
    steps: int,
    frame_steps: int,
    motion: str | None,
    seed: int,
) -> np.ndarray:
    """Pixels of the streams of a run, (N, frames, M) int16.

    With `motion` every image moves. Otherwise films come from an array (n, frames, ...), an .npy
    file with one, or an animated picture; or images in turn are the frames.

    Raises
    ------
    InputError
        If an argument cannot be used, or a film is too short.
    """
    wanted, shape = frames_of(steps, frame_steps), network.input.shape
    if motion is not None:
        stills = network_images(network, samples, data_dir, images).pixels.reshape(-1, *shape)
        found = film(stills, motion=motion, frames=wanted, seed=seed)
        return found.reshape(len(found), wanted, -1)
    films = _films(network, images)
    if films is None:
        number = 1 if samples is None else samples
        asked = f"images of samples={number} with frame_steps={frame_steps}"
        found = network_images(network, number * wanted, data_dir, images, asked).pixels
        return found.reshape(number, -1, found.shape[1])
    if films.shape[1] < wanted:
        raise InputError(
            f"steps: found {steps}, allowed up to {films.shape[1] * frame_steps}: the film has "
            f"{films.shape[1]} frames, and each is shown for frame_steps={frame_steps}"
        )
    chosen = films[:samples, :wanted]
    flat = chosen.reshape(-1, *chosen.shape[2:])
    return given_images(flat, network.input).pixels.reshape(len(chosen), wanted, -1)


def _films(network: IntNetwork, images: ImagesLike) -> np.ndarray | None:
    """Films (n, frames, ...) in an array, a file or an animated picture; None for images."""
    fmt = network.input
    if is_animated_picture(images):
        frames = read_animation(images, fmt.shape)  # type: ignore[arg-type]
        own = OwnImages(frames, np.full(len(frames), -1), str(images), pictures=True)
        return as_levels(own, fmt).values[None]
    if isinstance(images, (str, Path)) and Path(images).suffix.lower() == ".npy":
        images = read_images(images).values
    if not isinstance(images, np.ndarray) or images.ndim < 3 or 0 in images.shape:
        return None
    one_frame = images[0, 0].size == fmt.size
    return images if one_frame and images.shape[1:] != (1, *fmt.shape) else None


__all__ = ["JITTER", "ROTATE", "film", "stream_pixels"]
