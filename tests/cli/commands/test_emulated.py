"""Commands that run the emulator: figures from totals, traces streamed, progress, one note."""

import re
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from ipvae import emulator
from ipvae.cli import output
from ipvae.emulator import recording
from ipvae.emulator.simd import compiling
from ipvae.energy.counting.counts import count_run
from ipvae.evaluation.metrics import curve, quality
from ipvae.evaluation.readouts import judge, readout_names
from ipvae.network.io.network_file import read_network, write_network
from ipvae.network.pixels import to_real
from ipvae.network.rules.stream import stream_drives
from ipvae.network.traces.replay import only_draws
from ipvae.network.traces.selection import Record
from ipvae.network.traces.trace import compare, read_trace, write_trace
from ipvae.network.traces.trace_totals import trace_totals
from ipvae.workflows.running import backends

ROOT = Path(__file__).resolve().parents[3]


def no_trace(*_, **__):
    raise AssertionError("a whole trace was held in memory")


@pytest.fixture
def net(tmp_path, make_network):
    path = tmp_path / "net.h5"
    write_network(path, make_network())
    return path


KINDS = (
    "recurrent",
    "errors + 2 read-outs",
    "loop of three",
    "feed-forward, ceiling + 1 read-out",
    "two hidden, graded code",
    "lca + 1 read-out",
)


@pytest.fixture(params=KINDS)
def of_kind(tmp_path, kinds, request):
    """A network, as a file."""
    write_network(tmp_path / "net.h5", kinds.networks(3)[request.param])
    return tmp_path / "net.h5"


@pytest.mark.usefixtures("without_page")
def test_a_report_has_the_numbers_of_the_trace(command, of_kind, tmp_path, monkeypatch):
    network = read_network(of_kind)
    trace = recording.run(network, network.test_images, 9, 5)
    monkeypatch.setattr(recording, "run", no_trace)
    monkeypatch.setattr(backends, "run_backend", no_trace)
    words = ("--samples", len(trace.samples), "--steps", 9, "--seed", 5, "--json", "-")
    status, found, _ = command("report", of_kind, "--out", tmp_path / "r", *words)
    assert status == 0
    assert found["counts"] == count_run(network, trace).as_dict()
    real = to_real(network.test_images, network.input)
    z = trace.stacked(network.code, "z")[:, -1]
    assert found["quality"] == quality(real, z, network.decoder)


def test_evaluate_has_the_numbers_of_the_trace(command, of_kind, monkeypatch):
    network = read_network(of_kind)
    trace = recording.run(network, network.test_images, 9, 5)
    monkeypatch.setattr(emulator.Emulator, "rows", no_trace)
    status, found, _ = command("evaluate", of_kind, "--steps", "2,5,9", "--seed", 5, "--json", "-")
    assert status == 0
    z, real = trace.stacked(network.code, "z"), to_real(network.test_images, network.input)
    expected = curve(real, {step: z[:, step] for step in (2, 5, 9)}, network.decoder)
    assert found["curve"] == expected
    if network.draws:
        assert found["spikes"] == z[:, 9].sum(axis=1).mean()
    shown = {name: trace.stacked(name, "z")[:, -1] for name in readout_names(network)}
    assert found.get("readouts", []) == judge(network, shown, real, network.test_labels)


def test_a_run_has_the_figures_and_the_file_of_the_trace(command, of_kind, tmp_path, monkeypatch):
    network = read_network(of_kind)
    images = network.test_images
    trace = recording.run(network, images, 70, 5)
    monkeypatch.setattr(backends, "run_backend", no_trace)
    monkeypatch.setattr(recording, "run", no_trace)
    files = ("--trace", tmp_path / "t.h5", "--record-draws", tmp_path / "d.h5")
    words = ("--samples", len(images), "--steps", 70, "--seed", 5, "--json", "-")
    status, found, _ = command("run", of_kind, *words, *files)
    assert status == 0
    expected = counted(network, trace, stream_drives(network, images, 70, None))
    assert {key: found[key] for key in expected} == expected
    assert_same_file(tmp_path / "t.h5", trace, tmp_path)
    assert_same_file(tmp_path / "d.h5", only_draws(trace, network), tmp_path)


