"""Frames of a stream as the rows of a `Network`: each for some steps, without a reset."""

from pathlib import Path

import numpy as np

from ipvae.errors import InputError
from ipvae.network.io.array_files import read_npy
from ipvae.network.network import Network
from ipvae.network.rules.stream import frames
from ipvae.workflows.image_input.animated_pictures import is_animated_picture
from ipvae.workflows.image_input.images import ImagesLike, LabelledImages
from ipvae.workflows.streams.films import film


def stream_rows(
    network: Network,
    images: ImagesLike,
    steps: int,
    frame_steps: int | None,
    samples: int | None,
    motion: str | None,
    seed: int,
) -> ImagesLike:
    """Return the images of a run, or with `frame_steps` its rows, as `held_rows`.

    Raises
    ------
    InputError
        If an argument cannot be used.
    """
    if frame_steps is None:
        if motion is not None:
            raise InputError("motion: needs frame_steps=; give both or neither")
        return images
    if motion is not None:
        images = _moving(network, images, frames(steps, frame_steps), samples, motion, seed)
    return held_rows(network, images, steps, frame_steps, samples)


def _moving(
    network: Network,
    images: ImagesLike,
    number: int,
    samples: int | None,
    motion: str,
    seed: int,
) -> np.ndarray:
    """Films (n, frames, ...) of the images of a network with one channel."""
    shape = network.input.shape
    plane = shape[-2:]
    if len(shape) < 2 or int(np.prod(shape)) != int(np.prod(plane)):
        raise InputError(
            f"motion: found an input of shape {shape}, allowed is one channel, (1, height, width); "
            "give films as images="
        )
    stills = _array(network.test_images if images is None else images)
    if len(stills) == 0:
        raise InputError("motion: the network holds no images; give still images as images=")
    if stills.size != len(stills) * int(np.prod(plane)):
        raise InputError(
            f"images: found shape {stills.shape}, allowed with motion= are still images (n, "
            f"{', '.join(map(str, shape))})"
        )
    moved = film(stills[:samples].reshape(-1, *plane), motion=motion, frames=number, seed=seed)
    return moved.reshape(len(moved), number, *shape)


def _array(images: np.ndarray | str | Path | LabelledImages) -> np.ndarray:
    """Images as an array."""
    given = images.pixels if isinstance(images, LabelledImages) else images
    return np.asarray(given if isinstance(given, np.ndarray) else read_npy(given))


def held_rows(
    network: Network, images: ImagesLike, steps: int, frame_steps: int, samples: int | None
) -> np.ndarray:
    """Repeat the frames of streams, so that each is the input of `frame_steps` rows.

    Parameters
    ----------
    network : Network
    images : array or path of an .npy file, optional
        Streams (n, frames, ...), or images (n, ...), of which every `ceil(steps / frame_steps)`
        are a stream. By default the test images in the network.
    steps, frame_steps : int
    samples : int, optional
        Number of streams.

    Returns
    -------
    (samples, steps, n_inputs)

    Raises
    ------
    InputError
        If there are too few frames.
    """
    wanted, size = frames(steps, frame_steps), network.input.size
    if images is None:
        images = network.test_images
    if is_animated_picture(images):
        raise InputError(
            f"images: found {images}, allowed an array of films or an .npy file for a network of "
            "any kinds; read the picture with ipvae.film and scale it"
        )
    array = _array(images)
    of_one = int(np.prod(array.shape[1:]))
    single = array.shape[2:] in (network.input.shape, (size,))
    if array.ndim > 2 and of_one and of_one % size == 0 and (of_one > size or single):
        found = array.reshape(len(array), -1, size)
        if found.shape[1] < wanted:
            raise InputError(
                f"steps: found {steps}, allowed up to {found.shape[1] * frame_steps}: the streams "
                f"have {found.shape[1]} frames, and each is shown for frame_steps={frame_steps}"
            )
        streams = found[:samples, :wanted]
    else:
        number = 1 if samples is None else samples
        if of_one != size or len(array) < number * wanted:
            raise InputError(
                f"images: found shape {array.shape}, allowed streams (n, {wanted}, {size}) or "
                f"{number * wanted} images, {wanted} for each of samples={number}"
            )
        streams = array[: number * wanted].reshape(number, wanted, size)
    return np.repeat(streams, frame_steps, axis=1)[:, :steps]
