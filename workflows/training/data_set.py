"""Training data set from images of a user: integer pixels, range, held-out images."""

import logging
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ipvae.errors import InputError
from ipvae.float_models.config import ARRAYS
from ipvae.network.description import PIXEL_LIMIT
from ipvae.network.pixels import require_finite
from ipvae.train.datasets.images import Images
from ipvae.workflows.image_input.image_shape import ShapeLike, read_shape, shape_of
from ipvae.workflows.image_input.own_images import IN_COLOUR, is_coloured, read_images

HELD_OUT_PART, MOST_HELD_OUT = 10, 500
"""One in this number of images is held out, and at most this many in total."""
LEVELS = 4095
"""Largest integer pixel for real values that are not on a grid."""
BYTE = 255
PART = 4096
LARGEST, SMALLEST = 1e9, 1e-9
"""Bounds of the largest absolute real value."""
OFF_GRID = 1e-3
"""Largest distance of real values from a grid, in steps: the rounding of float32."""
SHAPES = "(n, pixels), (n, height, width), (n, 1, height, width) or (n, height, width, 1)"

log = logging.getLogger("ipvae")


@dataclass(frozen=True)
class PixelReading:
    """Conversion of a user's images to integer pixels.

    Attributes
    ----------
    minimum, maximum : int
    scale : float or None
        Real value of one integer step; None means 1 / maximum.
    unit : float
        Real value that is 1 in training, a power of two.
    real : bool
        Whether the images are real values instead of levels.
    """

    minimum: int
    maximum: int
    scale: float | None
    unit: float
    real: bool

    def pixels(self, images: np.ndarray) -> np.ndarray:
        """Return images (n, M) as integer pixels, int16."""
        if not self.real:
            return images.astype(np.int16)
        step = 1.0 / self.maximum if self.scale is None else self.scale
        return np.rint(images / step).astype(np.int16)


def own_data_set(
    images: object, test_images: object, image_shape: ShapeLike, seed: int, *, colour: bool = False
) -> Images:
    """Return a user's images as a data set, and log their range.

    Parameters
    ----------
    images : array, or path of an .npy file, an .npz file or a folder of pictures
        As for `ipvae.workflows.image_input.own_images.read_images`, of shape (n, M),
        (n, height, width), (n, 1, height, width) or (n, height, width, 1). Integers are levels,
        floating-point numbers real values.
    test_images : the same, optional
        Held-out images; by default one in ten of `images`, at most 500, is held out.
    image_shape : (height, width) or 'HEIGHTxWIDTH', optional
        Shape of flat images, by default squares or one row; or size to which pictures are scaled.
    seed : int
        Seed that selects the held-out images.
    colour : bool
        Whether arrays may also be (n, 3, height, width) or (n, height, width, 3).

    Raises
    ------
    InputError
        If images cannot be read, have another shape, or values that pixels cannot represent.
    """
    train, sides, labels = _flat(images, "images", image_shape, colour)
    channels, shape = sides[0], sides[1:]
    arrays, classes = [train], [labels]
    if test_images is not None:
        test, others, labels = _flat(test_images, "test_images", image_shape, colour)
        if others != sides or (test.dtype.kind == "f") != (train.dtype.kind == "f"):
            raise InputError(
                f"test_images: found {_size(others)} pixels of {test.dtype}, allowed "
                f"{_size(sides)} of the same kind as images ({train.dtype})"
            )
        arrays.append(test)
        classes.append(labels)
    reading = pixel_reading(arrays)
    pixels = [reading.pixels(array) for array in arrays]
    if test_images is None:
        kept, held = _split(len(train), seed)
        pixels, classes = ([found[0][rows] for rows in (kept, held)] for found in (pixels, classes))
    where = str(images) if isinstance(images, (str, Path)) else "images"
    _log_reading(where, arrays, sides, reading, len(pixels[1]), test_images is None)
    return Images(
        ARRAYS,
        train_pixels=pixels[0],
        train_labels=classes[0],
        test_pixels=pixels[1],
        test_labels=classes[1],
        shape=shape,
        pixel_max=reading.maximum,
        pixel_min=reading.minimum,
        pixel_scale=reading.scale,
        unit=reading.unit,
        channels=channels,
    )


def pixel_reading(arrays: Sequence[np.ndarray]) -> PixelReading:
    """Return the conversion of images to integer pixels, from the range of their values.

    Levels keep their values; the maximum is 255 if a level above 127 occurs. Real values that are
    integers, or multiples of 1/255 up to 1, become such levels too. Other real values get 12 bits,
    or 13 bits if signed.

    Parameters
    ----------
    arrays : (n, M) each, all of one kind

    Raises
    ------
    InputError
        If all values are 0, or out of the range of pixels.
    """
    low = float(min(array.min() for array in arrays))
    high = float(max(array.max() for array in arrays))
    peak, real = max(-low, high), arrays[0].dtype.kind == "f"
    if peak == 0:
        raise InputError("images: found only pixels of 0, allowed are images with other values")
    scatter = _power(_rms(arrays), round)
    if not real:
        if low < -PIXEL_LIMIT or high >= PIXEL_LIMIT:
            raise InputError(
                f"images: found integers {low:.0f}..{high:.0f}, allowed {-PIXEL_LIMIT}.."
                f"{PIXEL_LIMIT - 1}; pass them as real values, astype(float)"
            )
        return PixelReading(*_range(low, high), None if low >= 0 else 1.0 / scatter, 1.0, False)
    if not SMALLEST <= peak <= LARGEST:
        raise InputError(
            f"images: found real values up to {peak:g}, allowed {SMALLEST:g} to {LARGEST:g}; "
            "scale them"
        )
    unit = _power(peak, math.ceil) if low >= 0 else scatter
    step = 1.0 / BYTE if peak <= 1 and low >= 0 else 1.0
    if 0.5 < peak / step < PIXEL_LIMIT and all(_on_grid(part, step) for part in _parts(arrays)):
        minimum, maximum = _range(round(low / step), round(high / step))
        scale = None if step * maximum == 1.0 else step
        return PixelReading(minimum, maximum, scale, unit, True)
    scale = _power(peak / LEVELS, math.ceil)
    return PixelReading(0 if low >= 0 else -LEVELS - 1, LEVELS, scale, unit, True)


