"""Speed against size, batch, activity and threads, for benchmarks/emulator.py --scaling.

The networks are random with constant log-rates, so that activity is as specified. One further
network is models/mnist with error units, in its stationary state.
"""

import time
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from ipvae.emulator import Emulator
from ipvae.emulator.engine import processors
from ipvae.network.description import InputFormat, IntNetwork
from ipvae.network.io.network_file import read_network
from ipvae.network.layers import PoissonLayer

SEED = 3
SIZES = (128, 256, 512, 1024, 2048, 4096)
BATCHES = (1, 4, 16, 64, 256, 1024)
ACTIVITIES = (0.01, 0.03, 0.1, 0.3, 0.9)
USUAL = {"k": 512, "batch": 256, "activity": 0.14, "threads": processors()}
SECONDS = 0.4
"""Approximate duration of one timing."""
RUNS = 5
"""Timings per point; the fastest is kept."""


def random_network(k: int, activity: float) -> IntNetwork:
    """Recurrent network in which a given fraction of neurons sends about 4 at each step.

    The other neurons send nothing. Updates are clipped to 0: all work is done, and no state
    changes.
    """
    rng = np.random.default_rng(k)
    u = np.full(k, -45000)
    u[: round(activity * k)] = 8192
    layer = PoissonLayer(
        weight=np.zeros((k, 4), np.int16),
        weight_rec=rng.integers(-32, 33, (k, k)).astype(np.int8),
        weight_exp=2,
        bias=np.zeros(k, np.int32),
        self_weight=rng.integers(0, 2000, k).astype(np.int32),
        u_init=rng.permutation(u).astype(np.int32),
        u_min=-49152,
        u_max=20000,
        du_min=0,
        du_max=0,
        payload_bits=6,
    )
    return IntNetwork(
        input=InputFormat(0, 255, 1 / 255, (2, 2)),
        layer=layer,
        decoder=np.zeros((4, k), np.float32),
        test_images=np.zeros((1, 4), np.int16),
        test_labels=np.zeros(1, np.int16),
    )


def speed(network: IntNetwork, batch: int, threads: int, settle: int = 2) -> dict[str, float]:
    """Image-steps per second, seconds per synaptic operation and fraction of active neurons."""
    images = np.resize(network.test_images, (batch, network.n_pixels))
    emulator = Emulator(network, threads=threads)
    tiles = emulator.tiles(images, 2**19 - 1, SEED)
    emulator.advance(tiles, settle)
    rows = 1
    while timed(emulator, tiles, rows) < SECONDS / 4:
        rows *= 2
    before = operations(network, tiles)
    taken = min(timed(emulator, tiles, rows) for _ in range(RUNS))
    made = (operations(network, tiles) - before) / (RUNS * rows * batch)
    z = np.concatenate([t.z(network.code, network.n_neurons) for t in tiles])
    return {
        "image_steps_per_second": rows * batch / taken,
        "seconds_per_synaptic_op": taken / (rows * batch * made),
        "activity": float((z != 0).mean()),
    }


def timed(emulator: Emulator, tiles: list, rows: int) -> float:
    """Seconds of `rows` rows."""
    start = time.perf_counter()
    emulator.advance(tiles, rows)
    return time.perf_counter() - start


def operations(network: IntNetwork, tiles: list) -> int:
    """Synaptic operations up to now."""
    return sum(
        int(tile.sums[str(stage.layer.source)].messages.sum()) * stage.layer.n_neurons
        for stage in network.schedule.stages
        if stage.layer.weight_rec is not None
        for tile in tiles
    )


def points(name: str, values: tuple) -> list[dict]:
    """Speed at values of one property, with default values of the others."""
    found = []
    for value in values:
        at = USUAL | {name: value}
        network = random_network(at["k"], at["activity"])
        found.append({name: value} | speed(network, at["batch"], at["threads"]))
        rate, op = found[-1]["image_steps_per_second"], found[-1]["seconds_per_synaptic_op"]
        print(f"{name} {value}: {rate:,.0f} image-steps/s, {op * 1e12:.1f} ps/synop", flush=True)
    return found


def draw_scaling(path: Path, errors: Path) -> dict:
    """Measure, draw four panels, and return the measurements."""
    threads = tuple(range(1, USUAL["threads"] + 1))
    found: dict = {
        "k": points("k", SIZES),
        "batch": points("batch", BATCHES),
        "activity": points("activity", ACTIVITIES),
        "threads": points("threads", threads),
    }
    figure, axes = plt.subplots(1, 4, figsize=(13, 3.2), layout="constrained")
    labels = ("neurons K", "images", "share of neurons that send", "threads")
    for axis, (name, values), label in zip(axes, found.items(), labels, strict=True):
        axis.loglog([p[name] for p in values], [p["image_steps_per_second"] for p in values], "o-")
        axis.set_xlabel(label)
        axis.grid(True, which="both", alpha=0.3)
    axes[0].set_ylabel("image-steps per second")
    axes[3].set(xscale="linear", yscale="linear", xticks=threads, ylim=(0, None))
    figure.savefig(path, dpi=110)
    plt.close(figure)
    network = read_network(errors)
    found["error_units"] = speed(network, USUAL["batch"], USUAL["threads"], settle=300)
    usual = next(p for p in found["k"] if p["k"] == USUAL["k"])["seconds_per_synaptic_op"]
    found["synaptic_op_ratio_k4096"] = found["k"][-1]["seconds_per_synaptic_op"] / usual
    found["synaptic_op_ratio_error_units"] = found["error_units"]["seconds_per_synaptic_op"] / usual
    return found
