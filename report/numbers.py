"""Formatting of numbers: the only module that scales quantities or converts them to text.

Input values are in SI units, as in JSON (joules, seconds, bytes), or fractions of 1. Callers write
the unit, in the sentence or in the column header.
"""

from collections.abc import Callable
from numbers import Integral

MICRO = 1e6
"""Microjoules in a joule, microseconds in a second."""
NANO = 1e9
"""Nanojoule-seconds in a joule-second."""
_WHOLE_FROM = 999.95
"""Smallest value that one decimal place would round to 1,000.0."""
_PLAIN_FROM = 999.5
"""Smallest value that three significant digits would format as 1e+03."""


def micro(value: float) -> str:
    """Format joules as microjoules, or seconds as microseconds, to three significant digits.

    From 1,000 on, all digits before the decimal point are written; below 0.0001, an exponent.
    """
    return three(value * MICRO)


def nano(value: float) -> str:
    """Format joule-seconds as nanojoule-seconds, as `micro` does."""
    return three(value * NANO)


def three(value: float) -> str:
    """Format a number to three significant digits, or as an integer from 1,000 on."""
    return f"{value:,.0f}" if abs(value) >= _PLAIN_FROM else f"{value:.3g}"


def band(low: float, high: float, form: Callable[[float], str] = micro) -> str:
    """Format a range of joules in microjoules or of seconds in microseconds; equal ends once."""
    return form(low) if low == high else f"{form(low)} to {form(high)}"


def whole(value: float) -> str:
    """Format a count without decimals; an integer of any size keeps all its digits."""
    return f"{value:,}" if isinstance(value, Integral) else f"{value:,.0f}"


def count(value: float) -> str:
    """Format a mean count: below 1,000 with one decimal place, unless it is an integer."""
    if abs(value) >= _WHOLE_FROM or float(value).is_integer():
        return whole(value)
    return f"{value:,.1f}"


def percent(value: float, digits: int = 1) -> str:
    """Format a fraction as a percentage, with `digits` decimal places."""
    return f"{value:.{digits}%}"


def fit(value: float) -> str:
    """Format an R2."""
    return f"{value:.4f}"


def error(value: float) -> str:
    """Format a squared error."""
    return f"{value:.3e}"


def plain(value: float) -> str:
    """Format a number of any size to four significant digits."""
    return f"{value:.4g}"


def thousands(value: float) -> str:
    """Format operations in thousands with the suffix k; 0 without it."""
    return f"{value / 1e3:,.0f} k" if value else "0"


def kibibytes(value: float) -> str:
    """Format bytes in KiB, with the unit."""
    return f"{value / 2**10:.0f} KiB"


def tick(value: float) -> str:
    """Format a power of ten as an axis label: 0.01, 1, 100, 10k, 1M."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"


def percent_tick(value: float) -> str:
    """Format a fraction as a percentage for an axis label, to four significant digits."""
    return f"{100 * value:.4g}%"


FORMS: dict[str, Callable[[float], str]] = {
    "count": count,
    "whole": whole,
    "part": percent,
    "r2": fit,
    "r2 of one": lambda value: f"{value:.3f}",
    "mse": error,
    "plain": plain,
    "micro": micro,
    "nano": nano,
    "three": three,
}
"""Formatting functions of the page's templates, by name."""
