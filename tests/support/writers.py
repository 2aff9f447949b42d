"""Every writer of the toolchain: its files, what writes them, and the rule for what is there.

Loaded by write_trials.py, which tries them.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ipvae.export.importers.nir_file import write_nir
from ipvae.files import atomic_write_all
from ipvae.float_models.checkpoint import Checkpoint, save_checkpoint
from ipvae.float_models.config import preset_config
from ipvae.float_models.data import DataInfo
from ipvae.lava_procs.board.profile import write_profile
from ipvae.network.description import InputFormat, IntNetwork
from ipvae.network.io.network_file import write_network
from ipvae.network.layers import PoissonLayer
from ipvae.network.traces.replay import only_draws
from ipvae.network.traces.streaming import open_trace
from ipvae.network.traces.trace import Trace, write_trace
from ipvae.outputs import (
    Output,
    json_output,
    network_output,
    nir_output,
    pictures_output,
    profile_output,
    run_output,
    trace_output,
)
from ipvae.report.html.earlier import GENERATOR, report_output
from ipvae.report.pictures import canvas
from ipvae.train.run.metrics_log import MetricsLog
from ipvae.train.run.resume import ResumeState, write_unfinished
from ipvae.train.run.state import TrainState
from ipvae.workflows.compare import FILES, ComparedModel, Comparison, comparison_output
from ipvae.workflows.output.files import json_text, write_text

M, K, ROWS, IMAGES = 40, 64, 129, 20
RNG = np.random.default_rng(0)
OLD = b"what was there before"
TAG = f'<meta name="generator" content="{GENERATOR}">'.encode()
BLOCK = 4096


@dataclass(frozen=True)
class Writer:
    """Files below a folder, what writes them, the rule for them, and what was there before."""

    files: tuple[str, ...]
    write: Callable[[Path], object]
    output: Callable[[Path, bool], Output]
    old: bytes = OLD
    asks: bool = True
    """Whether an earlier result is replaced only where that is asked for."""


def network() -> IntNetwork:
    layer = PoissonLayer(
        weight=RNG.integers(-3000, 3000, (K, M)).astype(np.int16),
        weight_rec=RNG.integers(-128, 128, (K, K)).astype(np.int8),
        drive_exp=-9,
        weight_exp=4,
        bias=np.zeros(K, np.int32),
        self_weight=np.zeros(K, np.int32),
        u_init=np.zeros(K, np.int32),
        u_min=-47274,
        u_max=32768,
        du_min=-47274,
        du_max=59093,
        payload_bits=8,
    )
    images = RNG.integers(0, 256, (500, M)).astype(np.int16)
    pixels = InputFormat(0, 255, 1 / 255, (5, 8))
    labels = np.zeros(500, np.int16)
    return IntNetwork(pixels, layer, np.ones((M, K), np.float32), images, labels, {})


def params() -> dict[str, np.ndarray]:
    shapes = {"phi": (M, K), "u0": (K,), "log_bias": (K,), "log_lr": (), "log_sigma_raw": (M,)}
    return {name: RNG.normal(size=s).astype(np.float32) for name, s in shapes.items()}


NETWORK = network()
SAMPLES = [
    {"1": {v: RNG.poisson(2, (ROWS, K)).astype(np.int32) for v in ("a_in", "u", "z")}}
    for _ in range(IMAGES)
]
TRACE = Trace("emulator", 1, "0" * 64, SAMPLES)
MODEL = Checkpoint(params(), None, DataInfo("digits", 16, (5, 8), 100), {"r2": 0.5})
STATE = TrainState(3, params(), params(), params(), history=[{"epoch": 1, "loss": 1.0}])
RECORD = {"epoch": 2, **{f"a figure of number {i}": i / 7 for i in range(4000)}}
PAGE = {"index.html": TAG + b"<html>" * 9000, "figures/energy.svg": b"<svg>" * 9000}


def stream(folder: Path) -> None:
    with open_trace(folder / "t.h5", replace(TRACE, samples=[]), ROWS) as file:
        for i, sample in enumerate(SAMPLES):
            for variable, values in sample["1"].items():
                for row in range(0, ROWS, 64):
                    file.write(i, "1", variable, row, values[row : row + 64])


def log(folder: Path) -> None:
    """Begin a log; the old one is one whole line."""
    known: list[dict] = [{"epoch": 1, "loss": 1.0}]
    MetricsLog(folder, known, [0.5], tensorboard=False).add(RECORD, 1.0)


def picture(folder: Path) -> None:
    with canvas.drawing(900, 900) as figure:
        figure.add_subplot().imshow(np.random.default_rng(0).normal(size=(90, 90)))
        canvas.save(figure, folder / "x.png")


def text(folder: Path) -> None:
    """JSON and plans are written so."""
    write_text(folder / "x.json", json_text("ipvae check", {"a": ["1234567"] * 9000}))


def compared(folder: Path) -> None:
    point = {"step": 1, "r2": 0.5, "zeros": 0.9, "mse": 1.0, "operations": 9.0}
    models = (ComparedModel("a", None, "integers", False, {}, 1, [point, {**point, "step": 2}]),)
    Comparison(models, 2, 0, (1, 2), {}).save(folder)


def of_run(files: str) -> Callable[[Path, bool], Output]:
    return lambda f, overwrite: run_output(f / files, overwrite=overwrite)


def of_file(
    name: str, kind: Callable[..., Output]
) -> tuple[tuple[str], Callable[[Path, bool], Output]]:
    return (name,), lambda f, overwrite: kind(f / name, overwrite=overwrite, name="out")


TRACES, DRAWS = of_file("t.h5", trace_output), of_file("d.h5", trace_output)
UNFINISHED = ResumeState(preset_config("digits", latents=K), "", STATE, [0.0])
WRITERS = {
    "network": Writer(
        ("n.h5",), lambda f: write_network(f / "n.h5", NETWORK), of_file("n.h5", network_output)[1]
    ),
    "trace": Writer(TRACES[0], lambda f: write_trace(f / "t.h5", TRACE), TRACES[1]),
    "streamed trace": Writer(TRACES[0], stream, TRACES[1]),
    "recorded draws": Writer(
        DRAWS[0], lambda f: write_trace(f / "d.h5", only_draws(TRACE, NETWORK)), DRAWS[1]
    ),
    "NIR": Writer(
        ("n.nir",), lambda f: write_nir(f / "n.nir", MODEL), of_file("n.nir", nir_output)[1]
    ),
    "model": Writer(
        ("run/model.safetensors", "run/model.json"),
        lambda f: save_checkpoint(f / "run", MODEL),
        of_run("run"),
    ),
    "resume state": Writer(
        ("resume.safetensors",), lambda f: write_unfinished(f, UNFINISHED), of_run(".")
    ),
    "metrics log": Writer(
        ("metrics.jsonl",),
        log,
        of_run("."),
        old=b'{"epoch": 1, "loss": 1.0, "seconds": 0.5}\n',
    ),
    "page": Writer(
        tuple(PAGE),
        lambda f: atomic_write_all(f, PAGE),
        lambda f, _: report_output(f, PAGE),
        asks=False,
    ),
    "comparison": Writer(
        FILES,
        compared,
        lambda f, _: comparison_output(f),
        old=b'{"generator": "ipvae compare"}',
        asks=False,
    ),
    "picture": Writer(("x.png",), picture, lambda f, _: pictures_output(f, ["x.png"]), asks=False),
    "JSON": Writer(
        ("x.json",), text, lambda f, _: json_output(f / "x.json", "ipvae check"), asks=False
    ),
    "profile": Writer(
        ("p.csv",),
        lambda f: write_profile(f / "p.csv", {"num_steps": 1, **{f"c{i}": i for i in range(9000)}}),
        of_file("p.csv", profile_output)[1],
    ),
}
