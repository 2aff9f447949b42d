"""Every edge of the sampler: log-rates and uniforms at which an implementation may err.

Loaded by conftest.py as the fixture `draw_edges`. A case is a log-rate, a sub-draw and the uniform
that it gets; the other sub-draws of the neuron get what the random source gives.
"""

from typing import NamedTuple

import numpy as np

from ipvae.network.rules import poisson, random_source

LARGEST = 2**24 - 1
IMAGE = random_source.image_key(5, 9)
LOWEST, SPLIT, HIGHEST = -49152, 12288, 32768


class Cases(NamedTuple):
    """Arrays (n,): what each neuron is given, its words, and the count that it must draw."""

    log_rate: np.ndarray
    sub_draw: np.ndarray
    uniform: np.ndarray
    na: np.ndarray
    nb: np.ndarray
    count: np.ndarray


def every_threshold() -> list[tuple[int, int, int]]:
    """Of each row of the table, without and with interpolation: both sides of every threshold."""
    log_rates = [v for v in range(LOWEST, SPLIT + 1) if (v - LOWEST) % 128 in (0, 1, 127)]
    found = []
    for v, limits in zip(
        log_rates, poisson.interpolated_thresholds(np.array(log_rates)), strict=True
    ):
        inside = limits[limits <= LARGEST].tolist()
        edges = {0, LARGEST, *inside, *(limit - 1 for limit in inside if limit)}
        found += [(v, 0, uniform) for uniform in edges]
    return found


def every_sub_draw() -> list[tuple[int, int, int]]:
    """First and last log-rate of each number of sub-draws; each sub-draw at both ends in turn."""
    found = []
    for octave in range(5):
        for v in (SPLIT + 1 + 4096 * octave, SPLIT + 2002 + 4096 * octave, 16384 + 4096 * octave):
            (limits,) = poisson.interpolated_thresholds(np.array([v - 4096 * (octave + 1)]))
            edges = (0, int(limits[0]) - 1, int(limits[0]), int(limits[8]), LARGEST)
            found += [(v, m, uniform) for m in range(2 << octave) for uniform in edges]
    return found


def cases(directed, step: int = 0) -> Cases:
    """All cases at a step, with the counts of `ipvae.network.rules.poisson.draw`."""
    rows = np.array(every_threshold() + every_sub_draw())
    log_rate, sub_draw, uniform = rows.T
    nb = np.random.default_rng(8).integers(0, 2**24, len(rows)).astype(np.uint32)
    na = directed.neuron_word(uniform, IMAGE, nb, 32 * step + sub_draw)
    image = np.array([IMAGE.a], np.uint32), np.array([IMAGE.b], np.uint32)

    def uniforms(index, of_draw):
        found = random_source.uniforms(image, (na[index], nb[index]), step, of_draw)
        at = of_draw == sub_draw[index]
        assert (found[at] == uniform[index[at]]).all()
        return found

    return Cases(log_rate, sub_draw, uniform, na, nb, poisson.draw(log_rate, uniforms))
