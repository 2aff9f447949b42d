import numpy as np
import pytest

from ipvae.emulator import run
from ipvae.network.errors import FormatError
from ipvae.network.trace import Trace, compare, read_trace, write_trace


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
    assert found.max_count == trace.stacked("1", "z").max()


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
    with pytest.raises(FormatError, match="not a trace file"):
        read_trace(tmp_path / "x.h5")
