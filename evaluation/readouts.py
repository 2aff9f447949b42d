"""Quality of the read-out layers of a network."""

import numpy as np

from ipvae.evaluation.metrics import mse, r2
from ipvae.network.description import IntNetwork

DECODER, CLASSES = "decoder", "classes"
READOUTS = (DECODER, CLASSES)
"""Kinds of read-out; `readouts` in a network's provenance lists its own, in order."""


def readout_names(network: IntNetwork) -> dict[str, str]:
    """Name of each read-out layer by its number; 'unnamed' if provenance does not contain it."""
    stored_names = network.provenance.get("readouts")
    numbers = list(network.layers)[len(network.hidden) + 1 :]
    if not isinstance(stored_names, list) or len(stored_names) != len(numbers):
        stored_names = [None] * len(numbers)
    return {
        number: name if name in READOUTS else "unnamed"
        for number, name in zip(numbers, stored_names, strict=True)
    }


def judge(
    network: IntNetwork, shown: dict[str, np.ndarray], images: np.ndarray, labels: np.ndarray
) -> list[dict]:
    """Return the quality of each read-out; JSON data.

    Parameters
    ----------
    network : IntNetwork
    shown : number of a layer -> (N, C) int
        Last messages of each read-out.
    images : (N, M) float64, real pixel values
    labels : (N,) int, -1 if unknown

    Returns
    -------
    list of dict
        `layer`, `name`; for a decoder, `mse` and `r2` of its reconstruction; for classes,
        `accuracy`, None without labels. The class is the neuron with the largest message; ties go
        to the first.
    """
    found = []
    names = readout_names(network)
    for (number, name), layer in zip(names.items(), network.readouts, strict=True):
        sent = shown[number]
        figures: dict = {"layer": number, "name": name}
        if name == DECODER and sent.shape[1] == network.n_pixels:
            read_out = sent * layer.unit
            figures |= {"mse": mse(images, read_out), "r2": r2(images, read_out)}
        elif name == CLASSES:
            known = labels >= 0
            right = sent[known].argmax(axis=1) == labels[known]
            figures["accuracy"] = float(right.mean()) if known.any() else None
        found.append(figures)
    return found
