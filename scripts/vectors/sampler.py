"""Rows of sampler.csv: counts from given uniforms (docs/spec/counts.md)."""

import numpy as np

from ipvae.network.rules import poisson

COLUMNS = ["log_rate", "halvings", "row", "fraction", "uniforms", "counts", "total"]

LARGEST = poisson.UNIFORM_VALUES - 1
ONE_DRAW = (-49152, -49151, -49025, -49024, -6868, -1, 0, 1, 5000, 12160, 12287, 12288)
SEVERAL = (12289, 13000, 16384, 16385, 17001, 20480, 20481, 24576, 24577, 25000)
SEVERAL += (28672, 28673, 30001, 32767, 32768)
EXAMPLES = [(-6868, [15000000]), (16384, [15179008, 13769856])]


def row(log_rate: int, uniforms: list[int]) -> list[int | str]:
    """One table row: the position in the thresholds and the count of every sub-draw."""
    halvings = int(poisson.octaves_above(np.array(log_rate)))
    base = log_rate - 4096 * halvings
    counts = [_draw(base, [uniform]) for uniform in uniforms]
    total = _draw(log_rate, uniforms)
    assert sum(counts) == total
    words = (" ".join(map(str, values)) for values in (uniforms, counts))
    position = base - poisson.LOG_RATE_MIN
    return [log_rate, halvings, position >> 7, position & 127, *words, total]


def _draw(log_rate: int, uniforms: list[int]) -> int:
    given = np.array(uniforms, dtype=np.uint32)
    return int(poisson.draw(np.array([log_rate]), lambda _, sub_draw: given[sub_draw])[0])


def marks(log_rate: int) -> list[int]:
    """Uniforms that distinguish implementations: both ends, and values near some thresholds."""
    base = log_rate - 4096 * int(poisson.octaves_above(np.array(log_rate)))
    (limits,) = poisson.interpolated_thresholds(np.array([base]))
    around = [int(limits[n]) + shift for n in (0, 1, 8, 26) for shift in (-1, 0, 1)]
    return sorted({0, LARGEST, *(u for u in around if 0 <= u <= LARGEST)})


def rows() -> list[list[int | str]]:
    """The document's examples, every mark of every log-rate, and the ends of a complete count."""
    rng = np.random.default_rng(5)
    found = [row(log_rate, uniforms) for log_rate, uniforms in EXAMPLES]
    for log_rate in (*ONE_DRAW, *SEVERAL):
        draws = 1 << int(poisson.octaves_above(np.array(log_rate)))
        uniforms = marks(log_rate)
        missing = -len(uniforms) % draws
        uniforms += rng.integers(LARGEST + 1, size=missing).tolist()
        found += [row(log_rate, uniforms[i : i + draws]) for i in range(0, len(uniforms), draws)]
    ends = [row(poisson.LOG_RATE_MAX, [end] * 32) for end in (0, LARGEST)]
    return [*found, *ends]
