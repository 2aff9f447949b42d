"""Conformance of a target with the vectors, in every variable at every step."""

from pathlib import Path

import numpy as np
import pytest

from ipvae.network.io.network_file import read_network
from ipvae.network.traces.trace import compare, read_trace

RUNS = Path(__file__).resolve().parent.parent / "docs" / "vectors" / "runs"
VECTORS = sorted(RUNS.glob("*.net.h5"))
GRADED = {"sparse"}
"""Vectors without random draws, which cannot be replayed."""
DRAWN = [path for path in VECTORS if path.name.split(".")[0] not in GRADED]


@pytest.mark.parametrize("path", VECTORS, ids=lambda p: p.name.split(".")[0])
def test_target_reproduces_the_vector(run_on_target, path):
    network = read_network(path)
    expected = read_trace(path.with_name(path.name.replace(".net.h5", ".trace.h5")))
    found = run_on_target(network, network.test_images, expected.steps, expected.seed)
    comparison = compare(expected, found)
    assert comparison.first_divergence is None
    k = sum(layer.n_neurons for layer in network.layers.values())
    assert comparison.compared_values == len(network.test_images) * (expected.steps + 1) * 3 * k


@pytest.mark.parametrize("path", DRAWN, ids=lambda p: p.name.split(".")[0])
def test_target_computes_the_vector_from_the_vectors_draws(run_on_target, path):
    """Replay the vector's counts; compare `a_in` and `u`, for targets with another random source.

    The seed differs from the vector's, so sampling would give other counts.
    """
    network = read_network(path)
    expected = read_trace(path.with_name(path.name.replace(".net.h5", ".trace.h5")))
    draws = expected.stacked(network.code, "z")
    found = run_on_target(
        network, network.test_images, expected.steps, expected.seed + 1, draws=draws
    )
    for layer in network.layers:
        for variable in ("a_in", "u"):
            np.testing.assert_array_equal(
                found.stacked(layer, variable), expected.stacked(layer, variable), variable
            )


def test_there_are_vectors():
    assert len(VECTORS) >= 6
    assert len(DRAWN) == len(VECTORS) - len(GRADED)


@pytest.mark.parametrize("name", sorted(GRADED))
def test_a_vector_without_draws_has_none_to_replay(name):
    assert not read_network(RUNS / f"{name}.net.h5").draws
