"""`ipvae evaluate`: reconstruction, sparsity and class accuracy of a model or a network."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

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
from ipvae.evaluation.probe import linear_probe
from ipvae.network.arithmetic import FRAC_BITS
from ipvae.network.description import IntNetwork
from ipvae.network.errors import InputError
from ipvae.network.file import read_network
from ipvae.network.pixels import load_pixels, to_real

if TYPE_CHECKING:
    from ipvae.train.infer import State

PROBE_IMAGES = 10_000
BATCH = 256

MODEL_STEPS = "64"
INFERENCES = ("model", "lca")
THRESHOLD = 0.1

States = dict[int, tuple[np.ndarray, np.ndarray]]
"""Step -> codes and features for a probe, (N, K) each; Poisson: counts and rates exp(u)."""


def evaluate(
    path: Annotated[Path, typer.Argument(metavar="MODEL|NET.h5", help="Model or network.")],
    steps: Annotated[
        str | None,
        typer.Option(help="Steps to look at, such as 16,64,1000; 64 if not given, amortized 1."),
    ] = None,
    samples: Annotated[
        int | None, typer.Option(min=1, help="Images, the first ones in order; all if not given.")
    ] = None,
    seed: SeedOption = 0,
    probe: Annotated[
        bool, typer.Option("--probe", help="Fit a linear classifier on the rates.")
    ] = False,
    inference: Annotated[
        str, typer.Option(help="model: its own; lca: sparse coding on the model's dictionary.")
    ] = "model",
    threshold: Annotated[
        float | None, typer.Option(help=f"Of --inference lca, pixel units; else {THRESHOLD}.")
    ] = None,
    data_dir: DataDirOption = None,
    images: ImagesOption = None,
    json: JsonOption = None,
) -> None:
    """Evaluate a trained model (float) or a network file (integers) on test images."""
    require_json_target(json)
    require_inference(inference, threshold, path)
    wanted = None if steps is None else parse_steps(steps)
    if probe and images is not None:
        raise InputError("--probe: needs labelled images; leave --images away")
    subject = subject_of(path, seed, inference, threshold)
    wanted = wanted or parse_steps(subject.steps)
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
        **subject.facts,
        **subject.figures(pixels),
        "curve": points,
    }
    if probe:
        data = preset_images(subject.preset, data_dir)
        train = data.train_pixels[:PROBE_IMAGES].astype(np.int16)
        with working(f"fitting a classifier on {len(train)} training images"):
            train_features = subject.states(train, wanted[-1:])[wanted[-1]][1]
            found = linear_probe(
                train_features, data.train_labels[: len(train)], states[wanted[-1]][1], labels
            )
        result |= {"accuracy": found.accuracy, "probe_train_images": found.train_images}
    rows = [
        [str(int(p["step"])), f"{p['mse']:.3e}", f"{p['r2']:.4f}", f"{p['zeros']:.4f}"]
        for p in points
    ]
    text: list = [table(f"{path}, {len(pixels)} images", ["step", "MSE", "R2", "zeros"], rows)]
    if "elbo" in result:
        text.append(
            f"ELBO {result['elbo']:.2f}, NLL {result['nll']:.2f}, KL {result['kl']:.2f} nats per "
            f"image; {result['active_latents']} latents active, {result['dead_latents']} dead"
        )
    if probe:
        text.append(
            f"accuracy {result['accuracy']:.2%} "
            f"(classifier fitted on {result['probe_train_images']} training images)"
        )
    emit(result, json, text)


def require_inference(inference: str, threshold: float | None, path: Path) -> None:
    """Refuse options that do not go together."""
    if inference not in INFERENCES:
        raise InputError(f"--inference: found {inference}, allowed {', '.join(INFERENCES)}")
    if inference != "lca":
        if threshold is not None:
            raise InputError("--threshold: belongs to --inference lca; give both or neither")
    elif path.suffix == ".h5":
        raise InputError(
            f"--inference lca: {path} is a network file, which has its own inference; give a model"
        )


def subject_of(
    path: Path, seed: int, inference: str, threshold: float | None
) -> "_Network | _Model":
    """What is evaluated."""
    if path.suffix == ".h5":
        return _Network(path, seed)
    if inference == "lca":
        return _Lca(path, seed, THRESHOLD if threshold is None else threshold)
    return _Model(path, seed)


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
        self.steps = MODEL_STEPS
        self.facts: dict[str, Any] = {}

    def figures(self, _: np.ndarray) -> dict[str, float]:
        return {}

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
                    kept[t].append((step.z, np.exp(step.u * (np.log(2.0) / 2**FRAC_BITS))))
        return {
            t: (np.concatenate([z for z, _ in parts]), np.concatenate([r for _, r in parts]))
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
        amortized = self.checkpoint.member.inference == "amortized"
        self.steps = "1" if amortized else MODEL_STEPS
        self.facts: dict[str, Any] = {"model": self.checkpoint.model}
        self.last: State | None = None

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

        checkpoint = self.checkpoint
        with training_errors():
            found = infer(
                checkpoint.params,
                self.real(pixels).astype(np.float32),
                steps,
                seed=self.seed,
                model=checkpoint.model,
                image_shape=checkpoint.data.image_shape,
            )
        self.last = found[steps[-1]]
        return {t: (state.counts, self._features(state.belief[0])) for t, state in found.items()}

    def figures(self, pixels: np.ndarray) -> dict[str, float]:
        """Figures in nats of the last states found, which must be of these images."""
        from ipvae.train.figures import figures

        assert self.last is not None
        return figures(self.checkpoint, self.real(pixels), self.last).as_dict()

    def _features(self, belief: np.ndarray) -> np.ndarray:
        """Rates of Poisson beliefs, means of others, rectified where the code is."""
        latent = self.checkpoint.member.latent
        if latent == "poisson":
            return np.exp(belief)
        return np.maximum(belief, 0.0) if latent == "rectified" else belief


class _Lca(_Model):
    """Sparse codes on a model's dictionary, brought to columns of length 1."""

    def __init__(self, path: Path, seed: int, threshold: float) -> None:
        from ipvae.train.lca import lca

        super().__init__(path, seed)
        nonnegative = self.checkpoint.member.latent != "gaussian"
        with training_errors():
            self.solver = lca(self.decoder, threshold, nonnegative=nonnegative)
        self.decoder, self.steps = self.solver.atoms, MODEL_STEPS
        self.facts |= {"inference": "lca", "threshold": threshold, "nonnegative": nonnegative}

    def states(self, pixels: np.ndarray, steps: list[int]) -> States:
        from ipvae.train.lca import lca_codes

        with training_errors():
            found = lca_codes(self.solver, self.real(pixels), steps)
        return {step: (codes, codes) for step, codes in found.items()}

    def figures(self, _: np.ndarray) -> dict[str, float]:
        return {}
