"""Losses of an export for each layer, from weight rounding to the largest possible sum."""

from collections.abc import Iterable

import numpy as np

from ipvae.errors import LossError
from ipvae.network.layers import PoissonLayer
from ipvae.network.proof.bounds import Bound
from ipvae.network.schedule import ScheduledLayer


def grid_facts(values: np.ndarray, integers: np.ndarray, exponent: int, bits: int) -> dict:
    """Return the rounding and clipping errors of real weights on their integer grid; JSON data.

    Parameters
    ----------
    values : float64, in the layer's unit
    integers : int, the same shape; values ~ integers * 2**exponent
    exponent : int
    bits : int
        Width of an integer; larger values are clipped.
    """
    step = 2.0**exponent
    largest = (2 ** (bits - 1) - 0.5) * step
    error = integers * step - values
    spread = float(np.sqrt(np.square(values).mean()))
    return {
        "scale": step,
        "range": [int(integers.min()), int(integers.max())],
        "clipped": int((np.abs(values) > largest).sum()),
        "zeros": int((integers == 0).sum()),
        "weights": int(integers.size),
        "relative_error": float(np.sqrt(np.square(error).mean())) / spread if spread else 0.0,
    }


def layer_facts(
    stages: Iterable[ScheduledLayer], grids: dict, proofs: Iterable[Bound], calibration: dict
) -> list[dict]:
    """Return the losses of each layer in ascending order; JSON data.

    Parameters
    ----------
    stages : all layers, from `ipvae.network.schedule`
    grids : dict of layer -> name of the weights -> `grid_facts`
        From the network's provenance.
    proofs : from `ipvae.network.proof.bounds.bounds`
    calibration : dict
        From `ipvae.export.calibration.ranges.calibrate`.
    """
    facts = []
    for stage in sorted(stages, key=lambda s: int(s.name)):
        ranges = [b for b in proofs if b.layer == stage.name]
        widest = next((b.reach for b in ranges if b.variable == "a_in"), 0)
        facts.append(
            {
                "layer": stage.name,
                "role": stage.role,
                "neurons": stage.layer.n_neurons,
                "unit": _unit(stage),
                "grids": grids.get(stage.name, {}),
                "widest_accumulator": widest,
                "accumulator_bits": widest.bit_length() + 1,
                "bounds": {b.variable: [b.low, b.high] for b in ranges},
                **calibration["layers"][stage.name],
            }
        )
    return facts


def _unit(stage: ScheduledLayer) -> str:
    layer = stage.layer
    if isinstance(layer, PoissonLayer):
        return f"2**-{layer.frac_bits} octave"
    return f"{layer.unit * 2.0**-layer.shift:.4g}"


def require_small_loss(
    before: dict, after: dict, most: float, where: str, advice: str = "use more weight_bits="
) -> None:
    """Raise LossError if R2 fell by more than `most`.

    Parameters
    ----------
    before, after : dict
        Each with a `curve` of the float model or the integer network on the same images: `step` and
        `r2` at the same steps. An undefined R2 before (nan, for constant images) passes.
        `ipvae.export.calibration.float_baseline.require_convergence` handles float models that
        diverge.
    most : allowed loss
    where : name in the message
    advice : alternative to a larger allowed loss
    """
    pairs = [
        (x["r2"], y["r2"], x["step"])
        for x, y in zip(before["curve"], after["curve"], strict=True)
        if not np.isnan(x["r2"])
    ]
    if not pairs:
        return
    real, whole, step = max(pairs, key=lambda pair: np.nan_to_num(pair[0] - pair[1], nan=np.inf))
    lost = real - whole
    if not lost <= most:
        enough = f"; or write it nevertheless with most_loss={np.ceil(lost * 100) / 100:.2f}"
        raise LossError(
            f"{where}: R2 after {step} steps falls from {real:.4f} to {whole:.4f} on the "
            f"calibration images, by {lost:.4f}; allowed {most:g}. Remedies: {advice}"
            + (enough if np.isfinite(lost) else "")
        )
