"""Counts of a trace per core of a placement, under the names of the profiler's columns."""

from dataclasses import dataclass

import numpy as np

from ipvae.network.activity import received_messages
from ipvae.network.core_memory import core_words
from ipvae.network.description import IntNetwork
from ipvae.network.limits import CORE_SHARED_WORDS
from ipvae.network.partition import Placement
from ipvae.network.trace import Trace


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


def core_counts(network: IntNetwork, trace: Trace, placement: Placement) -> CoreCounts:
    """Count what each core of a placement does in a run.

    Parameters
    ----------
    network : IntNetwork
        The network that ran.
    trace : Trace
        With `z` of every layer.
    placement : Placement
        Of the network.
    """
    arriving: dict[str, int] = {}
    leaving: dict[str, np.ndarray] = {}
    for stage in network.wiring.stages:
        sent = trace.stacked(stage.name, "z") != 0
        leaving[stage.name] = sent.sum(axis=(0, 1))
        arriving[stage.name] = 0
        if stage.layer.weight_rec is not None:
            source = str(stage.layer.source)
            arriving[stage.name] = int(received_messages(trace, source, stage.lag).sum())
    cores = placement.cores
    rows = len(trace.samples) * (trace.steps + 1)
    spikes_in = np.array([arriving[core.layer.name] for core in cores], dtype=np.int64)
    neurons = np.array([core.neurons for core in cores], dtype=np.int64)
    used = [
        core_words(core.layer, core.neurons, placement.reading)["shared_words_per_core"]
        for core in cores
    ]
    return CoreCounts(
        cores=[(core.chip_idx, core.core_idx) for core in cores],
        syn_ops=spikes_in * neurons,
        dendrite_updates=neurons * rows,
        axon_out=np.array([leaving[c.layer.name][c.own].sum() for c in cores], dtype=np.int64),
        spikes_in=spikes_in,
        total_mpds=np.array(used) / CORE_SHARED_WORDS,
    )
