"""Float networks from trained models and from a user's own arrays."""

from pathlib import Path

import numpy as np

from ipvae.errors import DescriptionError, InputError
from ipvae.network.description import FloatNetwork
from ipvae.network.io.array_files import read_npz
from ipvae.network.io.hdf5_child import shown

ARRAYS = ("phi", "sigma", "step_size", "bias", "u0")
"""Names in ARRAYS.npz: phi (M, K), sigma (M,), step_size scalar, bias (K,) and u0 (K,) in nats."""

LOG_SIGMA_LIMIT = 3.45
"""Bound of log sigma in the authors' code, by a scaled tanh (main/layers.py)."""


def from_parameters(params: dict[str, np.ndarray]) -> FloatNetwork:
    """Float network of a trained iP-VAE's parameters (see `ipvae.float_models.checkpoint`).

    Parameters
    ----------
    params : dict
        `phi` (M, K), `u0` (K), `log_bias` (K), `log_lr` (), `log_sigma_raw` (M); `log_unit` ()
        if the pixel unit in training was not 1.
    """
    raw = params["log_sigma_raw"].astype(np.float64)
    unit = float(params["log_unit"]) if "log_unit" in params else 0.0
    return FloatNetwork(
        phi=params["phi"],
        sigma=np.exp(unit + LOG_SIGMA_LIMIT * np.tanh(raw / LOG_SIGMA_LIMIT)),
        step_size=float(np.exp(np.asarray(params["log_lr"], dtype=np.float64).reshape(-1)[0])),
        bias=np.exp(params["log_bias"].astype(np.float64)),
        u0=params["u0"],
    )


def to_parameters(network: FloatNetwork) -> dict[str, np.ndarray]:
    """Trained-model parameters of a float network: the inverse of `from_parameters`.

    Raises
    ------
    InputError
        If sigma or bias are outside the range of the model.
    """
    log_sigma = np.log(network.sigma)
    if np.abs(log_sigma).max() >= LOG_SIGMA_LIMIT:
        raise InputError(
            f"sigma: {network.sigma.min():.4g}..{network.sigma.max():.4g} found, allowed "
            f"{np.exp(-LOG_SIGMA_LIMIT):.4g}..{np.exp(LOG_SIGMA_LIMIT):.4g} (exclusive). "
            "Scale phi and sigma by one number."
        )
    if (network.bias <= 0).any():
        raise InputError(
            f"bias: smallest value {network.bias.min():.4g}, allowed above 0. It is the rate of "
            "the prior, exp(c): for a rate of zero give a tiny number such as 1e-9."
        )
    return {
        "phi": network.phi.astype(np.float32),
        "u0": network.u0.astype(np.float32),
        "log_bias": np.log(network.bias).astype(np.float32),
        "log_lr": np.asarray(np.log(network.step_size), dtype=np.float32),
        "log_sigma_raw": (LOG_SIGMA_LIMIT * np.arctanh(log_sigma / LOG_SIGMA_LIMIT)).astype(
            np.float32
        ),
    }


def _required(path: str | Path, names: list[str]) -> tuple[str, ...]:
    """Return the names of all arrays if they match the required ones."""
    missing, unknown = set(ARRAYS) - set(names), set(names) - set(ARRAYS)
    if missing or unknown:
        others = shown(sorted(unknown)) if unknown else "none"
        raise InputError(
            f"{path}: arrays missing: {sorted(missing) or 'none'}, unknown: {others}; allowed are "
            f"exactly {', '.join(ARRAYS)}. Save these with numpy.savez."
        )
    return ARRAYS


def from_arrays(path: str | Path) -> FloatNetwork:
    """Read a float network from an .npz file of a user's own arrays.

    Raises
    ------
    FormatError
        If the file is missing, or is a folder, a device or a pipe.
    InputError
        If the file cannot be read, or an array is missing, unknown or of a wrong shape.
    """
    arrays = read_npz(path, lambda names: _required(path, names))
    if arrays["step_size"].size != 1:
        raise InputError(
            f"{path}: step_size has {arrays['step_size'].size} values, allowed one. Take "
            "one for all."
        )
    for name, array in arrays.items():
        if array.dtype.kind not in "iuf":
            raise InputError(
                f"{path}: {name} has dtype {array.dtype}, allowed real numbers. Convert it."
            )
    try:
        return FloatNetwork(
            phi=arrays["phi"],
            sigma=arrays["sigma"],
            step_size=float(arrays["step_size"].reshape(-1)[0]),
            bias=arrays["bias"],
            u0=arrays["u0"],
        )
    except DescriptionError as error:
        raise InputError(
            f"{path}: {error}. phi is (pixels, neurons), sigma has one number for each pixel, bias "
            "and u0 one for each neuron, all finite: transpose or repair them"
        ) from error
