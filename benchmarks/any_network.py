"""Speed of the emulator on a lava-dl network, for benchmarks/emulator.py --net FILE.net.

Image-steps per second of the emulator, of a batched float32 PyTorch loop of the same network, and
of Lava's simulator with our models and with its own. Builds are excluded on every side: PyTorch and
the emulator are timed after they are built, and Lava by the difference of a long and a short run.
"""

import time
from pathlib import Path
from typing import Any

import numpy as np

from ipvae.compiled import compiled
from ipvae.emulator.event_driven import lanes
from ipvae.emulator.event_driven.engine import NetworkEmulator
from ipvae.emulator.event_driven.kinds import parameters
from ipvae.emulator.event_driven.layer_state import Messages, Neurons
from ipvae.emulator.event_driven.packing import Places
from ipvae.energy.counting.network_counts import network_counts
from ipvae.network.connections import Convolution
from ipvae.network.io.lava_dl_file import read_plain
from ipvae.network.kinds import CubaNeuron, DeltaNeuron, SigmaDeltaNeuron, SigmaNeuron
from ipvae.network.network import Network
from ipvae.network.rules.input_messages import messages

STEPS = 16
LAVA_STEPS = (4, 84)
"""Rows of the short and of the long run on Lava, whose build takes some seconds."""
LAVA_ROUNDS = 3
THREADS = (1, 2)


def example_frames(network: Network, batch: int, seed: int = 0) -> np.ndarray:
    """Images (batch, 1, n): values that make input neurons send often."""
    rng = np.random.default_rng(seed)
    neuron, shape = network.input.neuron, (batch, 1, network.input.size)
    if isinstance(neuron, CubaNeuron):
        return rng.integers(0, 3 * neuron.threshold + 2, shape).astype(np.int32)
    if isinstance(neuron, DeltaNeuron):
        return rng.integers(-64, 65, shape).astype(np.int32)
    return rng.integers(0, 2, shape).astype(np.int32)


def read_frames(network: Network, images: Path | None, batch: int) -> np.ndarray:
    """Images of a file, repeated up to a batch, or made-up ones."""
    if images is None:
        return example_frames(network, batch)
    found = np.load(images)
    return np.resize(found.reshape(len(found), 1, -1), (batch, 1, network.input.size)).astype(
        np.int32
    )


class Torch:
    """The same network as a user of PyTorch would write it: batched float32, dense products."""

    def __init__(self, network: Network, frames: np.ndarray) -> None:
        import torch

        self.torch, self.network = torch, network
        n = len(frames)
        self.image = torch.tensor(frames[:, 0], dtype=torch.float32)
        self.image = self.image.reshape(n, *network.input.shape)
        self.weights = [
            torch.tensor(layer.connections[0].weights.weight, dtype=torch.float32)
            for layer in network.layers
        ]
        self.biases = []
        for layer in network.layers:
            bias = np.zeros(layer.shape[0]) if layer.bias is None else layer.bias
            shape = (1, -1) if len(layer.shape) == 1 else (1, -1, 1, 1)
            self.biases.append(torch.tensor(bias, dtype=torch.float32).reshape(shape))

    def run(self, steps: int) -> Any:
        """Run all images from rest; return the outputs."""
        torch, network = self.torch, self.network
        states: dict[str, list[Any]] = {}
        total: Any = 0.0
        with torch.inference_mode():
            for _ in range(steps):
                z = self._input(states)
                for layer, weight, bias in zip(
                    network.layers, self.weights, self.biases, strict=True
                ):
                    of = layer.connections[0].weights
                    if isinstance(of, Convolution):
                        a = torch.nn.functional.conv2d(
                            z, weight, None, of.stride, of.padding, of.dilation, of.groups
                        )
                    else:
                        a = torch.nn.functional.linear(z.flatten(1), weight)
                    z = self._neuron(layer.neuron, a, bias, states.setdefault(layer.id, []))
                total = total + z
        return total

    def _input(self, states: dict[str, list[Any]]) -> Any:
        neuron, state = self.network.input.neuron, states.setdefault("0", [])
        if neuron is None:
            return self.image
        if isinstance(neuron, CubaNeuron):
            return self._neuron(neuron, self.torch.zeros_like(self.image), self.image, state)
        return self._changes(neuron.threshold, self.image * 4096.0, state)

    def _neuron(self, neuron: Any, a: Any, bias: Any, state: list[Any]) -> Any:
        torch = self.torch
        if not state:
            state.extend(torch.zeros_like(a) for _ in range(3))
        if isinstance(neuron, CubaNeuron):
            u, v = state[:2]
            u.mul_(1 - neuron.current_decay / 4096).add_(a, alpha=64.0)
            v.mul_(1 - neuron.voltage_decay / 4096).add_(u).add_(64.0 * bias)
            z = (v > 64.0 * neuron.threshold).to(torch.float32)
            v.mul_(1 - z)
            return z
        state[0].add_(a)
        if isinstance(neuron, SigmaNeuron):
            return state[0]
        assert isinstance(neuron, SigmaDeltaNeuron)
        value = torch.relu(state[0] + 4096.0 * bias)
        return self._changes(neuron.threshold, value, state[1:])

    def _changes(self, threshold: int, value: Any, state: list[Any]) -> Any:
        torch = self.torch
        if not state:
            state.extend(torch.zeros_like(value) for _ in range(2))
        residue, reference = state
        delta = value - reference + residue
        sends = delta.abs() >= 4096.0 * threshold
        residue.copy_(torch.where(sends, torch.zeros_like(delta), delta))
        reference.copy_(value)
        return torch.floor(torch.where(sends, delta, torch.zeros_like(delta)) / 64.0)

    def measure(self, threads: int) -> float:
        """Image-steps per second."""
        self.torch.set_num_threads(threads)
        start = time.perf_counter()
        self.run(STEPS)
        return len(self.image) * STEPS / (time.perf_counter() - start)


