"""Histograms of a network's potentials, rates and weights between their limits."""

from bisect import bisect_left

import numpy as np

from ipvae.network.description import IntNetwork
from ipvae.network.layers import GradedLayer, PoissonLayer
from ipvae.network.rules.activations import LINEAR
from ipvae.network.rules.arithmetic import STATE_MAX
from ipvae.network.rules.neuron_step import graded_output
from ipvae.network.schedule import AnyLayer
from ipvae.network.traces.totals import Totals

BINS = 64
LEAST_RATE = 2.0**-10
"""Lower end of the rate histogram, per step; the lowest bin includes smaller nonzero rates."""


def histograms(network: IntNetwork, totals: Totals) -> dict[str, dict]:
    """Histograms of the code's potentials and rates and of every layer's weights; JSON data.

    Parameters
    ----------
    network : IntNetwork
    totals : Totals
        Totals of a run of this network.

    Returns
    -------
    dict of dict
        `potentials`, `rates`, and `weights <layer>` of each layer with synapses: `unit`, `edges`
        (bins + 1), `counts` (bins). The first two have `clips` (low, high), None for a missing
        limit, and `at_clips`, the number of values at each. `rates` has `silent`, the number of
        neurons without messages, which are in no bin.
    """
    code = totals.layers[network.code]
    rows = totals.images * (totals.steps + 1)
    found = {
        "potentials": _potentials(network.layer, code.u),
        "rates": _rates(network.layer, code.sizes / rows),
    }
    for name, layer in network.layers.items():
        if layer.weight_rec is not None:
            found[f"weights {name}"] = _weights(layer.weight_rec)
    return found


def _potentials(layer: AnyLayer, u: np.ndarray) -> dict:
    """Histogram of all neurons and images, (N, K) int, between the layer's clipping limits."""
    if isinstance(layer, PoissonLayer):
        unit, scale = "octaves (log2 of the rate)", 2.0**-layer.frac_bits
        low, high = ends = layer.u_min, layer.u_max
    else:
        unit, scale = "steps of what is sent", 2.0**-layer.shift
        low, high = _graded_clips(layer)
        ends = int(u.min()), max(int(u.max()), int(u.min()) + 1)
    counts, edges = np.histogram(u * scale, BINS, (ends[0] * scale, ends[1] * scale))
    return {
        **_bins(unit, edges, counts),
        "clips": [None if clip is None else clip * scale for clip in (low, high)],
        "at_clips": [
            None if low is None else int((u <= low).sum()),
            None if high is None else int((u >= high).sum()),
        ],
    }


def _graded_clips(layer: GradedLayer) -> tuple[int | None, int | None]:
    """Potentials nearest 0 that give the smallest and the largest message, if they exist."""
    ends = range(STATE_MAX + 1)
    low = high = len(ends)
    if layer.z_max > 0:
        high = bisect_left(ends, layer.z_max, key=lambda u: int(graded_output(layer, np.array(u))))
    if layer.z_min < 0 and layer.activation == LINEAR:
        low = bisect_left(
            ends, -layer.z_min, key=lambda u: -int(graded_output(layer, np.array(-u)))
        )
    return (-low if low < len(ends) else None), (high if high < len(ends) else None)


def _rates(layer: AnyLayer, rates: np.ndarray) -> dict:
    """Logarithmic histogram of each neuron's mean over images and steps, (K,) float64."""
    most = float(
        layer.count_max if isinstance(layer, PoissonLayer) else max(layer.z_max, -layer.z_min)
    )
    edges = np.geomspace(LEAST_RATE, max(most, 1.0), BINS + 1)
    spoke = rates[rates > 0]
    counts, _ = np.histogram(np.clip(spoke, edges[0], edges[-1]), edges)
    return {
        **_bins("mean size sent per step", edges, counts),
        "clips": [0.0, most],
        "at_clips": [len(rates) - len(spoke), int((rates >= most).sum())],
        "silent": len(rates) - len(spoke),
    }


def _weights(weights: np.ndarray) -> dict:
    """Histogram of stored synapses, (K, J) int8; bins of integers, of equal width."""
    low, high = int(weights.min()), int(weights.max())
    width = -(-(high - low + 1) // BINS)
    n = -(-(high - low + 1) // width)
    edges = low - 0.5 + width * np.arange(n + 1)
    counts, _ = np.histogram(weights, edges)
    return _bins("integer weight", edges, counts)


def _bins(unit: str, edges: np.ndarray, counts: np.ndarray) -> dict:
    return {"unit": unit, "edges": edges.tolist(), "counts": counts.tolist()}
