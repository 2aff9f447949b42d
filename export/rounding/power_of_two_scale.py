"""Power-of-two scales from real values to integers, with a compromise of clipping and step size."""

import math

import numpy as np

from ipvae.errors import QuantizationError

ROUNDING_WEIGHT = 5.0
"""Weight of a squared rounding error relative to a squared clipping error.

Rounding adds noise to every weight, including combinations with little self-inhibition, whose
counts then diverge. Clipping affects few weights and only weakens them. The value was selected on
models/mnist alone: with 1, counts at 6 and 5 bits are worse or diverge.
"""


def recurrent_grid(
    values: np.ndarray, bits: int, exponents: tuple[int, int], where: str
) -> tuple[np.ndarray, int]:
    """Round to `bits`-bit integers, half to even, at the scale with the least weighted error.

    The search goes down from the smallest scale without clipping while the error falls.

    Parameters
    ----------
    values : float64, any shape; without the diagonal, which is stored elsewhere
    bits : 2 to 8
    exponents : smallest and largest exponent that the file allows
    where : name of the values, for the message

    Returns
    -------
    integers : int16 array of the shape of `values`, within +-(2**(bits - 1) - 1)
    exponent : values ~ integers * 2**exponent

    Raises
    ------
    QuantizationError
        If the values are too large for the allowed exponents.
    """
    limit = 2 ** (bits - 1) - 1
    exponent = smallest_exponent(values, limit, exponents, where)
    error, integers = _rounded(values, exponent, limit)
    while exponent > exponents[0]:
        finer, candidate = _rounded(values, exponent - 1, limit)
        if finer >= error:
            break
        error, integers, exponent = finer, candidate, exponent - 1
    return integers.astype(np.int16), exponent


def require_finite(values: np.ndarray, where: str) -> None:
    """Raise QuantizationError for NaN or infinity, for which comparisons detect no error."""
    wrong = int(np.size(values) - np.isfinite(values).sum())
    if wrong:
        raise QuantizationError(
            f"{where}: {wrong} of {np.size(values)} values are no finite numbers; the model's step "
            "size or pixel deviations are out of the usual range"
        )


def smallest_exponent(
    values: np.ndarray, limit: int, exponents: tuple[int, int], where: str
) -> int:
    """Return the exponent of the smallest scale without clipping.

    Raises
    ------
    QuantizationError
        If it exceeds the largest allowed exponent.
    """
    require_finite(values, where)
    low, high = exponents
    largest = float(np.abs(values).max())
    exponent = low if largest == 0 else max(low, math.ceil(math.log2(largest / limit)))
    if exponent > high:
        raise QuantizationError(
            f"{where}: largest value {largest:.4g} needs the scale 2**{exponent}, allowed at most "
            f"2**{high}; the model's step size or pixel deviations are out of the usual range"
        )
    return exponent


def to_grid(
    values: np.ndarray, bits: int, exponents: tuple[int, int], where: str
) -> tuple[np.ndarray, int]:
    """Round to `bits`-bit integers at the power-of-two scale with the least squared error.

    Candidates are the smallest scale without clipping and the two below it.

    Returns
    -------
    integers : int16 array of the shape of `values`, within +-(2**(bits - 1) - 1)
    exponent : int
        values ~ integers * 2**exponent

    Raises
    ------
    QuantizationError
        If the values are too large for the allowed exponents.
    """
    limit = 2 ** (bits - 1) - 1
    widest = smallest_exponent(values, limit, exponents, where)
    found = []
    for exponent in range(widest, max(widest - 3, exponents[0] - 1), -1):
        integers = np.clip(np.rint(values / 2.0**exponent), -limit, limit)
        found.append((float(((integers * 2.0**exponent - values) ** 2).sum()), -exponent, integers))
    _, negated, integers = min(found, key=lambda f: f[:2])
    return integers.astype(np.int16), -negated


def within(values: np.ndarray, limit: int, where: str) -> np.ndarray:
    """Round to int32 within +-limit, or raise QuantizationError."""
    require_finite(values, where)
    rounded = np.rint(values)
    if np.abs(rounded).max() > limit:
        raise QuantizationError(
            f"{where}: largest value {np.abs(rounded).max():.10g}, allowed {limit}; "
            "the model's step size or pixel deviations are out of the usual range"
        )
    return rounded.astype(np.int32)


def _rounded(values: np.ndarray, exponent: int, limit: int) -> tuple[float, np.ndarray]:
    """Return the weighted squared error of a scale, and the integers."""
    scaled = values * 2.0**-exponent
    integers = np.rint(scaled)
    np.clip(integers, -limit, limit, out=integers)
    scaled -= integers
    np.square(scaled, out=scaled)
    clipped = float(scaled[scaled > 0.25].sum())
    return (ROUNDING_WEIGHT * (float(scaled.sum()) - clipped) + clipped) * 4.0**exponent, integers
