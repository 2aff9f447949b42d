"""Exports of small models by every exporter at 2 to 8 bits: what golden.json holds.

Models are made of fractions of small whole numbers, so that they are the same on any machine. To
refresh the file on purpose, from the root:

    PYTHONPATH=. .venv/bin/python tests/export/golden.py

It is not written if a number that is rounded lies within 1e-6 of a tie, if an export changes with
inputs that are off by 1 in 10^9, or if an inner constant of an exporter changes nothing in it:
another processor's sums may differ in the last digit, and a changed constant must show.
"""

import json
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ipvae.errors import IpvaeError
from ipvae.export.exporters import error_units, feedforward, lca, readouts
from ipvae.export.rounding import fake_quantize, optq, power_of_two_scale
from ipvae.export.rounding import quantize as quantizing
from ipvae.export.rounding.optq import CalibrationMoments
from ipvae.network.description import FloatNetwork, InputFormat, IntNetwork
from ipvae.network.layers import PoissonLayer

FILE = Path(__file__).with_name("golden.json")
BITS = (2, 3, 4, 5, 8)
M, K, H, CLASSES = 12, 8, 9, 3
PIXELS = InputFormat(0, 16, 1 / 16, (3, 4))
TIE = 1e-6
SEED = 3

CONSTANTS: tuple[tuple[Any, str, tuple[float, ...]], ...] = (
    (optq, "DAMPING", (0.09, 0.111)),
    (optq, "FINER", (1.7, 1.8)),
    (optq, "SWEEPS", (3, 5)),
    (fake_quantize, "FEW_BITS", (3, 5)),
    (fake_quantize, "FEW_BITS_COMPENSATED", (2, 4)),
    (fake_quantize, "SELF_STEPS", (1.99, 2.01)),
    (quantizing, "LOG_RATE_LOW", (-7.99, -8.01)),
    (quantizing, "LOG_RATE_HIGH", (9.99, 10.01)),
    (quantizing, "CLAMP_PULL", (4.4e-5, 4.7e-5)),
    (quantizing, "WIDEST_PAYLOAD", (8, 10)),
    (quantizing, "DRIVE_BITS", (15, 17)),
    (quantizing, "FINEST", (15, 17)),
    (error_units, "FINE", (5, 7)),
    (error_units, "MARGIN", (1.2, 1.3)),
    (feedforward, "CEILING", (4.99, 5.01)),
    (feedforward, "MARGIN", (1.49, 1.51)),
    (lca, "FRACTION", (15, 17)),
    (lca, "MARGIN", (1.49, 1.51)),
    (readouts, "AVERAGING", (4, 6)),
    (readouts, "INVERSE_PENALTY", (0.9, 1.1)),
    (readouts, "FINE", (5, 7)),
    (readouts, "MARGIN", (1.9,)),
)
"""Inner constants of the exporters, each with a value below and one above that must show."""


