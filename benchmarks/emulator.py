"""Speed of the emulator in image-steps per second, compared with Lava, PyTorch and the roofline.

    python benchmarks/emulator.py [--net NET.h5|FILE.net] [--images FILE.npy] [--batch 256]
                                  [--settle 1000] [--rounds 15] [--no-lava] [--scaling OUT.png]

By default NET.h5 is models/mnist at 8 bits, with the data of IPVAE_DATA if set, else calibrated on
enlarged scikit-learn digits. All implementations run `--settle` untimed steps until rates are
stationary, and then in turn. The emulator records everything that `Emulator.totals` needs. The last
line is JSON: emulator, lava, torch (image-steps/s), vs_lava, vs_torch, activity, roofline_fraction
and the roofline's parts; docs/performance.md defines them. --scaling instead draws speed against
size, batch, activity and threads. With a lava-dl network, FILE.net, see any_network.py: emulator,
lava, lava_stock, torch, vs_lava, vs_lava_stock, vs_torch, roofline_fraction.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from roofline import Roofline

import ipvae
from ipvae.emulator import Emulator, layout
from ipvae.network.description import IntNetwork
from ipvae.network.io.network_file import read_network
from ipvae.network.rules.drive import drive

ROOT = Path(__file__).resolve().parents[1]
SEED = 1
THREADS = (1, 2)
ROWS, TORCH_ROWS = 60, 4
"""Steps of one timing; both take about the same time, so that other load affects them equally."""


def shipped(folder: Path, layout: str = "recurrent") -> Path:
    """Network file of models/mnist at 8 bits."""
    data = os.environ.get("IPVAE_DATA")
    images = None if data else enlarged_digits()
    made = ipvae.quantize(ROOT / "models" / "mnist", images, data_dir=data, layout=layout)
    out = folder / f"{layout}.h5"
    made.network.save(out)
    return out


def enlarged_digits() -> np.ndarray:
    """scikit-learn's digits at MNIST's size: (1797, 784) float32 in [0, 1]."""
    from sklearn.datasets import load_digits

    pixels = np.asarray(load_digits(return_X_y=True)[0])
    small = pixels.reshape(-1, 8, 8) / 16.0
    large = np.pad(small.repeat(3, axis=1).repeat(3, axis=2), ((0, 0), (2, 2), (2, 2)))
    return large.reshape(len(large), -1).astype(np.float32)


def best_rate(image_steps: float, run: Callable[[], None]) -> float:
    """Image-steps per second of one run."""
    start = time.perf_counter()
    run()
    return image_steps / (time.perf_counter() - start)


class Ours:
    """Emulator with a number of threads, in its stationary state."""

    def __init__(self, network: IntNetwork, images: np.ndarray, threads: int, settle: int) -> None:
        self.n = len(images)
        self.emulator = Emulator(
            network, threads=threads, on_message=lambda text: print(text, flush=True)
        )
        self.tiles = self.emulator.tiles(images, 2**19 - 1, SEED)
        start = time.perf_counter()
        self.emulator.advance(self.tiles, settle)
        self.settling = self.n * settle / (time.perf_counter() - start)

    def measure(self) -> float:
        """Image-steps per second, from the state after the last call."""
        return best_rate(self.n * ROWS, lambda: self.emulator.advance(self.tiles, ROWS))

    def activity(self, network: IntNetwork) -> float:
        """Fraction of neurons of the code with a message at the last step."""
        z = [tile.z(network.code, network.n_neurons) for tile in self.tiles]
        return float((np.concatenate(z) != 0).mean())


class Torch:
    """PyTorch baseline: the same network in float32, batched."""

    def __init__(self, network: IntNetwork, images: np.ndarray, log_rate: np.ndarray) -> None:
        import torch

        layer = network.layer
        nats = np.log(2.0) / 2**layer.frac_bits
        gram = layer.weight_rec.astype(np.float64) * 2.0**layer.weight_exp
        gram[np.diag_indices(len(gram))] += layer.self_weight
        self.torch, self.n = torch, len(images)
        self.gram = torch.tensor(gram.T * nats, dtype=torch.float32)
        self.b = torch.tensor(drive(network, images) * nats, dtype=torch.float32)
        self.u = torch.tensor(log_rate * nats, dtype=torch.float32)
        self.limits = [float(v * nats) for v in (layer.u_min, layer.u_max)]
        self.changes = [float(v * nats) for v in (layer.du_min, layer.du_max)]

    def measure(self, threads: int) -> float:
        """Image-steps per second."""
        torch = self.torch
        torch.set_num_threads(threads)

        def run() -> None:
            rate, change = torch.empty_like(self.u), torch.empty_like(self.u)
            with torch.inference_mode():
                for _ in range(TORCH_ROWS):
                    torch.exp(self.u, out=rate)
                    z = torch.poisson(rate)
                    torch.addmm(self.b, z, self.gram, alpha=-1, out=change)
                    self.u.add_(change.clamp_(*self.changes)).clamp_(*self.limits)

        return best_rate(self.n * TORCH_ROWS, run)


def lava_rate(net: Path) -> float | None:
    """Steps per second of a network of stock lava-dl parts; None without Lava."""
    script = ROOT / "benchmarks" / "lava_steps.py"
    command = [sys.executable, str(script), str(net), "--rounds", "3"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=600)
    if done.returncode:
        print(f"lava: left out, {(done.stderr.strip().splitlines() or ['no reason given'])[-1]}")
        return None
    return float(json.loads(done.stdout.strip().splitlines()[-1])["stock"])


def measure(net: Path, batch: int, settle: int, rounds: int, lava: bool) -> dict:
    """Time all implementations in turn, and keep the best of each."""
    network = read_network(net)
    images = np.resize(network.test_images, (batch, network.n_pixels))
    ours = {n: Ours(network, images, n, settle) for n in THREADS}
    one = ours[1]
    u = np.concatenate([t.u(network.code, network.n_neurons) for t in one.tiles])
    torch = Torch(network, images, u)
    (part,) = layout.parts(network)
    roof = Roofline(part, one.tiles[0])
    found: dict[str, list[float]] = {}

    def note(name: str, value: float) -> None:
        found.setdefault(name, []).append(value)

    for n in THREADS:
        torch.measure(n)
    for _ in range(rounds):
        for n in THREADS:
            note(f"emulator {n}", ours[n].measure())
            note(f"torch {n}", torch.measure(n))
        note("adds", 1 / roof.add_seconds())
        note("draws", 1 / roof.draw_seconds())
        note("sums", 1 / roof.sum_seconds())
        note("products", roof.product_rate())
    for name, values in found.items():
        print(f"{name}: {max(values):,.0f}/s, median {np.median(values):,.0f}", flush=True)
    best = {name: max(values) for name, values in found.items()}
    emulator = max(best[f"emulator {n}"] for n in THREADS)
    other = max(best[f"torch {n}"] for n in THREADS)
    stock = lava_rate(net) if lava else None
    return {
        "emulator": emulator,
        "lava": stock,
        "torch": other,
        "vs_lava": None if stock is None else emulator / stock,
        "vs_torch": emulator / other,
        "activity": one.activity(network),
        **roofline(roof, best),
        "emulator_from_reset": {str(n): ours[n].settling for n in THREADS},
        "neurons": network.n_neurons,
        "batch": batch,
    }


def roofline(roof: Roofline, best: dict[str, float]) -> dict:
    """Both terms of the bound in seconds per image-step in one thread, and the fractions."""
    took = 1 / best["emulator 1"]
    adds, draws, sums = (1 / best[name] for name in ("adds", "draws", "sums"))
    products = roof.active * roof.part.layer.n_neurons / best["products"]
    return {
        "roofline_fraction": (adds + draws) / took,
        "roofline_fraction_sums": (sums + draws) / took,
        "roofline_fraction_products": (products + draws) / took,
        "roofline_fraction_without_sampler": sums / took,
        "seconds": {
            "image_step": took,
            "adds": adds,
            "draws": draws,
            "sums": sums,
            "products": products,
        },
        "rates": {
            "adds_per_second": roof.add_rate(adds),
            "products_per_second": best["products"],
            "draws_per_second": roof.part.layer.n_neurons / draws,
        },
        "accumulator_bits": 32,
        "emulator_1": best["emulator 1"],
        "emulator_2": best["emulator 2"],
        "torch_1": best["torch 1"],
        "torch_2": best["torch 2"],
    }


def main() -> None:
    """Run the benchmark and print the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--net", type=Path)
    parser.add_argument("--images", type=Path)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--settle", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--no-lava", action="store_true")
    parser.add_argument("--scaling", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if given.net is not None and given.net.suffix == ".net":
            import any_network

            found = any_network.measure(
                given.net, given.images, given.batch, given.rounds, not given.no_lava
            )
        elif given.scaling is not None:
            from scaling import draw_scaling

            found = draw_scaling(given.scaling, shipped(Path(folder), "error-units"))
        else:
            net = given.net or shipped(Path(folder))
            found = measure(net, given.batch, given.settle, given.rounds, not given.no_lava)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
