"""Classes that a network's last layer decides for, and images that it reconstructs."""

import numpy as np

from ipvae.evaluation.metrics import quality_of_images, spikes
from ipvae.network.network import Network
from ipvae.network.traces.network_totals import NetworkTotals


def reconstructs(network: Network) -> bool:
    """Return whether the last layer's messages are decoded to images."""
    return network.decoder is not None and network.decoder.layer == network.readout.id


def reconstructions(network: Network, totals: NetworkTotals) -> np.ndarray:
    """Images that the messages of the last row make, (N, pixels) float64 in real pixel units."""
    assert network.decoder is not None
    return network.decoder.images(totals.last, network.readout.shape, network.input.shape)


def fit(network: Network, totals: NetworkTotals, values: np.ndarray) -> dict[str, float]:
    """Quality after the last row; empty for a network that reconstructs nothing.

    Parameters
    ----------
    values : (N, 1 or rows, inputs) int, images as the input receives them

    Returns
    -------
    dict
        `mse` in squared pixel units, `r2`; of the last row `zeros`, the fraction of neurons that
        send nothing, and `spikes`, the sum of messages of an image.
    """
    if not reconstructs(network):
        return {}
    pixels = network.input.pixels
    real = values[:, -1] * (1.0 if pixels is None else pixels.scale)
    found = quality_of_images(real, reconstructions(network, totals), totals.last)
    return {**found, "spikes": spikes(totals.last)}


def classes(totals: NetworkTotals) -> np.ndarray:
    """Class of each image: index of the largest output of the last layer, (N,) int64.

    Where the layer sends nothing above 0, the index of its largest potential after the last row;
    -1 if all potentials are equal.
    """
    sent, potentials = totals.outputs, totals.potentials
    decided = sent.max(axis=1) > 0
    spread = potentials.max(axis=1) > potentials.min(axis=1)
    by_potential = np.where(spread, potentials.argmax(axis=1), -1)
    return np.where(decided, sent.argmax(axis=1), by_potential)


def accuracy(found: np.ndarray, labels: np.ndarray | None) -> float | None:
    """Fraction of labelled images that are classified correctly; None without labels."""
    if labels is None or (labels < 0).all():
        return None
    known = labels >= 0
    return float((found == labels)[known].mean())