class Model:
    """Numbers of all exporters; `noise` moves each real one by so much of itself."""

    def __init__(self, seed: int, noise: float = 0.0) -> None:
        self._random = random.Random(seed)
        self._noise, self._signs = noise, random.Random(seed + 1)
        self.phi = self.uneven((M, K), 0.5)
        self.phi[:, 1] = 0.9 * self.phi[:, 0] + 0.1 * self.phi[:, 1]
        self.network = FloatNetwork(
            phi=self.phi,
            sigma=self.real((M,), 0.5, 2.0),
            step_size=float(self.real((1,), 0.4, 0.8)[0]),
            bias=self.real((K,), 0.02, 0.08),
            u0=np.concatenate([self.real((K - 2,), -6.0, 1.0), [-9.0, 11.0]]),
        )
        common = self.whole((300, K // 2), 0, 4).repeat(2, axis=1)
        self.counts = common * self.whole((300, K), 0, 2) + self.whole((300, K), 0, 1)
        self.images = self.whole((10, M), 0, 16).astype(np.int16)
        self.stored = quantizing.Images(self.images[:1], np.zeros(1, np.int16))
        self.linear = {
            "phi": self.phi,
            "u0": self.real((K,), -3.0, 1.0),
            "encoder_weight": self.uneven((K, M), 1.0),
            "encoder_bias": self.real((K,), 1.0, 5.0),
        }
        self.mlp = self.linear | {
            "hidden_weight": self.uneven((H, M), 1.0),
            "hidden_bias": self.real((H,), -1.0, 1.0),
            "residual_weight": self.uneven((M, H), 0.5),
            "residual_bias": self.real((M,), -1.0, 1.0),
        }
        atoms = self.real((M, K), -0.6, 1.0)
        self.atoms = atoms / np.sqrt(np.square(atoms).sum(axis=0))
        self.change = self.real((K, K), -1.5, 1.5)
        self.labels = np.arange(60) % CLASSES
        busy = np.arange(K) % CLASSES == self.labels[:, None]
        self.codes = (self.whole((60, K), 0, 8) + 9 * busy * self.whole((60, K), 0, 1)) / 4.0
        self.codes[:, 0] *= 3.0

    def whole(self, shape: tuple[int, ...], low: int, high: int) -> np.ndarray:
        """Whole numbers from low to high."""
        n = int(np.prod(shape))
        return np.array([self._random.randint(low, high) for _ in range(n)]).reshape(shape)

    def real(self, shape: tuple[int, ...], low: float, high: float) -> np.ndarray:
        """Multiples of 2^-20 of the range between two numbers."""
        values = low + (high - low) * self.whole(shape, 0, 2**20) / 2.0**20
        signs = [self._signs.choice((-1, 1)) for _ in range(values.size)]
        return values * (1.0 + self._noise * np.reshape(signs, shape))

    def uneven(self, shape: tuple[int, ...], largest: float) -> np.ndarray:
        """A few large and many small ones, of both signs."""
        values = self.real(shape, -1.0, 1.0)
        return largest * values * values * values


def recurrent(model: Model, bits: int) -> IntNetwork:
    """Weights that correct the rounding errors of others."""
    activity = CalibrationMoments.of(model.counts)
    return quantizing.quantize(model.network, PIXELS, model.stored, bits, activity=activity)


def recurrent_alike(model: Model, bits: int) -> IntNetwork:
    """The same where neurons mostly send together: it takes many sweeps."""
    together = model.whole((300, 1), 0, 9) + model.whole((300, K), 0, 1)
    activity = CalibrationMoments.of(together)
    return quantizing.quantize(model.network, PIXELS, model.stored, bits, activity=activity)


def learned(model: Model, bits: int) -> IntNetwork:
    """Each weight by itself, on the grid that training had."""
    network = fake_quantize.with_learned_rounding(model.network, model.change, bits)
    return quantizing.quantize(network, PIXELS, model.stored, bits)


def nearest(model: Model, bits: int) -> IntNetwork:
    """Each weight at its nearest integer."""
    return quantizing.quantize(model.network, PIXELS, model.stored, bits)


def errors(model: Model, bits: int) -> IntNetwork:
    """Prediction-error units."""
    largest, activity = model.real((M,), 0.5, 6.0), CalibrationMoments.of(model.counts)
    return error_units.error_units(model.network, PIXELS, model.stored, largest, activity, bits)


def linear(model: Model, bits: int) -> IntNetwork:
    """Amortized, a linear encoder."""
    return feedforward.amortized(
        model.linear, model.images / 16.0, PIXELS, model.stored, weight_bits=bits
    )


def mlp(model: Model, bits: int) -> IntNetwork:
    """Amortized, an MLP encoder."""
    return feedforward.amortized(
        model.mlp, model.images / 16.0, PIXELS, model.stored, weight_bits=bits
    )


def sparse(model: Model, bits: int) -> IntNetwork:
    """Sparse coding, codes of one sign."""
    largest = float(model.real((1,), 2.0, 5.0)[0])
    return lca.lca_network(
        model.atoms, 0.15, largest, PIXELS, model.stored, nonnegative=True, weight_bits=bits
    )


def signed(model: Model, bits: int) -> IntNetwork:
    """Sparse coding, codes of both signs that reach far."""
    return lca.lca_network(
        model.atoms, 0.15, 300.3, PIXELS, model.stored, nonnegative=False, weight_bits=bits
    )


def shown(model: Model, bits: int) -> IntNetwork:
    """A decoder read-out of counts."""
    return readouts.with_decoder(nearest(model, 8), bits)


def shown_fine(model: Model, bits: int) -> IntNetwork:
    """A decoder read-out of a code with thousands of steps."""
    return readouts.with_decoder(sparse(model, 8), bits)


def classes(model: Model, bits: int) -> IntNetwork:
    """A read-out of classes."""
    return readouts.with_classes(nearest(model, 8), model.codes, model.labels, bits)


KINDS: dict[str, Callable[[Model, int], IntNetwork]] = {
    function.__name__: function
    for function in (
        recurrent,
        recurrent_alike,
        learned,
        nearest,
        errors,
        linear,
        mlp,
        sparse,
        signed,
        shown,
        shown_fine,
        classes,
    )
}
FITTED = {"classes": ("bias",)}
"""What an iterative fit gives finer than it can be relied on: compared to 1 in 1000."""

COMMON = ("weight", "weight_rec", "bias", "drive_exp", "weight_exp")
POISSON = ("self_weight", "u_init", "u_min", "u_max", "du_min", "du_max", "payload_bits")
GRADED = ("leak", "threshold", "shift", "z_min", "z_max", "unit")


def facts(network: IntNetwork) -> dict[str, dict[str, Any]]:
    """Integers of every layer, and what became of its weights; JSON data."""
    found: dict[str, dict[str, Any]] = {}
    for name, layer in network.layers.items():
        own = (*POISSON, "frac_bits") if isinstance(layer, PoissonLayer) else GRADED
        values = {part: getattr(layer, part) for part in (*COMMON, *own)}
        found[name] = {
            part: value.tolist() if isinstance(value, np.ndarray) else value
            for part, value in values.items()
        }
        grids = network.provenance["grids"].get(name, {})
        found[name]["grids"] = {
            weights: {key: of[key] for key in ("scale", "range", "clipped", "zeros", "weights")}
            for weights, of in grids.items()
        }
    return found


def exported(kind: str, bits: int, noise: float = 0.0) -> dict[str, dict[str, Any]]:
    """Facts of one export; of a read-out, its own layer alone."""
    found = facts(KINDS[kind](Model(SEED, noise), bits))
    last = list(found)[-1]
    return {last: found[last]} if kind in ("shown", "shown_fine", "classes") else found


def everything(noise: float = 0.0) -> dict[str, Any]:
    """All exports, by kind and bits."""
    return {kind: {str(bits): exported(kind, bits, noise) for bits in BITS} for kind in KINDS}


@contextmanager
def changed(module: Any, name: str, value: float) -> Iterator[None]:
    """Give a constant another value in every exporter that has it by this name and value."""
    before = getattr(module, name)
    every = (
        optq,
        error_units,
        fake_quantize,
        feedforward,
        power_of_two_scale,
        lca,
        quantizing,
        readouts,
    )
    places = [module]
    if module is quantizing:  # others take its constants over by name
        places += [m for m in every if m is not module and getattr(m, name, None) == before]
    defaults = quantizing.log_rates.__defaults__
    if name == "LOG_RATE_HIGH":
        quantizing.log_rates.__defaults__ = (value,)
    for place in places:
        setattr(place, name, value)
    try:
        yield
    finally:
        for place in places:
            setattr(place, name, before)
        quantizing.log_rates.__defaults__ = defaults


def _ties() -> float:
    """Smallest distance from a tie of all numbers that are rounded, classes' biases left out."""
    rint, least = np.rint, [0.5]

    def noted(values: Any, *rest: Any, **options: Any) -> Any:
        away = np.abs(np.abs(values - np.floor(values)) - 0.5) - 1e-12 * np.abs(values)
        least.append(float(np.min(away)))
        return rint(values, *rest, **options)

    np.rint = noted  # type: ignore[assignment]
    try:
        for kind in KINDS:
            for bits in BITS:
                if kind != "classes":
                    exported(kind, bits)
    finally:
        np.rint = rint  # type: ignore[assignment]
    return min(least)


def main() -> None:
    """Write golden.json, unless it could differ elsewhere or would not show a change."""
    found = everything()
    assert _ties() > TIE, f"a number lies within {_ties():.1e} of a tie: take another SEED"
    for noise in (1e-9, -1e-9):
        assert everything(noise) == found, "exports change with the last digits: another SEED"
    for module, name, values in CONSTANTS:
        for value in values:
            with changed(module, name, value):
                assert differs(found), f"{name} = {value} changes nothing: another SEED"
    lines = [
        f'"{kind} {bits}": {json.dumps(layers, separators=(",", ":"))}'
        for kind, by_bits in found.items()
        for bits, layers in by_bits.items()
    ]
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n")


def differs(found: dict[str, Any]) -> bool:
    """Whether an export, as things are now, is another than was found, or cannot be made."""
    try:
        return any(
            exported(kind, int(bits)) != layers
            for kind, by_bits in found.items()
            for bits, layers in by_bits.items()
        )
    except IpvaeError:
        return True


if __name__ == "__main__":
    main()
