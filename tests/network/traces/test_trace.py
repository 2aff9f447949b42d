import h5py
import numpy as np
import pytest

from ipvae.emulator.recording import run
from ipvae.errors import FormatError
from ipvae.network.traces.trace import Trace, compare, read_trace, write_trace


@pytest.fixture
def trace(make_network):
    network = make_network()
    return run(network, network.test_images[:2], 6, 0)


def changed(trace, sample, variable, step, index, by=1):
    samples = [{"1": {n: v.copy() for n, v in s["1"].items()}} for s in trace.samples]
    samples[sample]["1"][variable][step, index] += by
    return Trace("other", trace.seed, trace.checksum, samples)


def test_equal_traces_compare_in_all_values(trace):
    found = compare(trace, trace)
    assert found.compared_values == 2 * 7 * 3 * 16
    assert found.first_divergence is None


def test_first_divergence_is_named(trace):
    other = changed(changed(trace, 1, "u", 3, 7, by=-2), 1, "z", 3, 0)
    expected = int(trace.samples[1]["1"]["u"][3, 7])
    assert compare(trace, other).first_divergence == {
        "backend": "other",
        "sample": 1,
        "layer": "1",
        "variable": "u",
        "step": 3,
        "index": 7,
        "expected": expected,
        "found": expected - 2,
    }


def test_missing_parts_are_divergences(trace):
    shorter = Trace("other", 0, "", trace.samples[:1])
    assert (compare(trace, shorter).first_divergence or {})["sample"] == 1
    without = Trace("other", 0, "", [{"1": {"u": s["1"]["u"]}} for s in trace.samples])
    assert (compare(trace, without).first_divergence or {})["variable"] == "a_in"


def test_trace_file_round_trip(trace, tmp_path):
    write_trace(tmp_path / "trace.h5", trace)
    found = read_trace(tmp_path / "trace.h5")
    assert compare(trace, found).first_divergence is None
    assert (found.backend, found.seed, found.checksum, found.steps) == (
        "emulator",
        0,
        trace.checksum,
        6,
    )
    assert found.samples[0]["1"]["z"].dtype == np.int32


def test_what_is_no_trace_is_refused(tmp_path):
    (tmp_path / "x.h5").write_bytes(b"no")
    with pytest.raises(FormatError, match="HDF5 cannot read it"):
        read_trace(tmp_path / "x.h5")


def written(path, **changes):
    """A small trace file, with parts replaced."""
    parts = {
        "backend": "board",
        "seed": 3,
        "network_checksum": "0" * 64,
        "steps": 2,
        "samples/0/1/z": np.zeros((3, 4), np.int32),
    } | changes
    with h5py.File(path, "w") as f:
        for name, value in parts.items():
            if "/" in name:
                f[name] = value
            elif value is not None:
                f.attrs[name] = value


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"steps": None}, "no attribute steps"),
        ({"seed": 0.5}, "neither integer nor text"),
        ({"seed": [1, 2]}, "not a single value"),
        ({"steps": 3}, "steps \\+ 1, neurons\\) with 3 steps"),
        ({"samples/0/1/z": np.zeros((3, 4))}, "is float64"),
        ({"samples/0/1/z": np.zeros(3, np.int32)}, "of shape \\(3,\\)"),
        ({"samples/2/1/z": np.zeros((3, 4), np.int32)}, "not numbered from 0"),
        ({"other/0": np.zeros(2, np.int32)}, "found dataset /other/0"),
    ],
)
def test_a_trace_that_has_other_contents_is_refused(tmp_path, changes, message):
    path = tmp_path / "t.h5"
    written(path)
    assert read_trace(path).stacked("1", "z").shape == (1, 3, 4)
    written(path, **changes)
    with pytest.raises(FormatError, match=message):
        read_trace(path)


def test_a_trace_that_declares_more_than_gzip_holds_is_refused(tmp_path):
    written(tmp_path / "t.h5")
    with h5py.File(tmp_path / "t.h5", "r+") as f:
        f.attrs["steps"] = 2**40
        f.create_dataset(
            "samples/1/1/z", (2**40 + 1, 4), "<i4", chunks=(1024, 4), compression="gzip"
        )
    with pytest.raises(FormatError, match="more than gzip can hold"):
        read_trace(tmp_path / "t.h5")


@pytest.mark.parametrize(
    ("name", "value"),
    [("backend", 3), ("network_checksum", 5), ("seed", "7"), ("steps", "2")],
)
def test_attributes_have_their_types(tmp_path, name, value):
    written(tmp_path / "t.h5", **{name: value})
    with pytest.raises(FormatError, match=f"attribute {name} is (int|str), allowed is (int|str)"):
        read_trace(tmp_path / "t.h5")


def test_a_trace_of_many_images_is_read_back(tmp_path, rng):
    """Three thousand datasets: none may stay open while the others are read."""
    samples = [
        {"1": {name: rng.integers(0, 9, (5, 8)).astype(np.int32) for name in ("a_in", "u", "z")}}
        for _ in range(1000)
    ]
    trace = Trace("board", 1, "0" * 64, samples)
    write_trace(tmp_path / "t.h5", trace)
    assert compare(trace, read_trace(tmp_path / "t.h5")).first_divergence is None


def test_one_dataset_under_many_names_cannot_be_more_than_its_file(tmp_path):
    """Six hundred names of two megabytes of zeros, packed into a few kilobytes."""
    path = tmp_path / "t.h5"
    with h5py.File(path, "w") as f:
        f.attrs.update({"backend": "b", "seed": 1, "network_checksum": "0" * 64, "steps": 2**16})
        zeros = np.zeros((2**16 + 1, 8), np.int32)
        f.create_dataset("samples/0/1/z", data=zeros, compression="gzip", compression_opts=9)
        for i in range(1, 600):
            f[f"samples/{i}/1/z"] = f["samples/0/1/z"]
    with pytest.raises(FormatError, match="another name of a dataset before it"):
        read_trace(path)
