"""The target computes what the vectors say, in every variable at every step."""

from pathlib import Path

import pytest

from ipvae.network.file import read_network
from ipvae.network.trace import compare, read_trace

RUNS = Path(__file__).resolve().parent.parent / "docs" / "vectors" / "runs"
VECTORS = sorted(RUNS.glob("*.net.h5"))


@pytest.mark.parametrize("path", VECTORS, ids=lambda p: p.name.split(".")[0])
def test_target_reproduces_the_vector(run_on_target, path):
    network = read_network(path)
    expected = read_trace(path.with_name(path.name.replace(".net.h5", ".trace.h5")))
    found = run_on_target(network, network.test_images, expected.steps, expected.seed)
    comparison = compare(expected, found)
    assert comparison.first_divergence is None
    k = network.layer.n_neurons
    assert comparison.compared_values == len(network.test_images) * (expected.steps + 1) * 3 * k


def test_there_are_vectors():
    assert len(VECTORS) >= 6
