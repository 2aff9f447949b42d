"""What `ipvae evaluate` looks at: a network by the emulator, or a trained float model."""

from pathlib import Path
from typing import Protocol

import numpy as np

from ipvae.cli.export import pixel_format
from ipvae.cli.inputs import network_images, network_preset, preset_images, training_errors
from ipvae.network.arithmetic import FRAC_BITS
from ipvae.network.description import IntNetwork
from ipvae.network.errors import InputError
from ipvae.network.file import read_network
from ipvae.network.pixels import load_pixels, to_real

BATCH = 256
METRICS = "metrics.jsonl"

States = dict[int, tuple[np.ndarray, np.ndarray]]
"""Step -> counts (N, K) and log-rates in nats (N, K)."""


class Subject(Protocol):
    """A network or a model.

    Attributes
    ----------
    name : for titles
    preset : data set
    decoder : (M, K) Phi, real pixel units
    first_log_rates : (K,) u_0 in nats
    shape : height and width of an image
    signed : whether pixels are below 0 too
    trained_steps : updates unrolled in training, where that is known
    metrics : file with a line for each epoch, which need not be there
    """

    name: str
    preset: str
    decoder: np.ndarray
    first_log_rates: np.ndarray
    shape: tuple[int, int]
    signed: bool
    trained_steps: int | None
    metrics: Path | None

    def test_images(
        self, samples: int | None, data_dir: Path | None, images: Path | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Integer pixels (N, M) and labels (N,), -1 where unknown."""
        ...

    def real(self, pixels: np.ndarray) -> np.ndarray:
        """Real values of integer pixels."""
        ...

    def states(self, pixels: np.ndarray, steps: list[int]) -> States:
        """Counts and log-rates after each of some rising numbers of steps."""
        ...


def subject_of(path: Path, seed: int) -> Subject:
    """Read a network file (.h5) or a model."""
    return NetworkSubject(path, seed) if path.suffix == ".h5" else ModelSubject(path, seed)


def _nats(log_rate: np.ndarray) -> np.ndarray:
    """Log-rates in nats, from Q11.12 octaves."""
    return log_rate * (np.log(2.0) / 2**FRAC_BITS)


class NetworkSubject(Subject):
    """An integer network, evaluated by the emulator."""

    def __init__(self, path: Path, seed: int) -> None:
        self.network: IntNetwork = read_network(path)
        self.decoder = self.network.decoder
        self.preset = network_preset(self.network)
        self.seed = seed
        self.name = path.stem
        self.shape = self.network.input.shape
        self.signed = self.network.input.minimum < 0
        self.first_log_rates = _nats(self.network.layer.u_init)
        self.trained_steps = None
        self.metrics = None

    def test_images(
        self, samples: int | None, data_dir: Path | None, images: Path | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Integer pixels and labels."""
        found = network_images(self.network, samples, data_dir, images)
        return found.pixels, found.labels

    def real(self, pixels: np.ndarray) -> np.ndarray:
        """Real values of integer pixels."""
        return to_real(pixels, self.network.input)

    def states(self, pixels: np.ndarray, steps: list[int]) -> States:
        """Counts and log-rates after each number of steps."""
        from ipvae.emulator import Emulator

        emulator = Emulator(self.network)
        kept: dict[int, list] = {step: [] for step in steps}
        for first in range(0, len(pixels), BATCH):
            batch = pixels[first : first + BATCH]
            for t, step in enumerate(emulator.steps(batch, steps[-1], self.seed, first)):
                if t in kept:
                    kept[t].append((step.z, _nats(step.u)))
        return {
            t: (np.concatenate([z for z, _ in parts]), np.concatenate([u for _, u in parts]))
            for t, parts in kept.items()
        }


class ModelSubject(Subject):
    """A trained float model."""

    def __init__(self, path: Path, seed: int) -> None:
        from ipvae.train.checkpoint import load_checkpoint

        with training_errors():
            self.checkpoint = load_checkpoint(path)
        self.decoder = self.checkpoint.params["phi"]
        self.preset = self.checkpoint.data.preset
        self.seed = seed
        folder = path if path.is_dir() else path.parent
        self.name = folder.resolve().name
        self.shape = self.checkpoint.data.image_shape
        self.signed = self.checkpoint.data.pixel_min < 0
        self.first_log_rates = self.checkpoint.params["u0"]
        config = self.checkpoint.config
        self.trained_steps = None if config is None else config.steps
        self.metrics = folder / METRICS

    def test_images(
        self, samples: int | None, data_dir: Path | None, images: Path | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Integer pixels and labels."""
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
        """Real values of integer pixels."""
        return to_real(pixels, pixel_format(self.checkpoint))

    def states(self, pixels: np.ndarray, steps: list[int]) -> States:
        """Counts and log-rates after each number of steps."""
        from ipvae.train.infer import infer

        with training_errors():
            found = infer(
                self.checkpoint.params, self.real(pixels).astype(np.float32), steps, seed=self.seed
            )
        return {step: (state.counts, state.log_rates) for step, state in found.items()}
