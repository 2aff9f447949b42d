"""Messages that the input of a plain lava-dl network sends for a user's images.

lava-dl's networks begin with an input layer whose neurons turn a pixel into messages. The host
computes its dynamics here, bit for bit as Lava's LIF and Delta processes do.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ipvae.errors import InputError
from ipvae.network.lava_dl_network import (
    BIAS_MAX,
    BIAS_MIN,
    DECAY_UNITY,
    SIGMA_END,
    SIGMA_SHIFT,
    SPIKE_EXP,
    STATE_LIMIT,
    STATE_SHIFT,
    CubaNeuron,
    PlainInput,
    PlainNetwork,
    SigmaDeltaNeuron,
)
from ipvae.network.pixels import load_array, require_finite, require_numbers

_DECAY_BITS = 12
MESSAGE_END = 2**15
"""Messages from outside the network's neurons have 16 bits, sign included."""


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
    network: PlainNetwork,
    n_steps: int,
    integers: str = "input",
    first: int | None = None,
) -> Frames:
    """Read images from an array or an .npy file.

    Parameters
    ----------
    images : array or path
        (N, C, H, W) with the network's C, H and W, or flat (N, n); with one channel also (N, H, W)
        and (N, H, W, 1). With one image for each step: (N, steps, C, H, W), (N, steps, n), or
        lava-dl's order with the steps last: (N, C, H, W, steps), (N, n, steps).
    network : PlainNetwork
    n_steps : int
    integers : 'input' or 'real'
        'input': integers are values that an input neuron takes (Lava's bias of a CUBA neuron, the
        signal of a Delta neuron). 'real': they are real numbers x, lava-dl's inputs:
        weight * x + bias of the input layer, rounded toward zero.
    first : int, optional
        Number of samples to read, from the first; all by default.

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
    found = _in_steps(array[:first], network.input, n_steps, where)
    require_finite(found, where)
    if integers == "real":
        found = found.astype(np.float64)
    return _frames(found, network, where, str(array.dtype))


def _in_steps(images: np.ndarray, entry: PlainInput, n_steps: int, where: str) -> np.ndarray:
    """Images as (N, 1 or n_steps, n_inputs)."""
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
            f"{where}: shape {images.shape}, the network takes one or more images of {size} "
            f"values, {wanted}, or with one for each step (n, steps, ...) or (n, ..., steps)"
        )
    steps = by_step.shape[1]
    if steps < n_steps:
        raise InputError(
            f"steps: found {n_steps}, allowed up to {steps}, the steps of each sample in {where}"
        )
    return by_step[:, :n_steps]


def _shapes(entry: PlainInput) -> list[tuple[int, ...]]:
    """Shapes that one image may have; no other order of the axes is allowed."""
    found = [entry.shape] if len(entry.shape) == 1 else [entry.shape, (entry.size,)]
    if len(entry.shape) == 3 and entry.shape[0] == 1:
        _, height, width = entry.shape
        found += [(height, width), (height, width, 1)]
    return list(dict.fromkeys(found))


def _frames(images: np.ndarray, network: PlainNetwork, where: str, dtype: str) -> Frames:
    neuron, real = network.input.neuron, images.dtype.kind == "f"
    found = f"{images.min():g} to {images.max():g}"
    if neuron is None:
        if real and (images != np.rint(images)).any():
            raise InputError(
                f"{where}: holds fractions; without input neurons allowed are messages"
            )
        low, high = (-MESSAGE_END, MESSAGE_END - 1) if network.sigma_delta else (0, 1)
        real, reading = False, "messages"
    else:
        reading = "real numbers" if real else "what input neurons take"
        if real:
            weight, bias = network.input.weight, network.input.bias
            images = np.trunc(weight * images.astype(np.float64) + bias)
            reading += f" ({weight:g} x + {bias:g} of the input layer)"
        cuba = isinstance(neuron, CubaNeuron)
        low, high = (BIAS_MIN, BIAS_MAX) if cuba else (-SIGMA_END, SIGMA_END - 1)
    if images.min() < low or images.max() > high:
        raise InputError(
            f"{where}: holds {images.min():g}..{images.max():g} for the input neurons, allowed "
            f"{low}..{high}" + ("; scale the images as in training" if neuron is not None else "")
        )
    said = (
        f"{where}: {len(images)} samples, {dtype} read as {reading}, {found}; input neurons get "
        f"{images.min():g} to {images.max():g} ({low} to {high} allowed)"
    )
    return Frames(images.astype(np.int32), real, said)


def messages(entry: PlainInput, frames: np.ndarray, n_steps: int) -> np.ndarray:
    """Messages of one sample.

    Parameters
    ----------
    entry : PlainInput
    frames : (1 or n_steps, n_inputs) int
    n_steps : int

    Returns
    -------
    (n_steps, n_inputs) int32
    """
    if isinstance(entry.neuron, CubaNeuron):
        return _cuba(entry.neuron, frames, n_steps)
    if isinstance(entry.neuron, SigmaDeltaNeuron):
        return _delta(entry.neuron, frames, n_steps)
    return np.broadcast_to(frames, (n_steps, frames.shape[1])).astype(np.int32)


def _cuba(neuron: CubaNeuron, frames: np.ndarray, n_steps: int) -> np.ndarray:
    """Spikes of Lava's LIF (`PyLifModelBitAcc`) whose bias is the image and whose a_in is 0.

    v = clip(toward zero(v (4096 - vDecay) / 4096) + 64 image); spike and v = 0 if v > 64 vThMant.
    """
    sent = np.empty((n_steps, frames.shape[1]), dtype=np.int32)
    v = np.zeros(frames.shape[1], dtype=np.int64)
    for t in range(n_steps):
        decayed = v * (DECAY_UNITY - neuron.voltage_decay)
        decayed = np.sign(decayed) * (np.abs(decayed) >> _DECAY_BITS)
        bias = frames[t % len(frames)].astype(np.int64) << STATE_SHIFT
        v = np.clip(decayed + bias, 1 - STATE_LIMIT, STATE_LIMIT - 1)
        sent[t] = v > (neuron.threshold << STATE_SHIFT)
        v[sent[t] != 0] = 0
    return sent


def _delta(neuron: SigmaDeltaNeuron, frames: np.ndarray, n_steps: int) -> np.ndarray:
    """Changes of the image that Lava's Delta (`PyDeltaModelFixed`) sends.

    With image and vThMant shifted left by 12: delta = image - previous image + residue. The neuron
    sends delta >> 6 if |delta| >= vThMant, else nothing, and delta becomes the residue.
    """
    sent = np.zeros((n_steps, frames.shape[1]), dtype=np.int32)
    before, residue = np.zeros((2, frames.shape[1]), dtype=np.int64)
    for t in range(n_steps):
        image = frames[t % len(frames)].astype(np.int64) << SIGMA_SHIFT
        delta = image - before + residue
        passes = np.abs(delta) >= neuron.threshold << SIGMA_SHIFT
        sent[t] = np.where(passes, delta, 0) >> (SIGMA_SHIFT - SPIKE_EXP)
        residue, before = np.where(passes, 0, delta), image
    return sent
