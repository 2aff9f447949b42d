"""Training speed of ipvae and of the authors' code in sample-steps per second, in one run.

    python benchmarks/training.py [--official DIR] [--official-python PYTHON] [--data-dir DIR]
                                  [--model RUN] [--warm-up N] [--segments N]

DIR is a checkout of the authors' iterative repository (hadivafaii/IterativeVAE), and PYTHON has its
dependencies; without them only ipvae is timed. Both train the same network (T = 16, batch 100, K =
512) on the same images, in alternating segments, each with one and with two threads. The result is
the best median. A sample-step is one update of one image, forward and backward, optimiser included.
The last line is JSON: ours, official, ratio.

Without --model both start from their own initial weights, where rates are low. A trained model,
--model RUN, shows the cost of most of a training. The authors' code adapts its number of arrivals
to the rates every 200 batches, so use --warm-up 21 (segments of 10) in that case.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ipvae.float_models.checkpoint import load_checkpoint
from ipvae.float_models.config import TrainConfig, preset_config
from ipvae.train.datasets.images import load_images
from ipvae.train.fused.gradient import TrainContext, Workspace
from ipvae.train.fused.parallel import matrix_precision, workers
from ipvae.train.models.trainable_ipvae import IPVAE
from ipvae.train.run.fit import new_optimiser, optimise
from ipvae.train.run.schedule import settings_at

BATCH, STEPS, LATENTS = 100, 16, 512
BATCHES = 10
"""Optimiser steps per segment."""
THREADS = (1, 2)


def images(data_dir: Path | None) -> np.ndarray:
    """Images of a segment, (BATCHES * BATCH, 784) float32 in [0, 1]: MNIST or enlarged digits."""
    if data_dir is not None:
        return load_images("mnist", data_dir).train[: BATCHES * BATCH].astype(np.float32)
    small = load_images("digits", None).train[: BATCHES * BATCH].reshape(-1, 8, 8)
    large = np.pad(small.repeat(3, axis=1).repeat(3, axis=2), ((0, 0), (2, 2), (2, 2)))
    return large.reshape(len(large), -1).astype(np.float32)


class Ours:
    """Segments of ipvae's trainer."""

    def __init__(self, x: np.ndarray, threads: int, segments: int, start: Path | None) -> None:
        self.config: TrainConfig = preset_config(
            "mnist",
            latents=LATENTS,
            steps=STEPS,
            first_steps=0,
            batch_size=BATCH,
            threads=threads,
            precision="float32",
        )
        self.workspace = Workspace()
        self.x, self.total, self.done = torch.from_numpy(x), segments * BATCHES, 0
        self.model = IPVAE(x.shape[1], LATENTS, 0)
        if start is not None:
            for name, value in load_checkpoint(start).params.items():
                getattr(self.model, name).data = torch.from_numpy(value.copy())
        self.optimiser = new_optimiser(self.model, self.config)

    def segment(self) -> float:
        """Train on all batches once, and return sample-steps per second."""
        precision = matrix_precision(self.config.precision)
        with precision, workers(self.config.threads) as for_each:
            means = TrainContext(for_each, workspace=self.workspace)
            start = time.perf_counter()
            for batch in torch.split(self.x, BATCH):
                optimise(
                    self.model,
                    self.optimiser,
                    batch,
                    config=self.config,
                    now=settings_at(self.config, self.done / self.total),
                    iteration=self.done,
                    total=self.total,
                    means=means,
                )
                self.done += 1
            return self.x.shape[0] * STEPS / (time.perf_counter() - start)


class Official:
    """Authors' trainer in a separate process, which waits between segments."""

    def __init__(
        self, python: str, checkout: Path, home: Path, threads: int, segments: int
    ) -> None:
        script = Path(__file__).with_name("official_training.py")
        words = [checkout, threads, segments, BATCH, STEPS, LATENTS]
        self.process = subprocess.Popen(
            [python, str(script), *map(str, words)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=home,
            env={**os.environ, "HOME": str(home), "OMP_NUM_THREADS": str(threads)},
        )
        self._answer()

    def _answer(self) -> str:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith("bench "):
                return line.split()[1]
        raise SystemExit("the authors' code ended early; see its error above")

    def segment(self) -> float:
        """Train on all batches once, and return sample-steps per second."""
        assert self.process.stdin is not None
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        return BATCHES * BATCH * STEPS / float(self._answer())

    def close(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.wait()


def write_home(home: Path, x: np.ndarray, start: Path | None) -> None:
    """Write the images where the authors' loader searches for MNIST, with the initial weights."""
    if start is not None:
        arrays: dict[str, Any] = dict(load_checkpoint(start).params)
        np.savez(home / "start.npz", **arrays)
    folder = home / "Datasets" / "MNIST" / "processed"
    folder.mkdir(parents=True)
    for name, part in (("trn", x), ("vld", x[:BATCH])):
        np.save(folder / f"x_{name}.npy", part.reshape(-1, 1, 28, 28))
        np.save(folder / f"y_{name}.npy", np.zeros(len(part), dtype=np.int64))


def best(rates: dict[int, list[float]]) -> tuple[float, int]:
    """Best median over the numbers of threads, and its number of threads."""
    medians = {threads: statistics.median(found) for threads, found in rates.items()}
    threads = max(medians, key=lambda n: medians[n])
    return medians[threads], threads


def main() -> None:
    """Time both and print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--official", type=Path)
    parser.add_argument("--official-python", default=sys.executable)
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--warm-up", type=int, default=1)
    parser.add_argument("--segments", type=int, default=6)
    given = parser.parse_args()
    x, total = images(given.data_dir), given.warm_up + given.segments
    torch.set_num_threads(1)  # ipvae divides its batches among its own threads
    rates: dict[str, dict[int, list[float]]] = {"ours": {}, "official": {}}
    for threads in THREADS:
        ours = Ours(x, threads, total, given.model)
        with tempfile.TemporaryDirectory() as folder:
            home, official = Path(folder), None
            if given.official is not None:
                write_home(home, x, given.model)
                checkout = given.official.resolve()
                official = Official(given.official_python, checkout, home, threads, total)
            for segment in range(total):
                found = {"ours": ours.segment()}
                if official is not None:
                    found["official"] = official.segment()
                if segment >= given.warm_up:
                    for name, rate in found.items():
                        rates[name].setdefault(threads, []).append(rate)
            if official is not None:
                official.close()
        for name, found in rates.items():
            if threads in found:
                shown = " ".join(f"{rate:,.0f}" for rate in found[threads])
                print(f"{name}, {threads} thread(s): {shown} sample-steps/s", flush=True)
    fastest, on = best(rates["ours"])
    result = {"ours": fastest, "ours_threads": on, "official": None, "ratio": None}
    if rates["official"]:
        official_rate, on = best(rates["official"])
        result |= {
            "official": official_rate,
            "official_threads": on,
            "ratio": fastest / official_rate,
        }
    print(json.dumps(result | {"steps": STEPS, "batch": BATCH, "latents": LATENTS}))


if __name__ == "__main__":
    main()
