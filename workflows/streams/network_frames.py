"""Operations and modelled costs of frames of a `Network`, from the totals before and after each."""

from collections.abc import Sequence
from dataclasses import replace

from ipvae.energy.counting.counts import Counts
from ipvae.energy.counting.network_counts import NetworkCounts, network_counts
from ipvae.energy.counting.network_workload import network_workload, products
from ipvae.energy.models import EnergyRow, TimeRow
from ipvae.energy.models.table import left_out, model_table
from ipvae.network.network import Network
from ipvae.network.traces.network_totals import LayerSums, NetworkTotals, joined_totals

Pair = tuple[NetworkTotals | None, NetworkTotals]
"""Totals since the reset, before and after a frame; None before the first one."""


def network_frame_counts(network: Network, pairs: Sequence[Pair]) -> Counts:
    """Operations of one frame, means over the frames; drives are computed once for each."""
    return _counted(network, _frames_totals(network, pairs)).total


def network_frame_costs(
    network: Network, pairs: Sequence[Pair], *, kept: bool
) -> tuple[list[EnergyRow], list[TimeRow], list[str]]:
    """Modelled energies and times of one frame, and notes on what is left out.

    With the state `kept` a frame takes the steps of its rows; after a reset it also takes the steps
    in which the first messages pass all layers.
    """
    totals = _frames_totals(network, pairs)
    work = network_workload(network, totals, _counted(network, totals))
    if kept:
        work = replace(work, chip_steps=totals.steps * work.period)
    energy, time = model_table(network, work)
    return energy, time, left_out(work)


def _counted(network: Network, totals: NetworkTotals) -> NetworkCounts:
    weights = [layer.drive.weights for layer in network.layers if layer.drive is not None]
    return network_counts(network, totals, float(sum(map(products, weights))))


def _frames_totals(network: Network, pairs: Sequence[Pair]) -> NetworkTotals:
    """Totals of frames, each as one image of its rows; the first one has row 0 too."""
    return joined_totals(
        [
            replace(after, steps=network.rows(after.steps)) if old is None else _since(old, after)
            for old, after in pairs
        ]
    )


def _since(before: NetworkTotals, after: NetworkTotals) -> NetworkTotals:
    """Totals of the rows after `before`. Messages on their way then are received by this frame."""
    layers = {name: _difference(before.layers[name], of) for name, of in after.layers.items()}
    return replace(after, steps=after.steps - before.steps, layers=layers)


def _difference(before: LayerSums, after: LayerSums) -> LayerSums:
    return LayerSums(
        messages=after.messages - before.messages,
        sizes=after.sizes - before.sizes,
        rows=after.rows - before.rows,
        peak=after.peak,
        limits={name: n - before.limits[name] for name, n in after.limits.items()},
        last=after.last - before.last,
        last_sizes=after.last_sizes - before.last_sizes,
        by_row=after.by_row[len(before.by_row) :],
        random_words=after.random_words - before.random_words,
    )
