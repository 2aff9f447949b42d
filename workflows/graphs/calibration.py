"""Images of a calibration, as an imported network's input takes them."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ipvae.errors import InputError
from ipvae.network.network import Network
from ipvae.network.pixels import Pixels, load_array, require_finite
from ipvae.workflows.graphs.imported import SpikingModel

CALIBRATION_IMAGES = 256
LEAST_IMAGES, MOST_VALUES = 4, 2**27
"""Fewest images of a calibration, and most messages that it keeps, in float32."""
STORED_IMAGES = 64
LEVELS = 255
"""Integer levels of a real input."""


def calibration_images(model: SpikingModel, steps: int) -> int:
    """Return how many images are run: fewer of networks whose messages would not fit memory."""
    shapes, graph = model.model.shapes, model.model.graph
    neurons = sum(math.prod(shapes[name]) for name in (graph.input, *graph.neurons))
    return max(LEAST_IMAGES, min(CALIBRATION_IMAGES, MOST_VALUES // (steps * neurons)))


def given_images(images: Any) -> np.ndarray:
    """Return the images of a calibration as an array; raise InputError for anything else."""
    if images is None:
        raise InputError(
            "images: an imported network contains none; give some, an array or an .npy file"
        )
    path = isinstance(images, (str, Path))
    found = load_array(images, "biuf", "(n, ...)") if path else np.asarray(images)
    if found.dtype.kind not in "biuf" or found.ndim < 2 or not found.size:
        raise InputError(
            f"images: found {found.dtype} of shape {found.shape}, allowed numbers of shape (n, ...)"
        )
    require_finite(found, "images")
    return found


def input_levels(images: np.ndarray) -> Pixels | None:
    """Integer grid of real inputs; None for spikes, which are 0 and 1."""
    low, high = float(images.min()), float(images.max())
    whole = bool((images == np.rint(images)).all())
    if whole and low >= 0 and high <= 1:
        return None
    if whole and low >= -LEVELS and high <= LEVELS:
        return Pixels(min(int(low), 0), max(int(high), 1), 1.0)
    if low >= 0:
        return Pixels(0, LEVELS, high / LEVELS)
    most = max(-low, high)
    return Pixels(-(LEVELS // 2), LEVELS // 2, most / (LEVELS // 2))


def on_grid(inputs: np.ndarray, pixels: Pixels | None) -> tuple[np.ndarray, np.ndarray]:
    """Return inputs of the float network, rounded, and of the integer network.

    Parameters
    ----------
    inputs : (n, steps, *shape) float32
    pixels : Pixels or None
        Grid of real inputs; None for spikes.

    Returns
    -------
    (n, steps, *shape) float32 and (n, steps, pixels) int32
    """
    exact = inputs if pixels is None else np.rint(inputs / pixels.scale)
    levels = inputs if pixels is None else exact * pixels.scale
    return levels.astype(np.float32), exact.astype(np.int32).reshape(*inputs.shape[:2], -1)


def completed(
    network: Network,
    model: SpikingModel,
    layers: list[dict[str, Any]],
    images: np.ndarray,
    labels: np.ndarray | None,
    pixels: Pixels | None,
) -> Network:
    """Add the record of the import, and images where one holds for all steps."""
    record = {"imported": "nir", "origin": model.origin, "layers": layers}
    single = images.reshape(len(images), -1).shape[1] == network.input.size
    if not single:
        return replace(network, provenance=record)
    stored = images[:STORED_IMAGES].reshape(-1, network.input.size)
    exact = stored if pixels is None else np.rint(stored / pixels.scale)
    return replace(
        network,
        provenance=record,
        test_images=exact.astype(np.int32),
        test_labels=np.zeros(0, np.int64) if labels is None else labels[:STORED_IMAGES],
    )
