"""Refit of the decoder to the counts of a quantized network, a cheap form of retraining.

Low precision distorts the counts similarly in all images, and a decoder can compensate. Only
quality measures and a decoder read-out use the result; the inference does not.
"""

from dataclasses import replace

import numpy as np

from ipvae.emulator import Emulator, OnMessage
from ipvae.errors import QuantizationError
from ipvae.evaluation.metrics import r2
from ipvae.network.description import IntNetwork
from ipvae.network.pixels import to_real

STEPS = (16, 32, 64, 128, 256, 512)
"""Steps whose counts enter the fit, with equal weight."""

STRENGTHS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
HELD_OUT = 0.2
LEAST_IMAGES = 10


def refit_decoder(
    network: IntNetwork, images: np.ndarray, seed: int, on_message: OnMessage | None = None
) -> IntNetwork:
    """Return the network with a least-squares decoder fitted on training images.

    Ridge regression towards the current decoder, with a penalty selected on held-out images.

    Parameters
    ----------
    network : IntNetwork
        Network without read-outs.
    images : (N, M) int
        Training images.
    seed : int
        Seed of the network's draws.
    on_message : callable, optional
        See `ipvae.emulator.Emulator`.

    Raises
    ------
    QuantizationError
        If there are too few images for a held-out set.

    References
    ----------
    Hoerl and Kennard, "Ridge regression", Technometrics 12(1), 1970, with the trained decoder in
    place of 0.
    """
    if len(images) < LEAST_IMAGES:
        raise QuantizationError(
            f"refit_decoder: found {len(images)} image(s), allowed {LEAST_IMAGES} or more"
        )
    codes = _codes(network, images, seed, on_message)
    real = to_real(images, network.input)
    n = max(1, int(len(images) * (1.0 - HELD_OUT)))
    prior = network.decoder.astype(np.float64).T
    found = []
    for strength in STRENGTHS:
        fitted = _ridge(codes[:, :n], real[:n], prior, strength)
        fit = float(np.mean([r2(real[n:], z @ fitted) for z in codes[:, n:]]))
        found.append((np.nan_to_num(fit, nan=-np.inf), strength))
    best = max(found)[1]
    decoder = _ridge(codes, real, prior, best).T.astype(np.float32)
    refit = {"images": len(images), "steps": list(STEPS), "strength": best}
    return replace(network, decoder=decoder, provenance={**network.provenance, "refit": refit})


def _codes(
    network: IntNetwork, images: np.ndarray, seed: int, on_message: OnMessage | None
) -> np.ndarray:
    """Counts of the code at each of STEPS: (steps, N, K) float64."""
    totals = Emulator(network, on_message=on_message).totals(images, STEPS[-1], seed, at=STEPS)
    return np.stack([totals.kept[step][network.code][1] for step in STEPS]).astype(np.float64)


def _ridge(codes: np.ndarray, images: np.ndarray, prior: np.ndarray, strength: float) -> np.ndarray:
    """Minimise |X - Z B|^2 + s |B - B0|^2; s is in units of the mean square of a code."""
    z = codes.reshape(-1, codes.shape[-1])
    moment = z.T @ z
    if not moment.any():
        return prior
    penalty = strength * np.trace(moment) / len(moment)
    target = sum(step.T @ images for step in codes) + penalty * prior
    return np.linalg.solve(moment + penalty * np.eye(len(moment)), target)
