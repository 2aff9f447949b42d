"""Calibration of convolutional models: the float model and its network on training images."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ipvae.emulator.event_driven.engine import NetworkEmulator
from ipvae.errors import QuantizationError
from ipvae.evaluation.metrics import quality_of_images
from ipvae.export.exporters.convolutional import CODE, ConvolutionalModel
from ipvae.export.exporters.convolutional_lca import SparseMaps
from ipvae.export.rounding.bias_correction import LOG_STEPS
from ipvae.export.rounding.quantize import LOG_RATE_HIGH, WIDEST_PAYLOAD
from ipvae.export.rounding.shared_weights import MapMoments
from ipvae.network.kinds import PoissonNeuron
from ipvae.network.network import Network
from ipvae.network.rules.arithmetic import FRAC_BITS
from ipvae.network.rules.poisson import LOG_RATE_MAX
from ipvae.network.traces.network_totals import NetworkTotals

HIGHEST = min(LOG_RATE_HIGH, np.log(2.0) * LOG_RATE_MAX / 2**FRAC_BITS)
"""Largest log-rate of the network, nats."""

log = logging.getLogger("ipvae")


@dataclass(frozen=True, eq=False)
class MapBaseline:
    """Results of a convolutional float model on calibration images.

    Attributes
    ----------
    figures : dict
        `curve` with `step`, `mse`, `r2` and `zeros`; the values of its last point;
        `silent_neurons` and `saturated_neurons`, which sent nothing, or had the highest rate, at
        all or any of the points. `largest_load`: the largest eigenvalue of the inhibition at the
        rates of an image (`ipvae.float_models.convolutional.stability`). JSON data.
    moments : MapMoments
        Of the counts at logarithmically spaced steps.
    """

    figures: dict[str, Any]
    moments: MapMoments


def map_baseline(
    model: ConvolutionalModel, pixels: np.ndarray, steps: Sequence[int], seed: int, where: str
) -> MapBaseline:
    """Run the float model on images.

    Parameters
    ----------
    model : ConvolutionalModel
    pixels : (N, M) int
    steps : ascending numbers of updates with quality measures
    seed : int
    where : name of the model in messages

    Raises
    ------
    QuantizationError
        If the model diverges or is unstable, which no rounding can correct.
    """
    from ipvae.float_models.convolutional.stability import load
    from ipvae.float_models.convolutional.steps import Prepared, decode, infer

    real = pixels.astype(np.float64) * model.pixels.scale
    wanted = [step for step in LOG_STEPS if step <= max(steps)]
    try:
        found = infer(
            model.params,
            model.canvas,
            real.astype(np.float32),
            {*wanted, *steps},
            seed=seed,
            watch=_require_small_counts,
        )
    except _DivergedError as error:
        raise QuantizationError(
            f"{where}: the float model itself diverges on the calibration images: {error}. "
            f"{_stable_step(model, real)}"
        ) from error
    counts = {step: state.counts for step, state in found.items()}
    late = [found[step].log_rates for step in wanted if step >= max(steps) // 2]
    rates = np.exp(late).mean(axis=0).reshape(-1, *model.canvas.grid)
    prepared = Prepared.of(model.params, model.canvas)
    rho = max(load(prepared, of_image) for of_image in rates)
    _require_stability(model, real, rho, where)
    figures = _figures(
        real,
        {step: counts[step] for step in steps},
        {step: decode(model.params, model.canvas, counts[step]) for step in steps},
        np.max([found[step].log_rates.max(axis=0) for step in steps], axis=0) >= HIGHEST,
    )
    sample = np.concatenate([counts[step] for step in wanted])
    moments = MapMoments.of(sample.reshape(-1, *model.canvas.grid), model.canvas.span)
    return MapBaseline({**figures, "largest_load": rho}, moments)


def sparse_baseline(
    model: SparseMaps, pixels: np.ndarray, steps: Sequence[int]
) -> tuple[dict[str, Any], float]:
    """Run LCA in float on images, with the step size of the integer network.

    Parameters
    ----------
    model : SparseMaps
    pixels : (N, M) int
    steps : ascending numbers of updates with quality measures

    Returns
    -------
    figures, see `MapBaseline`, and the largest code of any step in pixel units
    """
    from ipvae.float_models.convolutional.lca import ConvolutionalLca
    from ipvae.float_models.convolutional.steps import decode

    real, largest = pixels.astype(np.float64) * model.pixels.scale, [0.0]
    solver = ConvolutionalLca(model.kernels, model.canvas, model.threshold)
    solver.step_size = 2.0**-model.leak
    codes = solver.codes(
        real.astype(np.float32), steps, lambda _, code: largest.append(float(code.max()))
    )
    unit = {"kernels": model.kernels}
    figures = _figures(
        real,
        codes,
        {step: decode(unit, model.canvas, code) for step, code in codes.items()},
        np.zeros(model.canvas.neurons, bool),
    )
    return figures, max(largest)


def calibrate_maps(
    network: Network, pixels: np.ndarray, steps: Sequence[int], seed: int
) -> dict[str, Any]:
    """Measure limits and quality of an integer network with a decoder.

    Parameters
    ----------
    network : Network
        Network of one layer of maps.
    pixels : (N, M) int
    steps : ascending numbers of updates with quality measures
    seed : int

    Returns
    -------
    dict
        JSON data: `images`, `seed`, the keys of `MapBaseline.figures`, and for each layer
        `saturations`, counted over all images and steps.
    """
    assert network.decoder is not None
    assert network.input.pixels is not None
    (layer,) = network.layers
    rows = [network.rows(step) for step in steps]
    totals = NetworkEmulator(network).totals_at(pixels[:, None].astype(np.int32), rows, None, seed)
    shapes = layer.shape, network.input.shape
    by_step = dict(zip(steps, totals.values(), strict=True))
    figures = _figures(
        pixels.astype(np.float64) * network.input.pixels.scale,
        {step: of.last for step, of in by_step.items()},
        {step: network.decoder.images(of.last, *shapes) for step, of in by_step.items()},
        _at_limit(network, by_step.values()),
    )
    limits = by_step[max(steps)].layers[CODE].limits
    of_layer = {name: figures[name] for name in ("silent_neurons", "saturated_neurons")}
    return {
        "images": len(pixels),
        "seed": seed,
        **figures,
        "layers": {CODE: {**of_layer, "saturations": dict(limits)}},
    }


def _at_limit(network: Network, found: Iterable[NetworkTotals]) -> np.ndarray:
    """Neurons that reach the highest rate, or the largest message, at a step: (K,) bool."""
    (layer,) = network.layers
    neuron: Any = layer.neuron
    draws = isinstance(neuron, PoissonNeuron)
    most = neuron.u_max if draws else neuron.z_max
    rows = [(of.potentials if draws else of.last).max(axis=0) for of in found]
    return np.max(rows, axis=0) >= most


def _figures(
    real: np.ndarray,
    counts: Mapping[int, np.ndarray],
    reconstructions: Mapping[int, np.ndarray],
    saturated: np.ndarray,
) -> dict[str, Any]:
    curve = [
        {"step": step, **quality_of_images(real, reconstructions[step].reshape(real.shape), z)}
        for step, z in counts.items()
    ]
    last = dict(curve[-1])
    silent = ~np.any([z.any(axis=0) for z in counts.values()], axis=0)
    return {
        "curve": curve,
        "steps": int(last.pop("step")),
        **last,
        "silent_neurons": int(silent.sum()),
        "saturated_neurons": int(saturated.sum()),
    }


class _DivergedError(Exception):
    """Counts of an image that no message can hold on average."""


def _require_small_counts(step: int, counts: np.ndarray) -> None:
    """Raise _DivergedError if the mean count of an image exceeds the largest message."""
    mean, most = float(counts.mean()), 2**WIDEST_PAYLOAD - 1
    if not mean <= most:
        raise _DivergedError(
            f"after {step} steps the neurons of an image send {mean:.4g} on average, allowed is "
            f"{most}"
        )


def _require_stability(model: ConvolutionalModel, real: np.ndarray, rho: float, where: str) -> None:
    """Raise QuantizationError if mean rates are unstable; warn above the bound of training."""
    from ipvae.float_models.convolutional.stability import LARGEST_LATE, STABLE

    if rho >= STABLE:
        raise QuantizationError(
            f"{where}: found an inhibition whose largest eigenvalue at the rates of the "
            f"calibration images is {rho:.3g}, allowed is below {STABLE:g}, where mean rates are "
            f"stable. {_stable_step(model, real)}"
        )
    if rho > LARGEST_LATE:
        log.warning(
            "%s: the largest eigenvalue of the inhibition at the rates of the calibration images "
            "is %.3g. Below %g is stable, but up to %g is advised for hundreds of steps. %s",
            where,
            rho,
            STABLE,
            LARGEST_LATE,
            _stable_step(model, real),
        )


def _stable_step(model: ConvolutionalModel, real: np.ndarray) -> str:
    """Remedy with a scale of the step size that is stable for a thousand steps, if there is one."""
    from ipvae.float_models.convolutional.stability import LONG, stable_factor

    found = stable_factor(model.params, model.canvas, real.astype(np.float32))
    if found is None:
        return (
            "No step size that was tried is stable for these images: bring them to the scale of "
            "the training images"
        )
    scale = found * model.step_scale
    return f"Use step_scale={scale:.3g}, which is stable for {LONG} steps on these images"
