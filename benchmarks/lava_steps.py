"""Steps per second of ipvae's Lava network and of a stock lava-dl network of equal size.

    python benchmarks/lava_steps.py [NET.h5] [--steps N] [--rounds R]

Three networks run in turn, and their medians are compared. ipvae: the Poisson neurons of NET.h5 and
their recurrent Dense, two processes, event-driven, with every variable of every step recorded. The
second is the same with Lava's own model of Dense. Stock: netx's recurrent block with its CUBA
neurons, a source and a sink, binary spikes, at a firing rate equal to the activity of the Poisson
neurons.

The last line is JSON: `ours`, `stock`, `ratio`, and `ours_stock_dense`, `activity`,
`stock_activity`.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

import ipvae
from ipvae.lava_procs.configuration import EVENT_DRIVEN, STOCK
from ipvae.lava_procs.importing import import_lava_dl
from ipvae.lava_procs.runner import LavaRunner
from ipvae.network.description import IntNetwork
from ipvae.network.io.network_file import read_network
from ipvae.network.rules import random_source
from ipvae.network.rules.drive import drives

THRESHOLD = 1000
"""Threshold of the stock neurons, in units of their bias."""

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    """Run the benchmark and print the results."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("net", nargs="?", type=Path, help="network file; else models/patches")
    parser.add_argument("--steps", type=int, default=500, help="steps of one measurement")
    parser.add_argument("--rounds", type=int, default=5, help="measurements of each network")
    chosen = parser.parse_args()
    import_lava_dl()
    network = read_network(chosen.net) if chosen.net else shipped()
    print(json.dumps(measure(network, chosen.steps, chosen.rounds)))


def shipped() -> IntNetwork:
    """Network of models/patches at 8 bits, which needs no data set."""
    return ipvae.quantize(ROOT / "models" / "patches").network


def measure(network: IntNetwork, n_steps: int, n_rounds: int) -> dict[str, float]:
    """Steps per second of the three networks."""
    with ExitStack() as stack:
        timed: dict[str, Callable[[], float]] = {}
        active = []
        for name, dense in (("ours", EVENT_DRIVEN), ("ours_stock_dense", STOCK)):
            runner = stack.enter_context(LavaRunner(network, n_steps, dense=dense))
            timed[name] = our_round(runner, network, active)
        timed["ours"]()  # the first image determines the activity
        stock, sink = stock_network(network.n_neurons, active[0], n_steps * (n_rounds + 1))
        stack.callback(stock.stop)
        timed["stock"] = stock_round(stock, n_steps)
        for run in timed.values():
            run()
        seconds = {name: [] for name in timed}
        for _ in range(n_rounds):
            for name, run in timed.items():
                seconds[name].append(run())
        spikes = sink.data.get()[:, -n_steps:]
    rates = {name: n_steps / statistics.median(found) for name, found in seconds.items()}
    for name, rate in rates.items():
        print(f"{name}: {rate:.0f} steps/s, median of {n_rounds} x {n_steps} steps")
    return {
        **rates,
        "ratio": rates["ours"] / rates["stock"],
        "activity": statistics.mean(active),
        "stock_activity": float(np.mean(spikes != 0)),
    }


def our_round(runner: LavaRunner, network: IntNetwork, active: list[float]) -> Callable[[], float]:
    """Seconds of one image; appends the number of active neurons."""
    drive = {name: b[0] for name, b in drives(network, network.test_images[:1]).items()}

    def run() -> float:
        start = time.perf_counter()
        record = runner.run_image(drive, random_source.image_key(0, len(active)))
        seconds = time.perf_counter() - start
        active.append(float((record[network.code]["z"] > 0).mean()))
        return seconds

    return run


def stock_network(k: int, activity: float, n_steps: int) -> tuple[Any, Any]:
    """Source, netx's recurrent block and sink; each neuron fires at the given fraction of steps.

    The neurons' bias makes them fire, and all weights are zero: the work of a stock Dense depends
    on the number of active inputs, not on its values.
    """
    from lava.lib.dl.netx.blocks import models, process
    from lava.magma.core.decorator import implements
    from lava.magma.core.run_conditions import RunSteps
    from lava.magma.core.run_configs import Loihi2SimCfg
    from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol
    from lava.proc.io.sink import RingBuffer as Sink
    from lava.proc.io.source import RingBuffer as Source
    from lava.proc.lif.process import LIF

    @implements(proc=process.RecurrentDense, protocol=LoihiProtocol)
    class PyRecurrentDense(models.AbstractPyBlockModel):
        """Process model of netx's recurrent block, which lava-dl does not provide."""

    PyRecurrentDense.__module__ = process.__name__  # Lava searches for it there
    process.PyRecurrentDense = PyRecurrentDense  # type: ignore[attr-defined]

    rng = np.random.default_rng(0)
    recurrent: Any = process.RecurrentDense
    block = recurrent(
        shape=(k,),
        neuron_params={
            "neuron_proc": LIF,
            "bias_key": "bias_mant",
            "bias_exp": 6,
            "du": 4095,
            "dv": 0,
            "vth": THRESHOLD,
            "v": rng.integers(0, 64 * THRESHOLD, k),
        },
        weight=np.zeros((k, k), dtype=int),
        weight_rec=np.zeros((k, k), dtype=int),
        bias=biases(k, activity),
    )
    source = Source(data=(rng.random((k, 64)) < activity).astype(int))
    sink = Sink(shape=(k,), buffer=n_steps)
    source.s_out.connect(block.inp)
    block.out.connect(sink.a_in)
    block.run(RunSteps(num_steps=1), Loihi2SimCfg(select_tag="fixed_pt"))
    return block, sink


def biases(k: int, activity: float) -> np.ndarray:
    """Biases (K,) that make neurons fire every p-th step, or every (p + 1)-th."""
    period = max(2, int(1 / activity))
    longer = (1 / period - activity) / (1 / period - 1 / (period + 1))
    periods = period + (np.arange(k) < longer * k)
    return THRESHOLD // (periods - 1)


def stock_round(block: Any, n_steps: int) -> Callable[[], float]:
    """Seconds of `n_steps` steps."""
    from lava.magma.core.run_conditions import RunSteps

    def run() -> float:
        start = time.perf_counter()
        block.run(RunSteps(num_steps=n_steps))
        return time.perf_counter() - start

    return run


if __name__ == "__main__":
    main()
