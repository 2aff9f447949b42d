"""Operation counts of a run for each core, under the column names of Lava's profiler."""

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
        Messages received by the core times its neurons.
    dendrite_updates : (cores,) int64
        Neurons of the core times their rows.
    axon_out : (cores,) int64
        Nonzero outputs of its neurons at rows 0..T, received by a layer or not.
    spikes_in : (cores,) int64
        Messages received.
    total_mpds : (cores,) float64
        Fraction of the shared memory words that are in use, by the memory model.
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
    """Count the operations of each core of a placement in a run on any backend.

    Parameters
    ----------
    network : IntNetwork
        The network that ran.
    run : Activity, Totals or Trace
    placement : Placement
        Placement of this network.

    Raises
    ------
    InputError
        See `ipvae.network.traces.activity.activity_of`.
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
