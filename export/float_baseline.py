"""The float model on calibration images, run as the integer network will be run."""

import functools
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ipvae.export.calibrate import judged
from ipvae.export.options import ExportOptions
from ipvae.network.arithmetic import FRAC_BITS
from ipvae.network.description import InputFormat
from ipvae.network.errors import QuantizationError
from ipvae.network.pixels import to_real
from ipvae.network.poisson import LOG_RATE_MAX

if TYPE_CHECKING:
    from ipvae.export.compensation import Activity
    from ipvae.float_models.checkpoint import Checkpoint


@dataclass(frozen=True, eq=False)
class FloatBaseline:
    """What the float model did with the calibration images.

    Attributes
    ----------
    real : (N, M) float64, images
    codes : step -> (N, K), what the decoder reads after it
    decoder : (M, K) float64
    silent, saturated : neurons that never sent anything; that reached the highest rate
    largest_error : (M,) largest |x - Phi z| over images and steps
    largest_code : largest of all codes
    amortized : whether steps are draws that do not build on each other
    """

    real: np.ndarray
    codes: dict[int, np.ndarray]
    decoder: np.ndarray
    silent: int
    saturated: int
    largest_error: np.ndarray
    largest_code: float
    amortized: bool = False

    @property
    def figures(self) -> dict[str, Any]:
        """R2, MSE and zeros at each step of `codes`, and neurons out of work; JSON data."""
        return {
            **judged(self.real, self.codes, self.decoder, mean=self.amortized),
            "silent_neurons": self.silent,
            "saturated_neurons": self.saturated,
        }


@np.errstate(over="ignore", invalid="ignore")  # what diverges is named by require_convergence
def float_baseline(
    checkpoint: "Checkpoint", options: ExportOptions, pixels: np.ndarray, fmt: InputFormat
) -> FloatBaseline:
    """Run the float model on images (N, M) as the integer network will be run."""
    from ipvae.export.feedforward import CEILING
    from ipvae.export.quantize import LOG_RATE_HIGH
    from ipvae.float_models.infer import draw_again, infer

    real = to_real(pixels, fmt)
    if options.inference == "lca":
        return _lca_states(checkpoint, options, real)
    amortized = options.layout == "feed-forward"
    run = functools.partial(
        infer,
        checkpoint.params,
        real.astype(np.float32),
        model=checkpoint.model,
        image_shape=checkpoint.data.image_shape,
    )
    if amortized:  # each step of the network is a draw of its own
        first = run([1], seed=options.seed)[1]
        seeds = range(options.seed, options.seed + options.steps[0])
        each = [replace(first, counts=draw_again(checkpoint.model, first, 1, s)) for s in seeds]
        codes = {step: state.counts for step, state in enumerate(each, 1)}
    else:
        states = run({*range(options.steps[0] + 1), *options.steps}, seed=options.seed)
        codes = {step: states[step].counts for step in options.steps}
        each = [state for step, state in states.items() if step <= options.steps[0]]
    decoder = checkpoint.params["phi"].astype(np.float64)
    top = CEILING if amortized else min(LOG_RATE_HIGH, np.log(2.0) * LOG_RATE_MAX / 2**FRAC_BITS)
    highest = np.max([s.log_rates.max(axis=0) for s in each], axis=0)
    sent = np.sum([s.counts.sum(axis=0) for s in each], axis=0)
    return FloatBaseline(
        real,
        codes,
        decoder,
        silent=int((sent == 0).sum()),
        saturated=int((highest >= top).sum()),
        largest_error=np.max(
            [np.abs(real - s.counts @ decoder.T).max(axis=0) for s in each], axis=0
        ),
        largest_code=float(max(s.counts.max() for s in each)),
        amortized=amortized,
    )


def require_convergence(baseline: FloatBaseline, options: ExportOptions, where: str) -> None:
    """Refuse a float model that runs away: no rounding can save it.

    Raises
    ------
    QuantizationError
        If a code is no finite number, or if at the last step the mean count of a neuron is beyond
        the widest payload. The highest rate, 256, stays far below that.
    """
    from ipvae.export.quantize import WIDEST_PAYLOAD

    step = max(baseline.codes)
    with np.errstate(over="ignore", invalid="ignore"):
        mean = np.abs(baseline.codes[step]).mean(axis=0).max()
        error = np.square(baseline.real - baseline.codes[step] @ baseline.decoder.T).mean()
    most = 2**WIDEST_PAYLOAD - 1
    if np.isfinite(error) and (options.inference == "lca" or mean <= most):
        return
    raise QuantizationError(
        f"{where}: the float model itself diverges on the calibration images: after {step} steps a "
        f"neuron sends {mean:.4g} on average, allowed is {most} (MSE {error:.4g}). Its step size "
        "is too large, or the images have another scale than those of its training"
    )


def calibration_activity(
    checkpoint: "Checkpoint", options: ExportOptions, real: np.ndarray
) -> "Activity":
    """Return what the float model sends on images (N, M), over the logarithm of time."""
    from ipvae.export.compensation import Activity
    from ipvae.export.correction import LOG_STEPS
    from ipvae.float_models.infer import infer

    states = infer(
        checkpoint.params,
        real.astype(np.float32),
        LOG_STEPS,
        seed=options.seed,
        model=checkpoint.model,
        image_shape=checkpoint.data.image_shape,
    )
    return Activity.of(np.concatenate([state.counts for state in states.values()]))


def _lca_states(
    checkpoint: "Checkpoint", options: ExportOptions, real: np.ndarray
) -> FloatBaseline:
    from ipvae.float_models.lca import lca, lca_codes

    solver = lca(
        checkpoint.params["phi"],
        options.threshold,
        nonnegative=checkpoint.member.latent != "gaussian",
    )
    found = lca_codes(solver, real, sorted({*range(options.steps[0] + 1), *options.steps}))
    codes = found[options.steps[0]]
    sizes = np.max([np.abs(c).max(axis=0) for c in found.values()], axis=0)
    return FloatBaseline(
        real,
        {step: found[step] for step in options.steps},
        solver.atoms,
        silent=int((sizes == 0).sum()),
        saturated=0,
        largest_error=np.abs(real - codes @ solver.atoms.T).max(axis=0),
        largest_code=float(sizes.max()),
    )