def lava_rate(network: Network, frames: np.ndarray, stock: bool) -> float:
    """Steps per second of Lava on one image, from the best of each of two lengths."""
    from ipvae.lava_procs.importing import import_lava
    from ipvae.lava_procs.network_run import run_network

    import_lava()

    def seconds(steps: int) -> float:
        sent = messages(network.input, frames[0], steps)
        start = time.perf_counter()
        for _ in run_network(network, iter([sent]), steps, 1, 600.0, stock=stock):
            pass
        return time.perf_counter() - start

    short, long = (min(seconds(n) for _ in range(LAVA_ROUNDS)) for n in LAVA_STEPS)
    return (LAVA_STEPS[1] - LAVA_STEPS[0]) / (long - short)


def measure(net: Path, images: Path | None, batch: int, rounds: int, lava: bool) -> dict[str, Any]:
    """Time all implementations in turn, and keep the best of each."""
    network = read_plain(net)
    frames = read_frames(network, images, batch)
    emulators = {n: NetworkEmulator(network, threads=n) for n in THREADS}
    torch = Torch(network, frames)
    best: dict[str, float] = {}

    def note(name: str, value: float) -> None:
        best[name] = max(best.get(name, 0.0), value)

    for emulator in emulators.values():
        emulator.totals(frames[:2], 2)
    for _ in range(rounds):
        for n, emulator in emulators.items():
            start = time.perf_counter()
            totals = emulator.totals(frames, STEPS)
            note(f"emulator {n}", batch * STEPS / (time.perf_counter() - start))
            note(f"torch {n}", torch.measure(n))
    rates = {
        name: lava_rate(network, frames, stock) if lava else None
        for name, stock in (("lava", False), ("lava_stock", True))
    }
    counts = network_counts(network, totals)
    fastest = max(best[f"emulator {n}"] for n in THREADS)
    other = max(best[f"torch {n}"] for n in THREADS)
    ops = counts.total.synaptic_ops / STEPS
    updates = counts.total.neuron_updates / STEPS
    bound = ops / add_rate() + updates / update_rate()
    return {
        "emulator": fastest,
        **rates,
        "torch": other,
        **{f"vs_{name}": None if rate is None else fastest / rate for name, rate in rates.items()},
        "vs_torch": fastest / other,
        "activity": 1 - counts.zeros,
        "roofline_fraction": bound * best["emulator 1"],
        "synaptic_ops_per_step": ops,
        "neuron_updates_per_step": updates,
        "batch": batch,
        "steps": STEPS,
        **{name.replace(" ", "_"): value for name, value in best.items()},
    }


@compiled(nogil=True)
def repeat_adds(repeats, ys, xs, starts, offsets, values, weights, sums):
    """Add the same 64 rows of weights again and again."""
    for _ in range(repeats):
        lanes.add_spikes_4(1, ys, 1, xs, starts, offsets, values, weights, sums, sums)


def add_rate() -> float:
    """Additions of int16 weights to int32 sums per second in one thread, weights in the cache."""
    n, repeats = 64, 2000
    weights, sums = np.ones((n, 64), np.int16), np.zeros(64, np.int32)
    offsets, values = (np.arange(n) * 128).astype(np.int32), np.ones(n, np.int32)
    starts, once = np.array([0, n], np.int32), np.array([0, 0], np.int32)
    run = np.array([0, 1, 0], np.int32)
    addresses = [a.ctypes.data for a in (once, run, starts, offsets, values, weights, sums)]
    best = 0.0
    for _ in range(5):
        start = time.perf_counter()
        repeat_adds(repeats, *addresses)
        best = max(best, repeats * n * 64 / (time.perf_counter() - start))
    return best


def update_rate() -> float:
    """Updates of CUBA neurons per second in one thread, states in the cache."""
    width, rows, repeats = 1024, 8, 50
    places = Places((width,))
    neuron = CubaNeuron(100, 1024, 1024)
    sums, bias = np.ones((1, rows, width), np.int32), np.ones(width, np.int32)
    of = Neurons(neuron, places, parameters(neuron), 1, bias)
    sent = Messages(1, rows, 0, places, False)
    of.sums.begin(rows)
    of.begin()
    best = 0.0
    for _ in range(5):
        start = time.perf_counter()
        for _ in range(repeats):
            of.update(sums, sent, 0, bias, False, 0)
        best = max(best, repeats * rows * width / (time.perf_counter() - start))
    return best
