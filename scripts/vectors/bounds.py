"""Rows of bounds.csv: valid and invalid rows of G (docs/spec/ranges.md)."""

from ipvae.network.rules.arithmetic import STATE_MAX
from ipvae.network.rules.poisson import largest_draw

COLUMNS = ["branch", "weights", "message_bits", "low", "high", "runs"]


def weights(total: int) -> list[int]:
    """Shortest list of weights of one sign with the given sum."""
    end = 127 if total > 0 else -128
    whole, rest = divmod(abs(total), abs(end))
    return [end] * whole + ([rest if total > 0 else -rest] if rest else [])


def row(branch: str, values: list[int], message_bits: int) -> list[int | str]:
    """One table row."""
    most = min(2**message_bits - 1, largest_draw())
    low = most * sum(min(value, 0) for value in values)
    high = most * sum(max(value, 0) for value in values)
    runs = int(max(-low, high) <= STATE_MAX)
    return [branch, " ".join(map(str, values)), message_bits, low, high, runs]


def rows() -> list[list[int | str]]:
    """Last valid row and first invalid row, by width and sign."""
    found = []
    for message_bits in (8, 10, 16, 23):
        last = STATE_MAX // min(2**message_bits - 1, largest_draw())
        for name, sign in (("positive", 1), ("negative", -1)):
            found.append(row(f"{name}, runs", weights(sign * last), message_bits))
            found.append(row(f"{name}, does not", weights(sign * (last + 1)), message_bits))
        both = weights(last) + weights(-last)
        found.append(row("mixed: each sign runs alone, so both do", both, message_bits))
        over = weights(last + 1) + weights(-last - 1)
        found.append(row("mixed: whole sum 0, partial sums do not fit", over, message_bits))
    found.append(row("counts of one bit", [127] * 40 + [-128] * 40, 1))
    found.append(row("no weights", [0, 0], 23))
    return found