def counted(network, trace, drives):
    """What a run shows, from a trace and by plain sums."""
    z = trace.stacked(network.code, "z")
    found = trace_totals(network, trace, drives).saturations
    return {
        "spikes": int(np.abs(z).sum(dtype="int64")),
        "zeros": float((z == 0).mean()),
        "saturations": sum(found.values()),
        "saturations_by_variable": found,
    }


def assert_same_file(path, trace, folder):
    """A file holds what `write_trace` would have written."""
    write_trace(folder / "whole.h5", trace)
    found, whole = read_trace(path), read_trace(folder / "whole.h5")
    comparison = compare(whole, found)
    assert comparison.first_divergence is None
    of_whole = (v for s in whole.samples for layer in s.values() for v in layer.values())
    assert comparison.compared_values == sum(values.size for values in of_whole)
    assert (found.backend, found.seed, found.checksum, found.steps, found.every) == (
        *(whole.backend, whole.seed, whole.checksum, whole.steps, whole.every),
    )


def test_a_chosen_part_of_a_stream_is_written_and_all_of_it_counted(command, net, tmp_path, select):
    words = ("--samples", 2, "--steps", 6, "--hold", 3, "--json", "-")
    part = ("--trace", tmp_path / "t.h5", "--variables", "u", "--every", 2, "--neurons", "1,4-6")
    status, found, _ = command("run", net, *words, *part)
    assert status == 0
    network = read_network(net)
    streams = network.test_images[:4].reshape(2, 2, -1)
    trace = recording.run(network, streams, 6, 0, hold=3)
    assert_same_file(
        tmp_path / "t.h5", select(trace, Record(("u",), 2, {"1": (1, 4, 5, 6)})), tmp_path
    )
    expected = counted(network, trace, stream_drives(network, streams, 6, 3))
    assert {key: found[key] for key in expected} == expected


def test_replayed_draws_give_the_same_figures(command, net, tmp_path):
    words = ("--samples", 3, "--steps", 8, "--json", "-")
    _, sampled, _ = command("run", net, *words, "--record-draws", tmp_path / "d.h5", "--seed", 9)
    _, found, _ = command("run", net, *words, "--replay-draws", tmp_path / "d.h5")
    assert (found["draws"], found["seed"]) == ("replayed", 9)
    for key in ("spikes", "zeros", "saturations_by_variable"):
        assert found[key] == sampled[key]


def test_speed_is_that_of_the_engine(command, net, tmp_path, monkeypatch):
    """Neither what is loaded before nor what is written afterwards is in the seconds."""
    totals, write = emulator.Emulator.totals, emulator.run_to_file

    def first_slow(self, images, n_steps, *rest, **options):
        if n_steps == 1:
            time.sleep(2)
        return totals(self, images, n_steps, *rest, **options)

    def slow(*arguments, **options):
        time.sleep(2)
        write(*arguments, **options)

    monkeypatch.setattr(emulator.Emulator, "totals", first_slow)
    monkeypatch.setattr(emulator, "run_to_file", slow)
    words = ("--samples", 3, "--steps", 8, "--trace", tmp_path / "t.h5", "--json", "-")
    _, found, _ = command("run", net, *words)
    assert found["seconds"] < 2
    assert found["image_steps_per_second"] == pytest.approx(3 * 9 / found["seconds"])


