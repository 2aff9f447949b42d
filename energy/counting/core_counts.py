"""Counts of a run per core of a placement, under the names of the profiler's columns."""

from dataclasses import dataclass

import numpy as np

from ipvae.chip.core_memory import core_words
from ipvae.chip.limits import CORE_SHARED_WORDS
from ipvae.chip.placement import Placement
from ipvae.network.description import IntNetwork
from ipvae.network.traces.activity import Activity, activity_of
from ipvae.network.traces.totals import Totals
from ipvae.network.traces.trace import Trace


@dataclass(frozen=True, eq=False)
class CoreCounts:
    """Totals over all images and steps of a run, one entry per core.

    Attributes
    ----------
    cores : list of (chip, core)
    syn_ops : (cores,) int64
        Messages that arrive times the core's neurons.
    dendrite_updates : (cores,) int64
        Its neurons at each of their rows.
    axon_out : (cores,) int64
        Nonzero outputs of its neurons at rows 0..T, whoever hears them.
    spikes_in : (cores,) int64
        Messages that arrive.
    total_mpds : (cores,) float64
        Part of the shared pool of words that the memory model fills.
    """

    cores: list[tuple[int, int]]
    syn_ops: np.ndarray
    dendrite_updates: np.ndarray
    axon_out: np.ndarray
    spikes_in: np.ndarray
    total_mpds: np.ndarray


def core_counts(
    network: IntNetwork, run: Activity | Totals | Trace, placement: Placement
) -> CoreCounts:
    """Count what each core of a placement does in a run on any backend.

    Parameters
    ----------
    network : IntNetwork
        The network that ran.
    run : Activity, Totals or Trace
    placement : Placement
        Of the network.

    Raises
    ------
    InputError
        As `ipvae.network.traces.activity.activity_of`.
    """
    activity = activity_of(network, run)
    layers, cores, rows = activity.layers, placement.cores, int(activity.rows.sum())
    arriving = [int(layers[core.layer.name].received.sum()) for core in cores]
    leaving = [layers[core.layer.name].sent.messages[:, core.own].sum() for core in cores]
    spikes_in = np.array(arriving, dtype=np.int64)
    neurons = np.array([core.neurons for core in cores], dtype=np.int64)
    used = [
        core_words(core.layer, core.neurons, placement.reading)["shared_words_per_core"]
        for core in cores
    ]
    return CoreCounts(
        cores=[(core.chip_idx, core.core_idx) for core in cores],
        syn_ops=spikes_in * neurons,
        dendrite_updates=neurons * rows,
        axon_out=np.array(leaving, dtype=np.int64),
        spikes_in=spikes_in,
        total_mpds=np.array(used) / CORE_SHARED_WORDS,
    )
