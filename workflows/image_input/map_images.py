"""Images for convolutional models and networks of maps: of any size, grey or in colour."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ipvae.errors import InputError
from ipvae.float_models.data import DataInfo
from ipvae.network.pixels import load_array
from ipvae.workflows.image_input.images import ImagesLike, LabelledImages, given_images
from ipvae.workflows.image_input.own_images import LabelsLike


def size_of(images: ImagesLike, channels: int) -> tuple[int, int] | None:
    """Return height and width of images in an array or an .npy file; None for others."""
    if isinstance(images, (str, Path)) and Path(images).suffix == ".npy":
        images = load_array(images, "biuf", "(n, height, width)")
    if not isinstance(images, np.ndarray) or images.ndim not in (3, 4):
        return None
    shape = images.shape[1:]
    if len(shape) == 3:
        shape = shape[1:] if shape[0] == channels else shape[:2]
    return int(shape[0]), int(shape[1])


def map_images(
    images: ImagesLike,
    data: DataInfo,
    size: Sequence[int],
    labels: LabelsLike = None,
    first: int | None = None,
) -> LabelledImages:
    """Return images of a user as integer pixels, with labels.

    Parameters
    ----------
    images : array, path, or name of a set; in colour only an array or an .npy file
    data : pixels and channels of the model
    size : height and width
    labels : (N,) int, optional
    first : int, optional
        Number of images to read, from the first.

    Raises
    ------
    InputError
        If images cannot be read, have another shape, or pixels are out of range.
    """
    height, width = size
    if data.channels == 1:
        return given_images(
            images, replace(data.pixel_format, shape=(height, width)), labels, first
        )
    pixels = _in_colour(images, data, (data.channels, height, width))
    return LabelledImages(pixels, np.full(len(pixels), -1)).first(first)


def _in_colour(images: ImagesLike, data: DataInfo, image: tuple[int, int, int]) -> np.ndarray:
    """Pixels of images in colour, (N, M) int, channel by channel."""
    assert not isinstance(images, LabelledImages)
    is_path = isinstance(images, (str, Path))
    values = load_array(images, "biuf", "(n, c, h, w)") if is_path else np.asarray(images)
    channels, height, width = image
    if values.ndim == 4 and values.shape[1:] == (height, width, channels):
        values = np.moveaxis(values, 3, 1)
    if values.shape[1:] not in (image, (channels * height * width,)) or not len(values):
        raise InputError(
            f"images: found shape {values.shape}, allowed (n, {channels}, {height}, {width}) and "
            f"(n, {height}, {width}, {channels}) with n above 0; resize them, or give image_size="
        )
    if values.dtype.kind == "f":
        values = np.rint(values / data.scale)
    low, high = data.pixel_min, data.pixel_max
    if not (values.min() >= low and values.max() <= high):
        raise InputError(
            f"images: found {values.min():g} to {values.max():g}, allowed {low} to {high}, or as "
            f"real numbers that times {data.scale:g}"
        )
    return values.reshape(len(values), -1).astype(np.int32)
