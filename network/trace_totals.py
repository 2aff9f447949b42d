"""Totals of a run from its trace, whichever backend recorded it."""

from collections.abc import Sequence

import numpy as np

from ipvae.errors import InputError
from ipvae.network.bounds import layer_saturations
from ipvae.network.description import IntNetwork
from ipvae.network.layers import PoissonLayer
from ipvae.network.poisson import random_words
from ipvae.network.totals import LayerTotals, Totals
from ipvae.network.trace import VARIABLES, Trace


def trace_totals(
    network: IntNetwork, trace: Trace, drives: dict[str, np.ndarray], at: Sequence[int] = ()
) -> Totals:
    """Reduce a trace of everything to what the emulator's totals of the same run are.

    Parameters
    ----------
    network : IntNetwork
        The network that ran.
    trace : Trace
        Of every variable, layer, neuron and step.
    drives : dict of layer -> int32 array
        Drives of the run (`ipvae.network.stream.stream_drives`).
    at : ints in [0, T]
        Steps whose potentials and outputs are kept, of the code and the read-outs.

    Raises
    ------
    InputError
        If the trace lacks a variable, a layer, neurons or steps.
    """
    _require_whole(network, trace)
    layers, stacks = {}, {}
    for name, layer in network.layers.items():
        stacks[name] = {v: trace.stacked(name, v) for v in VARIABLES}
        u, z = stacks[name]["u"], stacks[name]["z"]
        magnitude = np.abs(z.astype(np.int64))
        words = random_words(u >> layer.finer_bits) if isinstance(layer, PoissonLayer) else 0
        layers[name] = LayerTotals(
            messages=(magnitude > 0).sum(axis=(0, 1)),
            sizes=magnitude.sum(axis=(0, 1)),
            saturations=layer_saturations(layer, stacks[name], drives[name]),
            u=u[:, -1],
            z=z[:, -1],
            random_words=int(np.sum(words, dtype=np.int64)),
        )
    shown = [stage.name for stage in network.wiring.stages if stage.role != "hidden"]
    kept = {
        step: {name: (stacks[name]["u"][:, step], stacks[name]["z"][:, step]) for name in shown}
        for step in sorted(set(at))
    }
    return Totals(len(trace.samples), trace.steps, layers, kept)


def _require_whole(network: IntNetwork, trace: Trace) -> None:
    missing = [
        f"{layer}/{variable}"
        for layer in network.layers
        for variable in VARIABLES
        if any(variable not in sample.get(layer, {}) for sample in trace.samples)
    ]
    if missing or not trace.complete:
        what = f"lacks {', '.join(missing)}" if missing else "holds chosen steps or neurons"
        raise InputError(
            f"trace of {trace.backend}: {what}, totals need every variable of every step. "
            "Record it whole."
        )
