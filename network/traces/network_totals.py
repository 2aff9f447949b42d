"""Totals of a run of a `Network`: what counting, judging and planning need, without a trace."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ipvae.network.kinds import PoissonNeuron
from ipvae.network.network import INPUT, Network
from ipvae.network.rules.poisson import random_words


@dataclass(frozen=True, eq=False)
class LayerSums:
    """Messages of one layer, summed over images and rows, lead-in rows included.

    Attributes
    ----------
    messages : (n,) int64
        Nonzero messages of each neuron.
    sizes : (n,) int64
        Sums of their magnitudes.
    rows : int
        Rows of one image in which the layer updated.
    peak : int
        Largest number of messages in one row of one image.
    limits : dict of str -> int
        Values at limits: of CUBA neurons wraps of the current and clips of the voltage, of
        sigma-delta neurons sums outside 24 bits.
    last : (D, n) int64
        Nonzero messages of each neuron in the last D rows, oldest first; D is the longest delay of
        the layer's messages. Connections with a delay do not receive all of them.
    last_sizes : (D, n) int64
        Sums of their magnitudes.
    by_row : (rows,) int64
        Nonzero messages of all neurons in each row, lead-in rows first.
    random_words : int
        Uniforms that its neurons drew.
    """

    messages: np.ndarray
    sizes: np.ndarray
    rows: int
    peak: int
    limits: dict[str, int]
    last: np.ndarray
    last_sizes: np.ndarray
    by_row: np.ndarray
    random_words: int = 0


@dataclass(frozen=True, eq=False)
class NetworkTotals:
    """Totals of a run.

    Attributes
    ----------
    images : int
    steps : int
        Rows of each image (T), lead-in rows not counted.
    layers : dict of layer -> LayerSums
        '0' is the input.
    outputs : (N, n) int64
        Messages of the last layer, summed over all rows of each image.
    last : (N, n) int32
        Messages of the last layer in the last row.
    potentials : (N, n) int32
        Voltage, or sum, of the last layer after the last row.
    """

    images: int
    steps: int
    layers: dict[str, LayerSums]
    outputs: np.ndarray
    last: np.ndarray
    potentials: np.ndarray


def joined_sums(parts: Sequence[dict[str, LayerSums]]) -> dict[str, LayerSums]:
    """Add the sums of groups of images of one run."""
    return {name: _joined([part[name] for part in parts]) for name in parts[0]}


def _joined(parts: list[LayerSums]) -> LayerSums:
    def total(name: str) -> np.ndarray:
        return np.sum([getattr(part, name) for part in parts], axis=0, dtype=np.int64)

    return LayerSums(
        messages=total("messages"),
        sizes=total("sizes"),
        rows=parts[0].rows,
        peak=max(part.peak for part in parts),
        limits={name: sum(p.limits[name] for p in parts) for name in parts[0].limits},
        last=total("last"),
        last_sizes=total("last_sizes"),
        by_row=total("by_row"),
        random_words=int(total("random_words")),
    )


def joined_totals(parts: Sequence[NetworkTotals]) -> NetworkTotals:
    """Join the totals of groups of images of one run, in their order."""
    return NetworkTotals(
        sum(part.images for part in parts),
        parts[0].steps,
        joined_sums([part.layers for part in parts]),
        *(
            np.concatenate([getattr(part, name) for part in parts])
            for name in ("outputs", "last", "potentials")
        ),
    )


def longest_delay(network: Network, source: str) -> int:
    """Longest delay of the messages of a layer, in rows; 0 if nothing receives them."""
    return max(
        (
            connection.longest_delay
            for layer in network.layers
            for connection in layer.connections
            if connection.source == source
        ),
        default=0,
    )


def potential(network: Network) -> str:
    """Variable of the last layer that decides where it sends nothing: voltage, or sum."""
    return network.readout.neuron.potential


def record_totals(
    network: Network, records: Sequence[dict[str, dict[str, np.ndarray]]], steps: int
) -> NetworkTotals:
    """Reduce recorded messages of images, lead-in rows included, to totals.

    Parameters
    ----------
    network : Network
    records : list of {layer: {variable: (rows, n) int32}}
        `z` of the input '0' and of every layer, and `u` of layers that draw.
    steps : int
    """
    layers = {
        name: _reduced([record[name]["z"] for record in records], longest_delay(network, name))
        for name in (INPUT, *network.by_id)
    }
    for name, kind in network.kinds.items():
        if isinstance(kind, PoissonNeuron):
            log_rates = [record[name]["u"] for record in records if "u" in record[name]]
            words = sum(int(random_words(u >> kind.finer_bits).sum()) for u in log_rates)
            layers[name] = replace(layers[name], random_words=words)
    readout = network.readout.id
    sent = [record[readout] for record in records]
    state = potential(network)
    return NetworkTotals(
        len(records),
        steps,
        layers,
        np.stack([of["z"].sum(axis=0, dtype=np.int64) for of in sent]),
        np.stack([of["z"][-1] for of in sent]),
        np.stack([of.get(state, of["z"])[-1] for of in sent]),
    )


def _reduced(sent: list[np.ndarray], depth: int) -> LayerSums:
    sizes = np.abs(np.stack(sent).astype(np.int64))
    active = sizes > 0
    first = max(sizes.shape[1] - depth, 0)
    missing = max(depth - sizes.shape[1], 0)  # rows before the first one

    def last(values: np.ndarray) -> np.ndarray:
        rows = values[:, first:].sum(axis=0, dtype=np.int64)
        return np.pad(rows, ((missing, 0), (0, 0)))

    return LayerSums(
        messages=active.sum(axis=(0, 1)),
        sizes=sizes.sum(axis=(0, 1)),
        rows=sizes.shape[1],
        peak=int(active.sum(axis=2).max(initial=0)),
        limits={},
        last=last(active),
        last_sizes=last(sizes),
        by_row=active.sum(axis=(0, 2), dtype=np.int64),
    )
