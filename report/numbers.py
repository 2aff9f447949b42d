"""Numbers as people read them: the one place where a quantity becomes text, or is scaled for it.

Values come in SI units, as JSON has them (joules, seconds, bytes), and as parts of 1. The unit is
written by whoever writes the sentence or the head of the column, beside the function that scales.
"""

from collections.abc import Callable
from numbers import Integral

MICRO = 1e6
"""Microjoules in a joule, microseconds in a second."""
NANO = 1e9
"""Nanojoule-seconds in a joule-second."""
_WHOLE_FROM = 999.95
"""What one digit after the point would round to 1,000.0."""
_PLAIN_FROM = 999.5
"""What three digits would round to 1e+03."""


def micro(value: float) -> str:
    """Write joules as microjoules, or seconds as microseconds, to three digits.

    From 1,000 on all digits before the point are written; below 0.0001 an exponent.
    """
    return three(value * MICRO)


def nano(value: float) -> str:
    """Write joule-seconds as nanojoule-seconds; as `micro`."""
    return three(value * NANO)


def three(value: float) -> str:
    """Write a number to three digits, from 1,000 on with all digits before the point."""
    return f"{value:,.0f}" if abs(value) >= _PLAIN_FROM else f"{value:.3g}"


def band(low: float, high: float, form: Callable[[float], str] = micro) -> str:
    """Write a range, of joules in microjoules, or of seconds in microseconds; one value once."""
    return form(low) if low == high else f"{form(low)} to {form(high)}"


def whole(value: float) -> str:
    """Write a count without a fraction; an integer of any size with all its digits."""
    return f"{value:,}" if isinstance(value, Integral) else f"{value:,.0f}"


def count(value: float) -> str:
    """Write a mean count: below 1,000 with one digit after the point, unless it is an integer."""
    if abs(value) >= _WHOLE_FROM or float(value).is_integer():
        return whole(value)
    return f"{value:,.1f}"


def percent(value: float, digits: int = 1) -> str:
    """Write a part of 1 as a percentage, with some digits after the point."""
    return f"{value:.{digits}%}"


def fit(value: float) -> str:
    """Write an R2."""
    return f"{value:.4f}"


def error(value: float) -> str:
    """Write a squared error."""
    return f"{value:.3e}"


def plain(value: float) -> str:
    """Write a number of any size to four digits."""
    return f"{value:.4g}"


def thousands(value: float) -> str:
    """Write operations in thousands, with the letter k; 0 without."""
    return f"{value / 1e3:,.0f} k" if value else "0"


def kibibytes(value: float) -> str:
    """Write bytes in KiB, with the unit."""
    return f"{value / 2**10:.0f} KiB"


def tick(value: float) -> str:
    """Write a power of ten beside an axis: 0.01, 1, 100, 10k, 1M."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"


def percent_tick(value: float) -> str:
    """Write a part of 1 as a percentage beside an axis, to four digits."""
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
"""Forms of the page's templates, by name."""
