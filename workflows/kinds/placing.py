"""Activity of a `Network` for a plan of cores."""

from pathlib import Path
from typing import Any

import numpy as np

from ipvae.chip.core_memory import EVERY_NEURON
from ipvae.errors import InputError
from ipvae.network.io.network_file import checksum
from ipvae.network.network import INPUT, Network
from ipvae.network.traces.activity import Activity, received_activity
from ipvae.network.traces.network_totals import NetworkTotals, record_totals
from ipvae.network.traces.trace import Trace
from ipvae.workflows.kinds.result import NetworkRun
from ipvae.workflows.networks import load_trace


def network_activity(network: Network, given: Any) -> Activity:
    """Messages that each layer receives, from a run, a trace or its file.

    Without any, every neuron sends at every row.

    Raises
    ------
    InputError
        If a trace is of another network, or lacks messages.
    """
    if given is None:
        return _full(network)
    if isinstance(given, NetworkRun):
        require_run_of(network, given)
        source = f"{given.images} images of {given.steps} rows ({given.backend})"
        return _received(network, given.network_totals, source)
    trace = load_trace(given) if isinstance(given, (str, Path)) else given
    if not isinstance(trace, Trace):
        raise InputError(
            f"run: found {type(given).__name__}, allowed what ipvae.run returns, or a trace"
        )
    where = str(given) if isinstance(given, (str, Path)) else "the trace"
    totals = trace_totals_of(network, trace, where)
    source = f"{totals.images} images of {totals.steps} rows in {where} ({trace.backend})"
    return _received(network, totals, source)


def require_run_of(network: Network, run: NetworkRun) -> None:
    """Raise InputError unless the layers of a run have the names and sizes of this network's."""
    found = {name: len(sums.messages) for name, sums in run.network_totals.layers.items()}
    own = {name: network.size_of(name) for name in [INPUT, *network.by_id]}
    if found != own:
        raise InputError(
            f"result: found a run of layers with {found} neurons, allowed is one of this network, "
            f"with {own}; run this network"
        )


def trace_totals_of(network: Network, trace: Trace, where: str = "trace") -> NetworkTotals:
    """Totals of a trace of any backend; lead-in rows are not in a trace.

    Raises
    ------
    InputError
        If it is of another network, or lacks messages.
    """
    own = checksum(network)
    if trace.checksum != own:
        raise InputError(
            f"{where}: is of the network {trace.checksum[:12]}..., this one is {own[:12]}...; "
            "record one of this network with trace_file="
        )
    names = [INPUT, *network.by_id]
    missing = [n for n in names if any("z" not in s.get(n, {}) for s in trace.samples)]
    if missing or not trace.complete:
        what = f"has no z of layer {missing[0]}" if missing else "holds chosen steps or neurons"
        raise InputError(f"{where}: {what}, counts need all messages. Record it whole.")
    return record_totals(network, trace.samples, trace.steps + 1)


def _full(network: Network) -> Activity:
    received = {
        layer.id: np.ones(sum(c.weights.n_in for c in layer.connections), np.int64)
        for layer in network.layers
    }
    if network.input.neuron is not None:
        received[INPUT] = np.zeros(0, np.int64)
    peak = {name: len(of) for name, of in received.items()}
    return received_activity(EVERY_NEURON, 1, received, peak)


def _received(network: Network, totals: NetworkTotals, source: str) -> Activity:
    rows = totals.images * totals.steps
    received = {INPUT: np.zeros(0, np.int64)}
    peak = {INPUT: 0}
    for layer in network.layers:
        sent = [totals.layers[c.source] for c in layer.connections]
        received[layer.id] = np.concatenate([of.messages for of in sent])
        peak[layer.id] = sum(of.peak for of in sent)
    if network.input.neuron is None:
        del received[INPUT], peak[INPUT]
    return received_activity(source, rows, received, peak)