def _range(low: float, high: float) -> tuple[int, int]:
    """Range of levels: as found, or 0 to 255 if the values look like bytes."""
    if low >= 0 and BYTE // 2 < high <= BYTE:
        return 0, BYTE
    return min(0, int(low)), max(1, int(high))


def _parts(arrays: Sequence[np.ndarray]) -> Iterator[np.ndarray]:
    """Batches of images, so that copies of them take little memory."""
    for array in arrays:
        for begin in range(0, len(array), PART):
            yield array[begin : begin + PART]


def _on_grid(array: np.ndarray, step: float) -> bool:
    levels = array / step
    return bool((np.abs(levels - np.rint(levels)) <= OFF_GRID).all())


def _rms(arrays: Sequence[np.ndarray]) -> float:
    squares = sum(float(np.square(part, dtype=np.float64).sum()) for part in _parts(arrays))
    return math.sqrt(squares / sum(array.size for array in arrays))


def _power(value: float, rounded: Callable[[float], int]) -> float:
    """Power of two near a value, with a given rounding of the exponent."""
    return 2.0 ** rounded(math.log2(value))


def _split(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Sorted indices of training images and of held-out images, from the seed."""
    if n < 2:
        raise InputError("images: found 1, allowed 2 and above, one to hold out; pass test_images=")
    held = min(max(1, n // HELD_OUT_PART), MOST_HELD_OUT)
    # Raw bits of PCG64 are frozen across NumPy versions; Generator.permutation is not.
    order = np.argsort(np.random.PCG64(seed).random_raw(n), kind="stable")
    return np.sort(order[held:]), np.sort(order[:held])


def _flat(
    images: object, name: str, image_shape: ShapeLike, colour: bool
) -> tuple[np.ndarray, tuple[int, int, int], np.ndarray]:
    """Images as (n, M) integers or floats, with channels, height and width, and labels (n,)."""
    own = read_images(images, None, read_shape(image_shape))
    values, where = own.values, own.where if isinstance(images, (str, Path)) else name
    sides = _sides(values.shape, colour)
    if sides is None or values.size == 0:
        raise InputError(
            f"{where}: found shape {values.shape}, allowed {SHAPES} with n above 0. "
            + (IN_COLOUR if is_coloured(values.shape) else "Reshape them.")
        )
    require_finite(values, where)
    levels = values.astype(np.int16) if values.dtype.kind == "b" else values
    if levels.ndim == 4 and levels.shape[1:] != sides:  # channels are last
        levels = np.moveaxis(levels, 3, 1)
    flat = levels.reshape(len(levels), -1)
    shape = sides[1:] if len(sides) == 3 else shape_of(image_shape, flat.shape[1])
    if len(sides) == 1 and image_shape is None and shape[0] == 1 < shape[1]:
        log.info(
            f"{where}: flat, {shape[1]} pixels each, which is no square: taken as one row; give "
            "image_shape= if they have rows and columns"
        )
    return flat, (sides[0] if len(sides) == 3 else 1, *shape), own.labels


def _sides(shape: tuple[int, ...], colour: bool) -> tuple[int, ...] | None:
    """Channels, height and width of images, or pixels of flat ones; None for other shapes."""
    channels = (1, 3) if colour else (1,)
    if len(shape) == 4 and shape[1] in channels:
        return shape[1:]
    if len(shape) == 4 and shape[3] in channels:
        return shape[3], *shape[1:3]
    if len(shape) == 3:
        return 1, *shape[1:]
    return shape[1:] if len(shape) == 2 else None


def _size(sides: tuple[int, int, int]) -> str:
    """Height and width, and channels of images in colour."""
    colour = f" x {sides[0]} channels" if sides[0] != 1 else ""
    return f"{sides[1]} x {sides[2]}{colour}"


def _log_reading(
    where: str,
    arrays: Sequence[np.ndarray],
    sides: tuple[int, int, int],
    reading: PixelReading,
    held: int,
    split: bool,
) -> None:
    low, high = min(a.min() for a in arrays), max(a.max() for a in arrays)
    kind = "real values" if reading.real else "levels"
    step = "" if reading.scale is None else f", {reading.scale:g} a step"
    chosen = " (chosen by the seed)" if split else ""
    log.info(
        f"{where}: {sum(map(len, arrays))} of {_size(sides)} pixels, {kind} from {low:g} "
        f"to {high:g}, as integer pixels {reading.minimum}..{reading.maximum}{step}; {held} are "
        f"held out{chosen}"
    )
