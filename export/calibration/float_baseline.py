"""Float baseline: one run of the float model on calibration images, with the export's options."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ipvae.errors import QuantizationError
from ipvae.evaluation.metrics import judged
from ipvae.export.exporters.feedforward import CEILING
from ipvae.export.options import ExportOptions
from ipvae.export.rounding.bias_correction import LOG_STEPS
from ipvae.export.rounding.image_moments import ImageMoments
from ipvae.export.rounding.optq import CalibrationMoments
from ipvae.export.rounding.quantize import LOG_RATE_HIGH, WIDEST_PAYLOAD
from ipvae.network.description import InputFormat
from ipvae.network.pixels import to_real
from ipvae.network.rules.arithmetic import FRAC_BITS
from ipvae.network.rules.poisson import LOG_RATE_MAX

if TYPE_CHECKING:
    from ipvae.float_models.checkpoint import Checkpoint
    from ipvae.float_models.inference.steps import Belief


@dataclass(frozen=True, eq=False)
class FloatBaseline:
    """Results of the float model on calibration images.

    Attributes
    ----------
    real : (N, M) float64, images of the quality measures
    codes : step -> (N, K), input of the decoder after that step
    decoder : (M, K) float64
    silent, saturated : neurons that never sent a message; that reached the highest rate
    largest_error : (M,) largest |x - Phi z| over images and steps; None if not needed
    largest_code : largest of all codes
    amortized : each step is an independent draw
    activity : messages on all images, at logarithmically spaced steps; None if not needed
    """

    real: np.ndarray
    codes: dict[int, np.ndarray]
    decoder: np.ndarray
    silent: int
    saturated: int
    largest_error: np.ndarray | None
    largest_code: float
    amortized: bool = False
    activity: CalibrationMoments | ImageMoments | None = None

    @property
    def figures(self) -> dict[str, Any]:
        """R2, MSE and zeros at each step of `codes`, and silent, saturated neurons; JSON data."""
        return {
            **judged(self.real, self.codes, self.decoder, mean=self.amortized),
            "silent_neurons": self.silent,
            "saturated_neurons": self.saturated,
        }


@np.errstate(over="ignore", invalid="ignore")  # require_convergence reports divergence
def float_baseline(
    checkpoint: "Checkpoint",
    options: ExportOptions,
    pixels: np.ndarray,
    fmt: InputFormat,
    n_judged: int | None = None,
) -> FloatBaseline:
    """Run the float model once on images, with the options of the integer network.

    Parameters
    ----------
    checkpoint : trained model
    options : ExportOptions
    pixels : (N, M) int
    fmt : format of the pixels
    n_judged : int, optional
        Images for the quality measures, from the first; all if not given. The activity for the
        rounding of weights always covers all images.
    """
    images = to_real(pixels if options.compensated else pixels[:n_judged], fmt)
    if options.inference == "lca":
        return _sparse(checkpoint, options, images)
    if options.layout == "feed-forward":
        return _drawn_again(checkpoint, options, images)
    return _iterated(checkpoint, options, images, len(pixels[:n_judged]))


def _iterated(
    checkpoint: "Checkpoint", options: ExportOptions, images: np.ndarray, n_judged: int
) -> FloatBaseline:
    from ipvae.float_models.inference.infer import visit_steps

    phi = checkpoint.params["phi"]
    seen = _Seen(options, len(images), n_judged, phi.shape[1])
    visit_steps(
        checkpoint.params,
        images.astype(np.float32),
        max(*options.steps, *LOG_STEPS) if options.compensated else max(options.steps),
        seen.visit,
        checkpoint.model,
        checkpoint.data.image_shape,
        seed=options.seed,
    )
    real, decoder = images[:n_judged], phi.astype(np.float64)
    top = min(LOG_RATE_HIGH, np.log(2.0) * LOG_RATE_MAX / 2**FRAC_BITS)
    return FloatBaseline(
        real,
        {step: seen.codes[step] for step in options.steps},
        decoder,
        silent=int((seen.sent == 0).sum()),
        saturated=int((seen.highest >= top).sum()),
        largest_error=_largest_error(real, seen.codes, decoder, options),
        largest_code=float(seen.largest.max()),
        activity=_activity(seen, images, options),
    )


def _activity(
    seen: "_Seen", images: np.ndarray, options: ExportOptions
) -> CalibrationMoments | ImageMoments | None:
    if options.corrects_drive:
        return ImageMoments.of(seen.sample, images)
    return CalibrationMoments.of(seen.rows) if options.compensated else None


def require_convergence(baseline: FloatBaseline, options: ExportOptions, where: str) -> None:
    """Raise an error if the float model diverges, since no rounding can correct that.

    Raises
    ------
    QuantizationError
        If a code is not finite, or if the mean count of a neuron at the last step exceeds the
        largest payload. The highest rate, 256, is far below that.
    """
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
        "is too large, or the images have another scale than the training images"
    )


class _Seen:
    """Running record of all steps and images, in batches from several threads."""

    def __init__(
        self, options: ExportOptions, n_images: int, n_judged: int, n_neurons: int
    ) -> None:
        first = options.steps[0]
        noted = {*options.steps, *(range(first + 1) if options.errors else ())}
        self.codes = {t: np.empty((n_judged, n_neurons), np.float32) for t in noted}
        self.sent, self.largest = np.zeros(n_neurons), np.zeros(n_neurons)
        self.highest = np.full(n_neurons, -np.inf)
        self._judged, self._first = n_judged, first
        steps = LOG_STEPS if options.compensated else ()
        self.sample = np.empty((len(steps), n_images, n_neurons), np.float32)
        self._places = {t: i for i, t in enumerate(steps)}
        self._lock = threading.Lock()

    @property
    def rows(self) -> np.ndarray:
        """Recorded codes for the rounding of weights: (steps x images, K) float32."""
        return self.sample.reshape(-1, self.sample.shape[-1])

    def visit(self, t: int, first: int, codes: np.ndarray, belief: "Belief") -> None:
        """Record a step of some images."""
        place = self._places.get(t)
        if place is not None:
            self.sample[place, first : first + len(codes)] = codes
        shown, log_rates = (a[: max(0, self._judged - first)] for a in (codes, belief[0]))
        if not len(shown):
            return
        if t in self.codes:
            self.codes[t][first : first + len(shown)] = shown
        if t <= self._first:
            found = shown.sum(axis=0), shown.max(axis=0), log_rates.max(axis=0)
            with self._lock:
                self.sent += found[0]
                np.maximum(self.largest, found[1], out=self.largest)
                np.maximum(self.highest, found[2], out=self.highest)


def _largest_error(
    real: np.ndarray, codes: Mapping[int, np.ndarray], decoder: np.ndarray, options: ExportOptions
) -> np.ndarray | None:
    """Largest |x - Phi z| of each pixel up to the first of the steps, for error units."""
    if not options.errors:
        return None
    errors = [np.abs(real - codes[t] @ decoder.T).max(axis=0) for t in range(options.steps[0] + 1)]
    return np.max(errors, axis=0)


def _drawn_again(
    checkpoint: "Checkpoint", options: ExportOptions, images: np.ndarray
) -> FloatBaseline:
    """Baseline of an amortized model: one inference, and an independent draw at each step."""
    from ipvae.float_models.inference.infer import draw_again, infer

    state = infer(
        checkpoint.params,
        images.astype(np.float32),
        [1],
        seed=options.seed,
        model=checkpoint.model,
        image_shape=checkpoint.data.image_shape,
    )[1]
    seeds = range(options.seed, options.seed + options.steps[0])
    each = [replace(state, counts=draw_again(checkpoint.model, state, 1, s)) for s in seeds]
    sent = np.sum([s.counts.sum(axis=0) for s in each], axis=0)
    return FloatBaseline(
        images,
        {step: s.counts for step, s in enumerate(each, 1)},
        checkpoint.params["phi"].astype(np.float64),
        silent=int((sent == 0).sum()),
        saturated=int((state.log_rates.max(axis=0) >= CEILING).sum()),
        largest_error=None,
        largest_code=float(max(s.counts.max() for s in each)),
        amortized=True,
    )


def _sparse(checkpoint: "Checkpoint", options: ExportOptions, images: np.ndarray) -> FloatBaseline:
    """Baseline of sparse coding on the model's dictionary."""
    from ipvae.float_models.lca import lca, lca_codes

    solver = lca(
        checkpoint.params["phi"],
        options.threshold,
        nonnegative=checkpoint.member.latent != "gaussian",
    )
    largest = np.zeros(solver.atoms.shape[1])

    def note(step: int, codes: np.ndarray) -> None:
        if step <= options.steps[0]:
            np.maximum(largest, np.abs(codes).max(axis=0), out=largest)

    codes = lca_codes(solver, images, options.steps, note)
    for found in codes.values():
        np.maximum(largest, np.abs(found).max(axis=0), out=largest)
    return FloatBaseline(
        images,
        codes,
        solver.atoms,
        silent=int((largest == 0).sum()),
        saturated=0,
        largest_error=None,
        largest_code=float(largest.max()),
    )
