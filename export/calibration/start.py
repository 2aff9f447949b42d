"""Start of a network from the image: log-rates that it settles at, regressed on the pixels.

Without training: the network runs on training images until its log-rates have settled; these are
fitted by an affine function of the pixels, which the file stores (`AffineStart`).
"""

from dataclasses import dataclass, replace

import numpy as np

from ipvae.emulator import Emulator, OnMessage
from ipvae.emulator.tile import Tile
from ipvae.errors import QuantizationError
from ipvae.export.options import ExportOptions
from ipvae.export.rounding.power_of_two_scale import to_grid, within
from ipvae.export.rounding.quantize import DRIVE_BITS, per_nat
from ipvae.network.description import FloatNetwork, IntNetwork
from ipvae.network.layers import DRIVE_EXP_RANGE, AffineStart
from ipvae.network.rules.arithmetic import TERM_MAX, to_nats

ROWS = range(160, 184)
"""Steps over which log-rates are averaged; the first steps still depend on the constant start."""

FLOOR = -6.0
"""Lowest log-rate in the average, nats. Below it a neuron is silent, however far below."""

STRENGTH = 1e-2
"""Penalty of the ridge regression, in units of the mean variance of a pixel. On models/mnist with
5,000 images the first step is .012 better in R2 than with 1e-3, later steps are equal."""

LEAST_IMAGES = 10
BOUND_IMAGES = 512
"""Images that bound the step size."""

SETTLED_FRACTION = 0.99
"""Fraction of these images whose log-rates must be stable at the largest step size."""

ITERATIONS = 60
"""Products of the power iteration; more change the eigenvalues by less than 1 %."""


@dataclass(frozen=True, eq=False)
class SettledRates:
    """Log-rates at which a network settles.

    Attributes
    ----------
    pixels : (N, M) int
    log_rates : (N, K) float64, nats
        Means over ROWS, each value limited to FLOOR and above.
    """

    pixels: np.ndarray
    log_rates: np.ndarray

    @classmethod
    def of(
        cls, network: IntNetwork, pixels: np.ndarray, seed: int, on_message: OnMessage | None = None
    ) -> "SettledRates":
        """Run a network on training images (N, M) int.

        Raises
        ------
        QuantizationError
            If there are too few images for a fit.
        """
        if len(pixels) < LEAST_IMAGES:
            raise QuantizationError(
                f"start, step_scale and inhibition_scale: found {len(pixels)} image(s) to "
                f"calibrate on, allowed {LEAST_IMAGES} or more"
            )
        code, k, bits = network.code, network.n_neurons, network.layer.frac_bits

        def mean(tile: Tile) -> np.ndarray:
            total = np.zeros((tile.n, k))
            for row in ROWS:
                tile.advance(row + 1 - tile.row)
                total += np.maximum(to_nats(tile.u(code, k), bits), FLOOR)
            return total / len(ROWS)

        found = Emulator(network, on_message=on_message).over_tiles(mean, pixels, ROWS[-1], seed)
        return cls(pixels, np.concatenate(found))


def largest_step_scale(network: FloatNetwork, settled: SettledRates) -> float:
    """Return the largest stable multiple of a model's step size.

    Near log-rates u with rates r = exp(u), and without the noise of the draws, an update multiplies
    deviations by 1 - s G diag(r), G the Gram operator of the model's step and s the multiple. Its
    eigenvalues are the same as of r^(1/2) G r^(1/2): real, and at least 0. Deviations vanish
    if and only if s times the largest one, L, is below 2. The bound is 2 / L with the L that
    SETTLED_FRACTION of the images do not exceed.
    """
    root = np.exp(settled.log_rates[:BOUND_IMAGES] / 2.0)
    gram = network.gram()
    vectors = root / np.linalg.norm(root, axis=1, keepdims=True)
    largest = np.ones(len(root))
    for _ in range(ITERATIONS):
        vectors = root * ((root * vectors) @ gram)
        largest = np.linalg.norm(vectors, axis=1)
        vectors /= np.maximum(largest, np.finfo(float).tiny)[:, None]
    return 2.0 / float(np.quantile(largest, SETTLED_FRACTION))


def scaled(network: FloatNetwork, options: ExportOptions, bound: float) -> FloatNetwork:
    """Return a model with the step size and the constant inhibition that the options ask for.

    Raises
    ------
    QuantizationError
        If the step size exceeds `bound` times the model's, from `largest_step_scale`.
    """
    if options.step_scale > bound:
        most = np.floor(bound * 100) / 100
        raise QuantizationError(
            f"step_scale: found {options.step_scale:g}, allowed up to {most:g} for this model and "
            "these images; with larger steps log-rates oscillate"
        )
    return replace(
        network,
        step_size=network.step_size * options.step_scale,
        bias=network.bias * options.inhibition_scale,
    )


def with_start(
    network: IntNetwork, settled: SettledRates, options: ExportOptions
) -> tuple[IntNetwork, float]:
    """Return a network that starts from the image, and the explained variance of the log-rates.

    References
    ----------
    Hoerl and Kennard, "Ridge regression", Technometrics 12(1), 1970.
    """
    pixels, log_rates = settled.pixels.mean(axis=0), settled.log_rates.mean(axis=0)
    x, y = settled.pixels - pixels, settled.log_rates - log_rates
    moment = x.T @ x
    moment[np.diag_indices(len(moment))] += STRENGTH * max(np.trace(moment), 1.0) / len(moment)
    fitted = np.linalg.solve(moment, x.T @ y)
    residual, spread = np.square(y - x @ fitted).sum(), np.square(y).sum()
    constant = log_rates - pixels @ fitted
    unit = per_nat(network.layer.frac_bits)
    weight, exponent = to_grid(fitted.T * unit, DRIVE_BITS, DRIVE_EXP_RANGE, "start")
    start = AffineStart(
        weight=weight,
        bias=within(np.clip(constant * unit, -TERM_MAX, TERM_MAX), TERM_MAX, "start"),
        exponent=exponent,
        threshold=round(options.start_threshold * unit),
        margin=round(options.start_margin * unit),
    )
    made = replace(network, layer=replace(network.layer, start=start))
    return made, 1.0 - float(residual / spread) if spread > 0 else 0.0
