"""Classes that a network's last layer decides for, and their accuracy."""

import numpy as np

from ipvae.network.traces.network_totals import NetworkTotals


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
