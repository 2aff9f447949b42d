"""A report of a small network, with every key that a page can show."""

import json
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from ipvae.cli.main import run_command
from ipvae.network.io.network_file import write_network
from ipvae.report.html import svg
from ipvae.report.html.page import drawn, files
from ipvae.report.html.page import page as written
from ipvae.report.pictures.figure_data import FigureData
from ipvae.workflows.reporting import once

COUNTS = ("synaptic_ops", "messages", "spikes")
LAYER = {
    "neurons": 16,
    "synapses": 256,
    "spikes": 41.5,
    "messages": 30.25,
    "messages_received": 29.75,
    "synaptic_ops": 476.0,
    "count_weighted_ops": 512.5,
    "effective_macs": 400.125,
    "updates_active": 50.5,
    "updates_idle": 61.5,
    "draws": 112.0,
    "random_words": 113.5,
    "drive_macs": 192.0,
}
CORE = {"neurons": 8, "spikes_in": 29.5, "neuron_updates": 56.0, "messages_out": 15.0}
MORE = {
    "layers": [{"layer": "1", "role": "code", **LAYER}, {"layer": "2", "role": "readout", **LAYER}],
    "by_step": {
        "step": [0, 1, 2],
        **{name: [1.5 * i, 2.5 * i, 3.5 * i] for i, name in enumerate(COUNTS, 1)},
    },
    "by_image": {
        name: {"mean": 7.5, "min": 5.5, "max": 9.5, "sd": 1.25} for name in ("spikes", "messages")
    },
    "cores": {
        "plan": "by a model of memory",
        "list": [
            {"chip": i // 2, "core": i % 2, "layer": "1", **CORE, "synaptic_ops": 7.0 * i + 1}
            for i in range(3)
        ],
        "busiest": {"synaptic_ops": {"max": 15.0, "mean": 8.0, "core": "chip 1, core 0"}},
        "busiest_per_step": {"synaptic_ops": 3.75},
    },
    "readouts": [
        {"layer": "2", "name": "decoder", "mse": 0.125, "r2": 0.875},
        {"layer": "3", "name": "classes", "accuracy": 0.9375},
        {"layer": "4", "name": "classes", "accuracy": None},
    ],
    "time": [
        {
            "model": "a model",
            "kind": "modelled",
            "chip": "a chip",
            "low_s": 0.25,
            "high_s": 0.5,
            "source": "a clock",
            "assumptions": ["that it is right"],
        }
    ],
    "energy_notes": ["nothing was left out"],
    "sanafe": {
        "version": "2.0",
        "images": 4,
        "synaptic_events": 476.0,
        "synaptic_ops": 470.25,
        "equal": False,
    },
    "measured": {
        "file": "log.csv",
        "sha256": "0" * 64,
        "rows": [
            {
                "name": "syn_ops",
                "over": "all cores",
                "unit": "operations",
                "found": 20.5,
                "modelled": 18.25,
                "ratio": 20.5 / 18.25,
            },
            {
                "name": "total_power",
                "over": "run",
                "unit": "W",
                "found": 0.625,
                "modelled": None,
                "ratio": None,
            },
        ],
        "notes": ["a note"],
    },
}
SOURCED = {"kind": "modelled", "part": "dynamic", "source": "somebody, 2021", "assumptions": []}
ENERGY = [
    {"model": "one", "chip": "a chip", "low_j": 1.5e-6, "high_j": 2.5e-4, **SOURCED},
    {"model": "two", "chip": "other chip", "low_j": -1e-7, "high_j": 0.0, **SOURCED},
    {"model": "three", "chip": "a chip", "low_j": 0.25, "high_j": 0.25, **SOURCED},
]


@pytest.fixture(scope="session")
def run_still():
    """Run a command on one day, on a machine whose energy counters are not read.

    No two runs take the same energy.
    """

    def run(*words):
        with pytest.MonkeyPatch.context() as patch:
            watch = once.this_machine
            patch.setenv("SOURCE_DATE_EPOCH", "1700000000")
            patch.setattr(once, "this_machine", lambda _: watch("elsewhere"))
            assert run_command(["--quiet", *map(str, words)]) == 0

    return run


@pytest.fixture(scope="session")
def folder(tmp_path_factory, make_network, run_still):
    """The folder of a report, as the command wrote it."""
    home = tmp_path_factory.mktemp("report")
    write_network(home / "net.h5", make_network(k=40, m=48))
    words = ["report", home / "net.h5", "--out", home / "out", "--samples", "5", "--steps", "24"]
    run_still(*words)
    return home / "out"


@pytest.fixture(scope="session")
def result(folder):
    """What the report says, with every key that a page can show."""
    found = json.loads((folder / "report.json").read_text())
    rows = {"energy": [*found["energy"], *ENERGY], "time": [*found["time"], *MORE["time"]]}
    return {**found, **MORE, **rows}


@pytest.fixture(scope="session")
def ink(result):
    """Pictures to go with it."""
    rng = np.random.default_rng(1)
    steps = [row["step"] for row in result["reconstructions"]]
    n = len(result["reconstructions"][0]["r2"])
    return FigureData(
        shape=(6, 8),
        signed=False,
        images=rng.random((n, 48)),
        read_out={step: rng.random((n, 48)) for step in steps},
        phi=rng.normal(size=(48, 40)),
        counts=rng.poisson(0.5, (5, 40)),
        raster=rng.poisson(0.5, (25, 40)),
    )


@dataclass
class Recorded:
    """A figure as it was handed over to be written: its parts, and its ticks as they are shown."""

    figure: Figure
    alt: str
    points: list[Any]
    ticks: list[dict[str, list[tuple[float, str]]]]


@pytest.fixture(scope="session")
def record():
    """Function that keeps what each figure of the page has before it is written, by name."""

    @contextmanager
    def recording():
        kept: dict[str, Recorded] = {}

        def keep(figure, name, alt, points=()):
            figure.canvas.draw()
            ticks = [{"x": _ticks(axes.xaxis), "y": _ticks(axes.yaxis)} for axes in figure.axes]
            kept[name] = Recorded(figure, alt, list(points), ticks)
            return svg.drawn(figure, name, alt, points)

        with pytest.MonkeyPatch.context() as patch:
            for name in ("by_step", "convergence", "core_map", "energy", "histogram", "raster"):
                patch.setattr(f"ipvae.report.figures.{name}.drawn", keep)
            yield kept

    return recording


def _ticks(axis):
    low, high = sorted(axis.get_view_interval())
    low, high = low - 1e-6 * abs(low), high + 1e-6 * abs(high)  # as the ends are rounded
    drawn = [(tick.get_loc(), tick.label1.get_text()) for tick in axis.get_major_ticks()]
    return [(at, text) for at, text in drawn if low <= at <= high and text]


@pytest.fixture(scope="session")
def recorded(result, ink, record):
    """The figures of a report with every key, drawn, and what they had before; both by name."""
    with record() as kept:
        return drawn(result, ink), kept


@pytest.fixture(scope="session")
def figures(recorded):
    """Its figures, by name."""
    return recorded[0]


@pytest.fixture(scope="session")
def whole(result, ink):
    """All files of a report with every key."""
    return files(result, ink)


PROVENANCE = {
    "ipvae": "1.2",
    "data": {"preset": "digits", "n_train": 1437},
    "training": {
        "model": "ipvae", "latents": 40, "steps": 16, "beta": 0.375, "epochs": 21, "seed": 9,
    },
    "weight_bits": 6,
    "layout": "recurrent",
    "inference": "model",
    "grids": {
        "1": {
            "weight": {
                "weights": 1920, "scale": 0.03125, "range": [-31, 29], "clipped": 3, "zeros": 17,
                "relative_error": 0.012345,
            },
            "weight_rec": {
                "weights": 1600, "scale": 0.25, "range": [-127, 113], "clipped": 5, "zeros": 41,
                "relative_error": 0.0678912,
            },
        },
    },
    "calibration": {
        "float": {"curve": [
            {"step": 16, "r2": 0.81234, "mse": 0.0123456, "zeros": 0.71},
            {"step": 64, "r2": 0.91234, "mse": 0.0023456, "zeros": 0.82},
        ]},
        "integer": {"curve": [
            {"step": 16, "r2": 0.80123, "mse": 0.0223456, "zeros": 0.73},
            {"step": 64, "r2": 0.90123, "mse": 0.0033456, "zeros": 0.84},
        ]},
    },
}  # fmt: skip
EXACT = {
    "bit_exact": True,
    "backends": ["emulator", "lava"],
    "variables": ["1/a_in", "1/u", "1/z"],
    "samples": 2,
    "steps": 16,
    "seed": 0,
    "compared_values": 123456,
    "first_divergence": None,
    "max_count": 37,
}


@pytest.fixture(scope="session")
def layered(tmp_path_factory, kinds, shown, run_still):
    """A report of errors, a code and two read-outs, as the command wrote it."""
    home = tmp_path_factory.mktemp("layered")
    network = shown.with_named_readouts(kinds.networks(4)["errors + 2 read-outs"])
    write_network(home / "net.h5", network)
    words = ["report", home / "net.h5", "--out", home / "out", "--samples", "3", "--steps", "7"]
    run_still(*words, "--seeds", "2")
    found = home / "out"
    return json.loads((found / "report.json").read_text()), (found / "index.html").read_text()


@pytest.fixture(scope="session", params=["one layer", "four layers", "every key", "differs"])
def seen(request, folder, result, ink, figures, layered):
    """Result and page: written by the command, and with all that a page can hold."""
    if request.param == "one layer":
        return json.loads((folder / "report.json").read_text()), (folder / "index.html").read_text()
    if request.param == "four layers":
        return layered
    full = {**result, "provenance": PROVENANCE}
    if request.param == "differs":
        apart = {"backend": "lava", "sample": 1, "step": 3, "layer": "1", "index": 7}
        full |= {"verified": {**EXACT, "bit_exact": False, "first_divergence": apart}}
    else:
        full |= {"verified": EXACT}
    return full, written(full, ink, figures)
