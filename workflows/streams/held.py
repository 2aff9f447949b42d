"""Frames of a stream as the rows of a `Network`: each for some steps, without a reset."""

import numpy as np

from ipvae.errors import InputError
from ipvae.network.io.array_files import read_npy
from ipvae.network.network import Network
from ipvae.network.rules.stream import frames
from ipvae.workflows.image_input.animated_pictures import is_animated_picture
from ipvae.workflows.image_input.images import ImagesLike, LabelledImages


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
    given = images.pixels if isinstance(images, LabelledImages) else images
    array = np.asarray(given if isinstance(given, np.ndarray) else read_npy(given))
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
