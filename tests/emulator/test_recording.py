"""Records in memory and on disk hold the same; neither memory nor messages grow with the run."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ipvae.emulator import Emulator
from ipvae.emulator.recording import run, run_to_file
from ipvae.emulator.simd import compiling, kernels
from ipvae.errors import InputError
from ipvae.network.traces.selection import Record
from ipvae.network.traces.trace import compare, read_trace, write_trace

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    "record",
    [
        Record(),
        Record(every=3),
        Record(variables=("z",), every=70),
        Record(neurons={"2": (0, 3, 6)}, layers=("1", "2")),
    ],
)
@pytest.mark.parametrize("batch", [2, 64])
def test_a_streamed_trace_is_the_trace_in_memory(tmp_path, kinds, record, batch):
    network = kinds.networks(5)["errors + 2 read-outs"]
    expected = run(network, network.test_images, 150, 5, record=record)
    run_to_file(tmp_path / "t.h5", network, network.test_images, 150, 5, batch=batch, record=record)
    found = read_trace(tmp_path / "t.h5")
    assert compare(expected, found).first_divergence is None
    write_trace(tmp_path / "whole.h5", expected)
    whole = read_trace(tmp_path / "whole.h5")
    assert (found.backend, found.seed, found.checksum) == (
        whole.backend,
        whole.seed,
        whole.checksum,
    )
    assert (found.steps, found.every) == (whole.steps, whole.every)
    assert found.neurons.keys() == whole.neurons.keys()


def test_a_choice_that_does_not_fit_is_refused_before_anything_runs(tmp_path, make_network):
    network = make_network()
    with pytest.raises(InputError, match="allowed 1"):
        run_to_file(
            tmp_path / "t.h5", network, network.test_images, 9, 0, record=Record(layers=("2",))
        )
    assert not list(tmp_path.iterdir())


MEMORY = """
import resource, sys
import numpy as np
from ipvae.emulator import Emulator, run_to_file
from ipvae.network.io.network_file import read_network
network = read_network(sys.argv[1])
images = np.resize(network.test_images, (int(sys.argv[3]), network.n_pixels))
if sys.argv[2] == "totals":
    Emulator(network, threads=2, tile=8).totals(images, int(sys.argv[4]), 0)
else:
    run_to_file(sys.argv[2], network, images, int(sys.argv[4]), 0, batch=4)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def peak(*words):
    command = [sys.executable, "-c", MEMORY, *map(str, words)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT)
    return int(done.stdout) / 1024


@pytest.fixture(scope="module")
def net(tmp_path_factory, make_network):
    from ipvae.network.io.network_file import write_network

    path = tmp_path_factory.mktemp("net") / "net.h5"
    write_network(path, make_network(k=256, m=16))
    return path


def test_a_trace_on_disk_takes_no_more_memory_for_more_steps_and_images(tmp_path, net):
    """The longer trace alone has 75 MB."""
    few = peak(net, tmp_path / "few.h5", 4, 64)
    many = peak(net, tmp_path / "many.h5", 16, 1500)
    assert many < few + 25


def test_totals_take_no_more_memory_for_more_images(net):
    """But for what is returned of each image, 2 kB here."""
    few, many = peak(net, "totals", 16, 20), peak(net, "totals", 2000, 20)
    assert many < few + 25


def test_compiling_is_reported_once_and_not_where_it_was_done(make_network, monkeypatch, tmp_path):
    network, message = make_network(), []
    Emulator(network, on_message=message.append).totals(network.test_images, 2, 0)
    del message[:]
    Emulator(network, on_message=message.append).totals(network.test_images, 2, 0)
    assert message == []

    class Unready:
        overloads = ()
        stats = type("Stats", (), {"cache_path": str(tmp_path)})
        py_func = kernels.run_poisson.py_func

    assert not compiling._ready(Unready)
    (tmp_path / f"kernels.{Unready.py_func.__qualname__}-1.py310.nbi").touch()
    assert compiling._ready(Unready)
    monkeypatch.setattr(compiling, "_ready", lambda _: False)
    Emulator(network, on_message=message.append).totals(network.test_images, 2, 0)
    assert message == [compiling.NOTE]


def test_kernels_are_compiled_anew_when_their_sources_change():
    """Their names, by which numba looks for them, hold a digest of all files they come from."""
    assert kernels.run_poisson.py_func.__qualname__ == f"run_poisson_{kernels._DIGEST}"
    folder = ROOT / "emulator" / "simd"
    files = [folder / f"{m.__name__.split('.')[-1]}.py" for m in kernels._COMPILED]
    files.append(folder / "kernels.py")
    imported = {folder / f"{name}.py" for name in _imported_by(files)}
    assert imported <= set(files)


def _imported_by(files):
    import re

    found = set()
    for file in files:
        for line in file.read_text().splitlines():
            if (match := re.match(r"from ipvae\.emulator\.simd import (.+)", line)) is not None:
                found |= {name.strip() for name in match[1].split(",")}
            if (match := re.match(r"from ipvae\.emulator\.simd\.(\w+) import", line)) is not None:
                found.add(match[1])
    return found


def test_an_image_alone_needs_no_thread(make_network, monkeypatch):
    from ipvae.emulator import engine

    monkeypatch.setattr(engine, "ThreadPoolExecutor", None)
    network = make_network()
    found = Emulator(network, threads=2).totals(network.test_images[:1], 4, 0)
    expected = run(network, network.test_images[:1], 4, 0)
    np.testing.assert_array_equal(found.layers["1"].z, expected.stacked("1", "z")[:, -1])
