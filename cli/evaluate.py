"""`ipvae evaluate`: reconstruction, sparsity and class accuracy of a model or a network."""

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from ipvae.cli.export import pixel_format
from ipvae.cli.inputs import (
    DataDirOption,
    ImagesOption,
    SeedOption,
    network_images,
    network_preset,
    preset_images,
    training_errors,
)
from ipvae.cli.output import JsonOption, emit, require_json_target, table, working
from ipvae.evaluation.metrics import curve
from ipvae.evaluation.probe import rate_probe
from ipvae.network.arithmetic import FRAC_BITS
from ipvae.network.description import IntNetwork
from ipvae.network.errors import InputError
from ipvae.network.file import read_network
from ipvae.network.pixels import load_pixels, to_real

PROBE_IMAGES = 10_000
BATCH = 256

States = dict[int, tuple[np.ndarray, np.ndarray]]
"""Step -> counts (N, K) and log-rates in nats (N, K)."""


def evaluate(
    path: Annotated[Path, typer.Argument(metavar="MODEL|NET.h5", help="Model or network.")],
    steps: Annotated[str, typer.Option(help="Steps to look at, such as 16,64,1000.")] = "64",
    samples: Annotated[
        int | None, typer.Option(min=1, help="Images, the first ones in order; all if not given.")
    ] = None,
    seed: SeedOption = 0,
    probe: Annotated[
        bool, typer.Option("--probe", help="Fit a linear classifier on the rates.")
    ] = False,
    data_dir: DataDirOption = None,
    images: ImagesOption = None,
    json: JsonOption = None,
) -> None:
    """Evaluate a trained model (float) or a network file (integers) on test images."""
    require_json_target(json)
    wanted = parse_steps(steps)
    if probe and images is not None:
        raise InputError("--probe: needs labelled images; leave --images away")
    subject = _Network(path, seed) if path.suffix == ".h5" else _Model(path, seed)
    pixels, labels = subject.test_images(samples, data_dir, images)
    with working(f"evaluating {len(pixels)} images to step {wanted[-1]}"):
        states = subject.states(pixels, wanted)
    counts = {step: z for step, (z, _) in states.items()}
    points = curve(subject.real(pixels), counts, subject.decoder)
    last = dict(points[-1])
    result = {
        "samples": len(pixels),
        "steps": int(last.pop("step")),
        "seed": seed,
        **last,
        "curve": points,
    }
    if probe:
        data = preset_images(subject.preset, data_dir)
        train = data.train_pixels[:PROBE_IMAGES].astype(np.int16)
        with working(f"fitting a classifier on {len(train)} training images"):
            train_u = subject.states(train, wanted[-1:])[wanted[-1]][1]
            found = rate_probe(
                train_u, data.train_labels[: len(train)], states[wanted[-1]][1], labels
            )
        result |= {"accuracy": found.accuracy, "probe_train_images": found.train_images}
    rows = [
        [str(int(p["step"])), f"{p['mse']:.3e}", f"{p['r2']:.4f}", f"{p['zeros']:.4f}"]
        for p in points
    ]
    text: list = [table(f"{path}, {len(pixels)} images", ["step", "MSE", "R2", "zeros"], rows)]
    if probe:
        text.append(
            f"accuracy {result['accuracy']:.2%} "
            f"(classifier fitted on {result['probe_train_images']} training images)"
        )
    emit(result, json, text)


def parse_steps(text: str) -> list[int]:
    """Rising list of steps from '16,64,1000'."""
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdigit() and int(part) > 0 for part in parts):
        raise InputError(f"--steps: found '{text}', allowed positive numbers such as 16,64,1000")
    return sorted({int(part) for part in parts})


class _Network:
    """An integer network, evaluated by the emulator."""

    def __init__(self, path: Path, seed: int) -> None:
        self.network: IntNetwork = read_network(path)
        self.decoder = self.network.decoder
        self.preset = network_preset(self.network)
        self.seed = seed

    def test_images(self, samples: int | None, data_dir: Path | None, images: Path | None):
        found = network_images(self.network, samples, data_dir, images)
        return found.pixels, found.labels

    def real(self, pixels: np.ndarray) -> np.ndarray:
        return to_real(pixels, self.network.input)

    def states(self, pixels: np.ndarray, steps: list[int]) -> States:
        from ipvae.emulator import Emulator

        emulator = Emulator(self.network)
        kept: dict[int, list] = {step: [] for step in steps}
        for first in range(0, len(pixels), BATCH):
            batch = pixels[first : first + BATCH]
            for t, step in enumerate(emulator.steps(batch, steps[-1], self.seed, first)):
                if t in kept:
                    kept[t].append((step.z, step.u * (np.log(2.0) / 2**FRAC_BITS)))
        return {
            t: (np.concatenate([z for z, _ in parts]), np.concatenate([u for _, u in parts]))
            for t, parts in kept.items()
        }


class _Model:
    """A trained float model."""

    def __init__(self, path: Path, seed: int) -> None:
        from ipvae.train.checkpoint import load_checkpoint

        with training_errors():
            self.checkpoint = load_checkpoint(path)
        self.decoder = self.checkpoint.params["phi"]
        self.preset = self.checkpoint.data.preset
        self.seed = seed

    def test_images(self, samples: int | None, data_dir: Path | None, images: Path | None):
        if images is not None:
            pixels = load_pixels(images, pixel_format(self.checkpoint))
            labels = np.full(len(pixels), -1)
        else:
            data = preset_images(self.preset, data_dir)
            pixels, labels = data.test_pixels.astype(np.int16), data.test_labels
        if samples is not None and samples > len(pixels):
            raise InputError(f"--samples: found {samples}, allowed up to {len(pixels)}")
        return pixels[:samples], labels[:samples]

    def real(self, pixels: np.ndarray) -> np.ndarray:
        return to_real(pixels, pixel_format(self.checkpoint))

    def states(self, pixels: np.ndarray, steps: list[int]) -> States:
        from ipvae.train.infer import infer

        with training_errors():
            found = infer(
                self.checkpoint.params, self.real(pixels).astype(np.float32), steps, seed=self.seed
            )
        return {step: (state.counts, state.log_rates) for step, state in found.items()}
