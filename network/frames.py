"""Images as a network's input receives them: one for all rows of a sample, or one for each row."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ipvae.errors import InputError
from ipvae.network.network import Input, Network
from ipvae.network.pixels import load_array, require_finite, require_numbers

INTEGERS = ("input", "real")
"""Interpretations of integers: values that an input neuron takes, or real numbers."""


@dataclass(frozen=True, eq=False)
class Frames:
    """A user's images: one for all steps of a sample, or one for each step.

    Attributes
    ----------
    values : (N, 1 or steps, n_inputs) int32
        Values that an input neuron takes, or the messages themselves without input neurons.
    real : bool
        True if the user gave real numbers, scaled by the network's own transform.
    reading : str
        Interpretation of the user's numbers, with the range found and the range allowed.
    """

    values: np.ndarray
    real: bool
    reading: str = ""

    def __len__(self) -> int:
        return len(self.values)

    def first(self, n: int) -> "Frames":
        """Return the first n samples."""
        return Frames(self.values[:n], self.real, self.reading)


def load_frames(
    images: str | Path | np.ndarray,
    network: Network,
    n_steps: int,
    integers: str = "input",
    first: int | None = None,
    *,
    shorter: bool = False,
) -> Frames:
    """Read images from an array or an .npy file.

    Parameters
    ----------
    images : array or path
        (N, C, H, W) with the network's C, H and W, or flat (N, n); with one channel also (N, H, W)
        and (N, H, W, 1). With one image for each step: (N, steps, C, H, W), (N, steps, n), or
        lava-dl's order with the steps last: (N, C, H, W, steps), (N, n, steps).
    network : Network
    n_steps : int
    integers : 'input' or 'real'
        'input': integers are values that an input neuron takes (Lava's bias of a CUBA neuron, the
        signal of a Delta neuron). 'real': they are real numbers x, lava-dl's inputs:
        weight * x + bias of the input layer, rounded toward zero.
    first : int, optional
        Number of samples to read, from the first; all by default.
    shorter : bool
        Whether samples may have fewer steps than n_steps, which are then all of them.

    Raises
    ------
    InputError
        If the file cannot be read or its images do not fit the network.
    """
    if integers not in INTEGERS:
        raise InputError(f"integers: found '{integers}', allowed {' and '.join(INTEGERS)}")
    path = isinstance(images, (str, Path))
    where = str(images) if path else "images"
    array = load_array(images, "biuf", "(n, ...)") if path else np.asarray(images)
    require_numbers(array, where, "biuf", "(n, ...)")
    found = _in_steps(array, first, network.input, n_steps, where, shorter)
    require_finite(found, where)
    if integers == "real":
        found = found.astype(np.float64)
    return _frames(found, network, where, str(array.dtype))


def _in_steps(
    whole: np.ndarray, first: int | None, entry: Input, n_steps: int, where: str, shorter: bool
) -> np.ndarray:
    """First images as (N, 1 or n_steps, n_inputs)."""
    images = whole[:first]
    n, size, given = len(images), entry.size, images.shape[1:]
    shapes = _shapes(entry)
    if n and given in shapes:
        return images.reshape(n, 1, size)
    if n and len(given) > 1 and given[0] > 0 and given[1:] in shapes:
        by_step = images.reshape(n, given[0], size)
    elif n and len(given) > 1 and given[-1] > 0 and given[:-1] in (entry.shape, (size,)):
        by_step = np.moveaxis(images, -1, 1).reshape(n, given[-1], size)  # lava-dl's order
    else:
        wanted = ", ".join(f"(n, {', '.join(map(str, shape))})" for shape in shapes)
        raise InputError(
            f"{where}: shape {whole.shape}, the network takes one or more images of {size} "
            f"values, {wanted}, or with one for each step (n, steps, ...) or (n, ..., steps)"
        )
    steps = by_step.shape[1]
    if steps < n_steps and not shorter:
        raise InputError(
            f"steps: found {n_steps}, allowed up to {steps}, the steps of each sample in {where}; "
            "ask for fewer"
        )
    return by_step[:, :n_steps]


def _shapes(entry: Input) -> list[tuple[int, ...]]:
    """Shapes that one image may have; no other order of the axes is allowed."""
    found = [entry.shape] if len(entry.shape) == 1 else [entry.shape, (entry.size,)]
    if len(entry.shape) == 3 and entry.shape[0] == 1:
        _, height, width = entry.shape
        found += [(height, width), (height, width, 1)]
    return list(dict.fromkeys(found))


def _frames(images: np.ndarray, network: Network, where: str, dtype: str) -> Frames:
    neuron, real = network.input.neuron, images.dtype.kind == "f"
    pixels = network.input.pixels
    found = f"{images.min():g} to {images.max():g}"
    if pixels is not None:
        reading = "pixel levels"
        if real:
            images = np.rint(images / pixels.scale)
            real, reading = False, f"real numbers (x / {pixels.scale:g}, rounded)"
    elif neuron is None:
        if real and (images != np.rint(images)).any():
            raise InputError(
                f"{where}: holds fractions; without input neurons allowed are messages"
            )
        real, reading = False, "messages"
    else:
        reading = "real numbers" if real else "what input neurons take"
        if real:
            weight, bias = network.input.weight, network.input.bias
            images = np.trunc(weight * images.astype(np.float64) + bias)
            reading += f" ({weight:g} x + {bias:g} of the input layer)"
    low, high = network.input.value_range
    if images.min() < low or images.max() > high:
        raise InputError(
            f"{where}: holds {images.min():g}..{images.max():g} for the "
            f"{'input neurons' if pixels is None else 'pixels'}, allowed "
            f"{low}..{high}" + ("; scale the images as in training" if neuron is not None else "")
        )
    each = f" of {images.shape[1]} steps" if images.shape[1] > 1 else ""
    message = (
        f"{where}: {len(images)} samples{each}, {dtype} read as {reading}, {found}; "
        f"{'input neurons get' if pixels is None else 'pixels are'} "
        f"{images.min():g} to {images.max():g} ({low} to {high} allowed)"
    )
    return Frames(images.astype(np.int32), real, message)


def in_rows(network: Network, values: np.ndarray) -> np.ndarray:
    """Return the values of each row of a run: (N, 1 or rows, n_inputs).

    Row 0 of a network with Poisson or graded layers takes the first frame, as row 1 does.
    """
    if not network.driven or values.shape[1] == 1:
        return values
    return np.concatenate([values[:, :1], values], axis=1)
