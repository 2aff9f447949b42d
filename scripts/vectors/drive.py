"""Rows of drive.csv: the drive of one neuron (docs/spec/drive.md)."""

import numpy as np

from ipvae.network.description import PIXEL_LIMIT, InputFormat, IntNetwork
from ipvae.network.layers import PoissonLayer
from ipvae.network.rules.arithmetic import TERM_MAX as L
from ipvae.network.rules.arithmetic import shift
from ipvae.network.rules.drive import drive

COLUMNS = ["branch", "weights", "pixels", "drive_exp", "bias", "p", "q", "b"]

LOW, HIGH = -PIXEL_LIMIT, PIXEL_LIMIT - 1
"""Limits of the range of weights, and of pixels."""

CASES: list[tuple[str, list[int], list[int], int, int]] = [
    # branch, weights, pixels, drive_exp, bias
    ("right shift", [300, -200], [255, 16], -5, -40),
    ("right shift", [300, -200], [0, 16], -5, -40),
    ("no shift", [300, -200, 7], [255, 16, -3], 0, 1234),
    ("left shift", [3, -20, 5], [7, 16, 1], 3, -77),
    ("rounded down", [-5], [1], -1, 0),
    ("rounded down", [-3001, 2], [255, 77], -9, 3000),
    ("rounded down", [-1], [1], -24, 0),
    ("right shift", [1], [1], -24, 0),
    ("smallest exponent", [LOW] * 4, [LOW] * 4, -24, 5),
    ("smallest exponent", [HIGH] * 4, [LOW] * 4, -24, 5),
    ("largest exponent", [127], [1], 14, 16383),
    ("largest exponent", [-127], [1], 14, -16383),
    ("clipped at L", [128], [1], 14, 0),
    ("clipped at -L", [-128], [1], 14, 0),
    ("clipped at L", [HIGH, HIGH], [HIGH, HIGH], 0, 0),
    ("clipped at -L", [HIGH, HIGH], [LOW, LOW], 0, 0),
    ("equal to L", [0], [255], -9, L),
    ("equal to -L", [0], [255], -9, -L),
    ("equal to L", [2048, -1], [1023, 1], 0, L - 2048 * 1023 + 1),
    ("one past L", [1], [1], 0, L),
    ("one past -L", [-1], [1], 0, -L),
    ("one past -L", [-1], [1], -24, -L),
    ("bias brings it inside", [HIGH], [100], 0, -L),
    ("bias brings it inside", [LOW], [100], 0, L),
    ("largest sum", [LOW] * 16, [LOW] * 16, 14, L),
    ("largest sum", [LOW] * 16, [LOW] * 16, -24, -L),
    ("smallest sum", [LOW] * 16, [HIGH] * 16, 14, -L),
    ("smallest sum", [LOW] * 16, [HIGH] * 16, -24, L),
]


def row(branch: str, weights: list[int], pixels: list[int], exponent: int, bias: int) -> list:
    """One table row; `b` comes from a network of one neuron."""
    none = np.zeros(1, np.int32)
    layer = PoissonLayer(
        weight=np.array([weights], np.int16),
        weight_rec=np.zeros((1, 1), np.int8),
        bias=np.array([bias], np.int32),
        self_weight=none,
        u_init=none,
        drive_exp=exponent,
        weight_exp=0,
        u_min=0,
        u_max=0,
        du_min=0,
        du_max=0,
        payload_bits=1,
    )
    m = len(weights)
    network = IntNetwork(
        InputFormat(LOW, HIGH, 1.0, (1, m)),
        layer,
        np.zeros((m, 1)),
        np.zeros((0, m), np.int16),
        np.zeros(0, np.int16),
        {},
    )
    p = int(np.dot(np.array(weights, np.int64), np.array(pixels, np.int64)))
    b = int(drive(network, np.array([pixels], np.int16))[0, 0])
    words = (" ".join(map(str, values)) for values in (weights, pixels))
    return [branch, *words, exponent, bias, p, int(shift(np.array(p), exponent)), b]


def rows() -> list[list]:
    """All cases, and some random ones."""
    rng = np.random.default_rng(2)
    some = [
        (
            "random",
            rng.integers(-3000, 3001, 5).tolist(),
            rng.integers(0, 256, 5).tolist(),
            int(rng.integers(-12, 3)),
            int(rng.integers(-9000, 9001)),
        )
        for _ in range(12)
    ]
    return [row(*case) for case in [*CASES, *some]]