MEMORY = """
import resource, sys
from ipvae.cli.main import run_command
assert run_command(sys.argv[1:]) == 0
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_a_longer_trace_takes_no_more_memory(tmp_path, make_network):
    """The longer one has 50 MB."""
    write_network(tmp_path / "net.h5", make_network(k=256, m=16, n_images=16))

    def peak(samples, steps):
        words = ("run", tmp_path / "net.h5", "--trace", tmp_path / "t.h5", "--json", tmp_path / "j")
        extent = ("--samples", samples, "--steps", steps, "--overwrite")
        command = [sys.executable, "-c", MEMORY, *map(str, (*words, *extent))]
        done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT)
        return int(done.stdout.split()[-1]) / 1024

    few = peak(16, 64)
    assert peak(16, 1000) < few + 25


class Terminal:
    """Replacement for rich's console on a terminal, which keeps a spinner's texts."""

    is_terminal = True

    def __init__(self):
        self.texts = []

    @contextmanager
    def status(self, message):
        self.texts.append(message)
        yield self

    def update(self, message):
        self.texts.append(message)


@pytest.mark.parametrize(
    ("words", "last"),
    [
        (("evaluate", "--steps", "3,8"), "evaluating 5 images to step 8: 5 of 5"),
        (
            ("report", "--samples", 4, "--out", "OUT"),
            "running 4 images for 64 steps: 4 of 4",
        ),
        (("run", "--samples", 4), "running 4 images for 64 steps on emulator: 4 of 4"),
        (("run", "--samples", 4, "--trace", "OUT"), "writing OUT: 4 of 4"),
    ],
)
def test_progress_is_shown_on_a_terminal(command, net, tmp_path, monkeypatch, words, last):
    terminal = Terminal()
    monkeypatch.setattr(output, "_status", terminal)
    name, *rest = [str(tmp_path / "out") if word == "OUT" else word for word in words]
    assert command(name, net, *rest)[0] == 0
    assert terminal.texts[-1] == last.replace("OUT", str(tmp_path / "out"))
    shown = [re.search(r": ([\d,]+) of", text) for text in terminal.texts]
    numbers = [int(found[1].replace(",", "")) for found in shown if found]
    assert numbers == sorted(numbers)


def test_quiet_in_a_pipe(command, net, tmp_path):
    command("evaluate", net)  # compiles, where nothing was compiled before
    assert command("evaluate", net)[2] == ""
    assert command("run", net, "--samples", 4, "--trace", tmp_path / "t.h5")[2] == ""


@pytest.fixture
def model(command, tmp_path, rng):
    """A model imported from arrays, and images for it."""
    np.savez(
        tmp_path / "a.npz",
        phi=rng.normal(0, 0.3, (12, 8)),
        sigma=np.ones(12),
        step_size=0.1,
        bias=np.full(8, 0.1),
        u0=np.full(8, -1.0),
    )
    np.save(tmp_path / "x.npy", rng.random((12, 12)))
    assert command("import", tmp_path / "a.npz", "--out", tmp_path / "m")[0] == 0
    return tmp_path / "m"


EXPORT = ("export", "MODEL", "--images", "IMAGES", "--out", "OUT", "--most-loss", 99)


@pytest.mark.parametrize(
    "words",
    [
        ("run", "NET", "--samples", 4),
        ("verify", "NET", "--backends", "emulator,twin", "--samples", 4),
        ("report", "NET", "--samples", 4, "--out", "OUT"),
        ("evaluate", "NET"),
        ("check", "NET", "--plan"),
        EXPORT,
        (*EXPORT, "--refit-decoder"),
    ],
)
def test_compiling_is_reported_on_stderr_by_whatever_runs_first(
    command, net, model, tmp_path, monkeypatch, words
):
    monkeypatch.setattr(backends, "BACKENDS", ("emulator", "twin"))
    run_backend = backends.run_backend
    monkeypatch.setattr(
        "ipvae.workflows.verify.run_backend",
        lambda _, *rest, **options: run_backend("emulator", *rest, **options),
    )
    monkeypatch.setattr(compiling, "_ready", lambda _: False)
    places = {"NET": net, "OUT": tmp_path / "out", "MODEL": model, "IMAGES": tmp_path / "x.npy"}
    name, *rest = [places.get(word, word) for word in words]
    status, out, err = command(name, *rest)
    assert status == 0
    assert compiling.NOTE in err
    assert compiling.NOTE not in out
    if name == "export":
        (tmp_path / "out").unlink()
    assert compiling.NOTE not in command("--quiet", name, *rest)[2]
