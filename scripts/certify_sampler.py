"""Print the certificate of docs/sampler.md, exact over every log-rate that a file can have."""

import numpy as np

from ipvae.network.rules.distribution import distance_to_poisson, probabilities
from ipvae.network.rules.poisson import (
    LOG_RATE_MAX,
    LOG_RATE_MIN,
    UNIFORM_VALUES,
    octaves_above,
    thresholds,
)

OCTAVE, BATCH = 4096, 4096
RANGES = [(-12, -10), (-10, -6), (-6, 0), (0, 3), (3, 4), (4, 5), (5, 6), (6, 7), (7, 8)]
"""Exponents of the ranges of rates; upper ends are included."""


def figures() -> dict[str, np.ndarray]:
    """Distance, error of the mean and work for every log-rate: (81921,) arrays."""
    log_rate = np.arange(LOG_RATE_MIN, LOG_RATE_MAX + 1)
    parts = [distance_to_poisson(batch) for batch in np.split(log_rate, _ends(log_rate))]
    uniforms = 1 << octaves_above(log_rate)
    return {
        "log_rate": log_rate,
        "distance": np.concatenate([p[0] for p in parts]),
        "mean_error": np.abs(np.concatenate([p[1] for p in parts])),
        "uniforms": uniforms,
        "looked_at": uniforms * _thresholds_looked_at(log_rate - OCTAVE * octaves_above(log_rate)),
    }


def _ends(log_rate: np.ndarray) -> np.ndarray:
    return np.arange(BATCH, len(log_rate), BATCH)


def _thresholds_looked_at(log_rate: np.ndarray) -> np.ndarray:
    """Mean number of thresholds that a scan of one sub-draw compares."""
    last = thresholds().shape[1]
    work = np.minimum(np.arange(last + 1) + 1, last)
    batches = np.split(log_rate, _ends(log_rate))
    return np.concatenate([probabilities(b)[:, : last + 1] @ work for b in batches])


def core_table() -> list[list[int]]:
    """Rows of 2**24 - A in a core's memory: as long as the next row, and one extra row."""
    rows = [[UNIFORM_VALUES - int(a) for a in row] for row in thresholds()]
    rows.append(rows[-1])
    lengths = [len(row) - row.count(0) for row in rows]
    return [row[:length] for row, length in zip(rows, [*lengths[1:], lengths[-1]], strict=True)]


def table_bytes() -> tuple[int, int]:
    """Words of the table, and bytes: 24 bits for each word, and 16 bits for each row's start."""
    words = sum(len(row) for row in core_table())
    return words, 3 * words + 2 * len(core_table())


def rate(exponent: int) -> str:
    """Rate in the form of the table, such as 256 or 1/16."""
    return str(2**exponent) if exponent >= 0 else f"1/{2**-exponent}"


def certificate() -> str:
    """Certificate as a Markdown table."""
    found = figures()
    lines = [
        "| rates | log-rates | distance, at most | mean off by, at most | uniforms "
        "| thresholds compared, mean |",
        "|---|---|---|---|---|---|",
    ]
    for low, high in RANGES:
        first = low == RANGES[0][0]
        inside = (found["log_rate"] <= high * OCTAVE) & (
            found["log_rate"] >= low * OCTAVE + (not first)
        )
        distance, mean = found["distance"][inside].max(), found["mean_error"][inside].max()
        lines.append(
            f"| {'from' if first else 'above'} {rate(low)} to {rate(high)} | {inside.sum()} "
            f"| {distance:.1e} | {mean:.4%} | {found['uniforms'][inside].max()} "
            f"| {found['looked_at'][inside].max():.2f} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    print(certificate())
    print("table of a core, words and bytes:", *table_bytes())
