"""Runs of docs/vectors/levels/: random source, sampler and streams, listed in levels.csv."""

import csv
import io
from typing import NamedTuple

import numpy as np

from ipvae.emulator.recording import run
from ipvae.network.description import InputFormat, IntNetwork
from ipvae.network.layers import PoissonLayer
from ipvae.network.rules.poisson import LOG_RATE_MAX, LOG_RATE_MIN
from ipvae.network.rules.random_source import IMAGE_LIMIT, SEED_LIMIT
from ipvae.network.traces.trace import Trace
from ipvae.workflows.implementations.program import CSV_COLUMNS
from vectors import runs

COLUMNS = ["name", "level", "network", "images", "seed", "first_image", "steps"]
DRAWS = "draws"
"""Network whose log-rates are given by the image alone, and constant."""
HOLD, STREAM_STEPS = 4, 14
"""Rows that a frame drives, and T; the last frame drives fewer."""
STREAMED = ("odd", "negative", "errors", "deep", "amortized", "begun")
"""Networks of one layer, and of several with lags of 0, 1 and more."""


class Level(NamedTuple):
    """One run; `images` names a file of images, (n, M) or (n, T, M)."""

    name: str
    level: str
    network: str
    images: str
    seed: int
    first_image: int
    steps: int


def draws() -> IntNetwork:
    """Six Poisson neurons without memory; a pixel x gives the log-rates 2x + bias, limited."""
    bias = np.array([0, -1, -63, -64, -127, -4096], np.int32)
    k = len(bias)
    layer = PoissonLayer(
        weight=np.full((k, 1), 2, np.int16),
        weight_rec=None,
        bias=bias,
        self_weight=np.zeros(k, np.int32),
        u_init=np.zeros(k, np.int32),
        drive_exp=0,
        weight_exp=0,
        u_min=LOG_RATE_MIN,
        u_max=LOG_RATE_MAX,
        du_min=1 - 2**22,
        du_max=2**22 - 1,
        payload_bits=10,
        memory=False,
        source=0,
    )
    return IntNetwork(
        InputFormat(-32768, 32767, 1.0, (1, 1)),
        layer,
        np.ones((1, k)),
        np.array([[6144]], np.int16),
        np.array([-1], np.int16),
        {"made": "scripts/make_vectors.py, levels"},
    )


def images() -> dict[str, np.ndarray]:
    """Images by name: rates of 8 and 2, then all log-rates of the table, then streams."""
    rng = np.random.default_rng(20261202)
    low, high = LOG_RATE_MIN // 2, LOG_RATE_MAX // 2
    ends = [low, low + 1, 6144, 6145, 8192, 8193, 10240, 12288, 14336, high - 1, high, high + 64]
    some = np.linspace(low, high, 32).astype(np.int64) + rng.integers(-300, 300, 32)
    found = {
        "source": np.array([[6144], [4096]], np.int16),
        "sampler-ends": np.array(ends, np.int16)[:, None],
        "sampler-low": some[:16, None].astype(np.int16),
        "sampler-high": some[16:, None].astype(np.int16),
    }
    made = runs.networks()
    rows = np.arange(STREAM_STEPS) // HOLD
    for name in STREAMED:
        frames = made[name].test_images[np.array([[0, 1, 2, 0], [2, 0, 1, 1]])]
        found[f"stream-{name}"] = frames[:, rows]
    return found


def levels() -> list[Level]:
    """Every run."""
    draws_file = f"levels/{DRAWS}.net.h5"
    ends = ((0, 0), (0, IMAGE_LIMIT - 2), (SEED_LIMIT - 1, 0), (SEED_LIMIT - 1, IMAGE_LIMIT - 2))
    names = ("source-first", "source-last-image", "source-last-seed", "source-last")
    return [
        *(
            Level(name, "random source", draws_file, "source", seed, first, 16)
            for name, (seed, first) in zip(names, ends, strict=True)
        ),
        *(
            Level(f"sampler-{part}", "sampler", draws_file, f"sampler-{part}", runs.SEED, 0, 4)
            for part in ("ends", "low", "high")
        ),
        *(
            Level(f"stream-{name}", "streams", f"runs/{name}.net.h5", f"stream-{name}",
                  runs.SEED, 0, STREAM_STEPS)
            for name in STREAMED
        ),
    ]  # fmt: skip


def rows() -> list[list[str | int]]:
    """Rows of levels.csv."""
    return [list(level) for level in levels()]


def traces() -> dict[str, str]:
    """Trace of every run, as a table of text."""
    made, given = {**runs.networks(), DRAWS: draws()}, images()
    found = {}
    for level in levels():
        network = made[level.network.split("/")[1].removesuffix(".net.h5")]
        pixels = given[level.images]
        trace = run(
            network,
            pixels,
            level.steps,
            level.seed,
            hold=1 if pixels.ndim == 3 else None,
            first_image=level.first_image,
        )
        found[level.name] = _text(trace)
    return found


def _text(trace: Trace) -> str:
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(CSV_COLUMNS)
    for image, sample in enumerate(trace.samples):
        for layer, variables in sample.items():
            for name, values in variables.items():
                for row, numbers in enumerate(values):
                    table.writerow([image, layer, name, row, " ".join(map(str, numbers))])
    return text.getvalue()
