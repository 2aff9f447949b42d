"""Calibration of convolutional models: the float model and its network on training images."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ipvae.emulator.event_driven.engine import NetworkEmulator
from ipvae.errors import QuantizationError
from ipvae.evaluation.metrics import quality_of_images
from ipvae.export.exporters.convolutional import CODE, ConvolutionalModel
from ipvae.export.rounding.bias_correction import LOG_STEPS
from ipvae.export.rounding.quantize import LOG_RATE_HIGH, WIDEST_PAYLOAD
from ipvae.export.rounding.shared_weights import MapMoments
from ipvae.network.network import Network
from ipvae.network.rules.arithmetic import FRAC_BITS
from ipvae.network.rules.poisson import LOG_RATE_MAX

HIGHEST = min(LOG_RATE_HIGH, np.log(2.0) * LOG_RATE_MAX / 2**FRAC_BITS)
"""Largest log-rate of the network, nats."""


@dataclass(frozen=True, eq=False)
class MapBaseline:
    """Results of a convolutional float model on calibration images.

    Attributes
    ----------
    figures : dict
        `curve` with `step`, `mse`, `r2` and `zeros`; the values of its last point;
        `silent_neurons` and `saturated_neurons`, which sent nothing, or had the highest rate, at
        all or any of the points. JSON data.
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
        If the model diverges, which no rounding can correct.
    """
    from ipvae.float_models.convolutional.steps import decode, infer

    real = pixels.astype(np.float64) * model.pixels.scale
    wanted = [step for step in LOG_STEPS if step <= max(steps)]
    found = infer(model.params, model.canvas, real.astype(np.float32), {*wanted, *steps}, seed=seed)
    counts = {step: state.counts for step, state in found.items()}
    _require_convergence(counts[max(steps)], where, max(steps))
    figures = _figures(
        real,
        {step: counts[step] for step in steps},
        {step: decode(model.params, model.canvas, counts[step]) for step in steps},
        np.max([found[step].log_rates.max(axis=0) for step in steps], axis=0) >= HIGHEST,
    )
    sample = np.concatenate([counts[step] for step in wanted])
    moments = MapMoments.of(sample.reshape(-1, *model.canvas.grid), model.canvas.span)
    return MapBaseline(figures, moments)


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
    neuron: Any = layer.neuron
    figures = _figures(
        pixels.astype(np.float64) * network.input.pixels.scale,
        {step: of.last for step, of in by_step.items()},
        {step: network.decoder.images(of.last, *shapes) for step, of in by_step.items()},
        np.max([of.potentials.max(axis=0) for of in by_step.values()], axis=0) >= neuron.u_max,
    )
    limits = by_step[max(steps)].layers[CODE].limits
    of_layer = {name: figures[name] for name in ("silent_neurons", "saturated_neurons")}
    return {
        "images": len(pixels),
        "seed": seed,
        **figures,
        "layers": {CODE: {**of_layer, "saturations": dict(limits)}},
    }


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


def _require_convergence(counts: np.ndarray, where: str, step: int) -> None:
    """Raise QuantizationError if the mean count of an image exceeds the largest message."""
    mean, most = float(counts.mean()), 2**WIDEST_PAYLOAD - 1
    if not mean <= most:
        raise QuantizationError(
            f"{where}: the float model itself diverges on the calibration images: after {step} "
            f"steps its neurons send {mean:.4g} on average, allowed is {most}. Lower its step size "
            "with step_scale=0.5 or less, or bring images to the scale of the training images"
        )
