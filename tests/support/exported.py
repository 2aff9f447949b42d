"""Networks of every kind by our exporters, of random float models with lifelike activity.

Images are sums of a few atoms of the model's own dictionary, so that codes are sparse and some
counts are above 1: rates are as in a trained model, not noise. Loaded by conftest.py.
"""

import math
from collections.abc import Callable

import numpy as np

from ipvae.emulator import recording
from ipvae.export.exporters.error_units import error_units
from ipvae.export.exporters.feedforward import amortized
from ipvae.export.exporters.lca import lca_network
from ipvae.export.exporters.readouts import averaged_code, with_classes, with_decoder
from ipvae.export.rounding.optq import CalibrationMoments
from ipvae.export.rounding.quantize import Images, quantize
from ipvae.network.description import FloatNetwork, InputFormat, IntNetwork

PIXELS = InputFormat(-128, 127, 1 / 16, (6, 8))
M = PIXELS.size
HIDDEN = 24
IMAGES = 3
CALIBRATION = 24
STEPS = 24
"""Of the run that the exporters are calibrated on."""
THRESHOLD = 0.25

READOUTS = ("none", "decoder", "classes", "both")


class Model:
    """Random dictionary, and images of few of its atoms; the same for all kinds."""

    def __init__(self, k: int, seed: int) -> None:
        self.rng = np.random.default_rng([k, seed])
        atoms = self.rng.normal(size=(M, k))
        self.atoms = atoms / np.linalg.norm(atoms, axis=0)
        chosen = self.rng.random((CALIBRATION, k)) < min(0.2, 8 / k)
        codes = chosen * (1 + self.rng.poisson(1.5, chosen.shape))
        noisy = codes @ self.atoms.T + 0.1 * self.rng.normal(size=(CALIBRATION, M))
        steps = np.rint(noisy / PIXELS.scale)
        self.images = np.clip(steps, PIXELS.minimum, PIXELS.maximum).astype(np.int16)
        self.labels = (np.arange(CALIBRATION) % 3).astype(np.int16)
        self.stored = Images(self.images[:IMAGES], self.labels[:IMAGES])
        self.k = k

    @property
    def real(self) -> np.ndarray:
        """Images in real pixel values: (CALIBRATION, M)."""
        return self.images * PIXELS.scale

    def iterative(self) -> FloatNetwork:
        """An iP-VAE whose updates neither overshoot nor stand still."""
        sigma = self.rng.uniform(0.4, 0.8, M)
        precise = self.atoms / sigma[:, None]
        return FloatNetwork(
            phi=self.atoms,
            sigma=sigma,
            step_size=1.0 / float(np.linalg.eigvalsh(precise.T @ precise)[-1]),
            bias=self.rng.uniform(0.5, 1.5, self.k),
            u0=self.rng.normal(-2.0, 0.5, self.k),
        )

    def encoder(self) -> dict[str, np.ndarray]:
        """An amortized P-VAE whose encoder matches images with atoms."""
        return {
            "phi": self.atoms.astype(np.float32),
            "u0": self.rng.normal(-1.5, 0.5, self.k).astype(np.float32),
            "encoder_weight": 0.8 * self.atoms.T.astype(np.float32),
            "encoder_bias": self.rng.normal(-0.3, 0.2, self.k).astype(np.float32),
        }


def recurrent(model: Model, bits: int) -> IntNetwork:
    """Iterative P-VAE, one layer."""
    float_network = model.iterative()
    return quantize(
        float_network, PIXELS, model.stored, bits, activity=activity(model, float_network)
    )


def errors(model: Model, bits: int) -> IntNetwork:
    """Iterative P-VAE with prediction-error units."""
    float_network = model.iterative()
    counts = counted(model, float_network)
    shown = counts.reshape(-1, STEPS + 1, model.k) @ float_network.phi.T
    largest = np.abs((model.real[:, None] - shown) / float_network.sigma).max(axis=(0, 1))
    return error_units(
        float_network, PIXELS, model.stored, largest, CalibrationMoments.of(counts), bits
    )


def linear(model: Model, bits: int) -> IntNetwork:
    """Amortized P-VAE with a linear encoder."""
    return amortized(model.encoder(), model.real, PIXELS, model.stored, bits)


def mlp(model: Model, bits: int) -> IntNetwork:
    """Amortized P-VAE with an MLP encoder."""
    rng = model.rng
    params = model.encoder() | {
        "hidden_weight": rng.normal(size=(HIDDEN, M)) / 4,
        "hidden_bias": rng.normal(size=HIDDEN) / 4,
        "residual_weight": rng.normal(size=(M, HIDDEN)) / 6,
        "residual_bias": rng.normal(size=M) / 6,
    }
    return amortized(params, model.real, PIXELS, model.stored, bits)


def lca(model: Model, bits: int) -> IntNetwork:
    """Sparse coding by the locally competitive algorithm."""
    gram = model.atoms.T @ model.atoms
    rate = 2.0 ** -max(1, math.ceil(math.log2(float(np.linalg.eigvalsh(gram)[-1]))))
    u = codes = np.zeros((CALIBRATION, model.k))
    for _ in range(100):
        u = u + rate * (model.real @ model.atoms - u - codes @ (gram - np.eye(model.k)))
        codes = np.maximum(u - THRESHOLD, 0.0)
    return lca_network(
        model.atoms,
        THRESHOLD,
        float(codes.max()),
        PIXELS,
        model.stored,
        nonnegative=True,
        weight_bits=bits,
    )


def counted(model: Model, float_network: FloatNetwork) -> np.ndarray:
    """Counts on all images at every step, of integers rounded each by itself: (n, K)."""
    plain = quantize(float_network, PIXELS, model.stored)
    return recording.run(plain, model.images, STEPS, 0).stacked("1", "z").reshape(-1, model.k)


def activity(model: Model, float_network: FloatNetwork) -> CalibrationMoments:
    """Activity on all images."""
    return CalibrationMoments.of(counted(model, float_network))


KINDS: dict[str, Callable[[Model, int], IntNetwork]] = {
    "recurrent": recurrent,
    "errors": errors,
    "linear": linear,
    "mlp": mlp,
    "lca": lca,
}


def network(kind: str, bits: int, k: int, seed: int, readout: str = "none") -> IntNetwork:
    """Export a network of a kind with weights of a number of bits and K neurons.

    Parameters
    ----------
    kind : one of KINDS
    bits : int
    k : int
    seed : int
        Of model and images.
    readout : one of READOUTS
    """
    model = Model(k, seed)
    made = KINDS[kind](model, bits)
    if readout in ("decoder", "both"):
        made = with_decoder(made, bits)
    if readout in ("classes", "both"):
        codes = averaged_code(made, model.images, STEPS, 0)
        made = with_classes(made, codes, model.labels, bits)
    return made
