"""Totals of a run from a trace of any backend."""

from collections.abc import Mapping, Sequence

import numpy as np

from ipvae.errors import InputError
from ipvae.network.description import IntNetwork
from ipvae.network.layers import PoissonLayer
from ipvae.network.proof.bounds import layer_saturations
from ipvae.network.rules.poisson import random_words
from ipvae.network.schedule import AnyLayer
from ipvae.network.traces.totals import LayerTotals, Totals
from ipvae.network.traces.trace import VARIABLES, Trace


def trace_totals(
    network: IntNetwork, trace: Trace, drives: dict[str, np.ndarray], at: Sequence[int] = ()
) -> Totals:
    """Reduce a complete trace to the totals that the emulator gives for the same run.

    Parameters
    ----------
    network : IntNetwork
        Network that ran.
    trace : Trace
        Trace with every variable, layer, neuron and step.
    drives : dict of layer -> int32 array
        Drives of the run (`ipvae.network.rules.stream.stream_drives`).
    at : ints in [0, T]
        Steps for which potentials and outputs are kept, for the code and the read-outs.

    Raises
    ------
    InputError
        If the trace lacks a variable, a layer, neurons or steps.
    """
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
    layers, stacks = {}, {}
    for name, layer in network.layers.items():
        stacks[name] = {v: trace.stacked(name, v) for v in VARIABLES}
        at_limit = layer_saturations(layer, stacks[name], drives[name])
        layers[name] = _reduced(layer, stacks[name], at_limit)
    shown = [stage.name for stage in network.schedule.stages if stage.role != "hidden"]
    kept = {
        step: {name: (stacks[name]["u"][:, step], stacks[name]["z"][:, step]) for name in shown}
        for step in sorted(set(at))
    }
    return Totals(len(trace.samples), trace.steps, layers, kept)


def sent_totals(network: IntNetwork, trace: Trace) -> Totals:
    """Reduce the outputs in a trace of every step to totals: enough to count operations.

    Layers without `z` in the trace are omitted. Saturations are empty. Without `u`, the last row of
    `u` is empty and the count of random words is 0.
    """
    layers = {}
    for name, layer in network.layers.items():
        held = [v for v in ("u", "z") if all(v in sample.get(name, {}) for sample in trace.samples)]
        if "z" in held:
            layers[name] = _reduced(layer, {v: trace.stacked(name, v) for v in held}, {})
    return Totals(len(trace.samples), trace.steps, layers)


def _reduced(
    layer: AnyLayer, values: Mapping[str, np.ndarray], saturations: dict[str, int]
) -> LayerTotals:
    """Compute the totals of a layer from its variables, (N, T + 1, K) int32 each."""
    z = values["z"]
    u = values.get("u", z[:, :, :0])
    magnitude = np.abs(z.astype(np.int64))
    sent = magnitude > 0
    words = random_words(u >> layer.finer_bits) if isinstance(layer, PoissonLayer) else 0
    return LayerTotals(
        messages=sent.sum(axis=(0, 1)),
        sizes=magnitude.sum(axis=(0, 1)),
        saturations=saturations,
        u=u[:, -1],
        z=z[:, -1],
        random_words=int(np.sum(words, dtype=np.int64)),
        peak=int(sent[:, :-1].sum(axis=2).max(initial=0)),
    )
