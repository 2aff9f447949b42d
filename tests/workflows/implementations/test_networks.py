# pyright: reportArgumentType=false
"""Networks of connections of the conformance suite: three implementations give their traces."""

import importlib.util
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import ipvae
from ipvae.network.io.network_file import checksum, read_network
from ipvae.network.rules.random_source import image_key
from ipvae.network.traces.trace import compare
from ipvae.workflows.implementations import cases

ROOT = Path(__file__).resolve().parents[3]
LEVELS = tuple(cases.CONNECTED.values())
CASES = {case.name: case for case in cases.run_cases(LEVELS)}
DRIVEN = [name for name in CASES if name.startswith("driven")]
LIF = [name for name in CASES if name.startswith("lif")]
"""Networks of which examples/c_runner, written from the documents alone, gives the traces."""
NOT_ON_LAVA = ("driven-maps", "lif-maps", "driven-limits")
"""Networks with an exponent of a convolution, and one whose layers are not connected."""
OTHERS = [name for name in CASES if name not in DRIVEN + LIF]


@pytest.fixture(scope="module")
def written_apart():
    """tests/network/oracle/networks.py, written from the documents alone."""
    path = ROOT / "tests" / "network" / "oracle" / "networks.py"
    spec = importlib.util.spec_from_file_location("networks_of_documents", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", CASES)
def test_emulator_gives_the_trace(name):
    case = CASES[name]
    network = read_network(case.network)
    found = ipvae.run(
        network, case.images, steps=case.steps, seed=case.trace.seed, record="all"
    ).trace
    assert compare(case.trace, found).first_divergence is None


@pytest.mark.parametrize("name", OTHERS)
def test_a_program_from_the_documents_gives_the_trace(name, written_apart):
    case = CASES[name]
    network = written_apart.load(case.network)
    found = written_apart.run(network, case.images, case.steps)
    for sample, wanted in zip(case.trace.samples, found, strict=True):
        assert sample.keys() == wanted.keys()
        for layer, variables in sample.items():
            assert variables.keys() == wanted[layer].keys()
            for variable, values in variables.items():
                np.testing.assert_array_equal(values, wanted[layer][variable])


@pytest.mark.parametrize("name", DRIVEN)
def test_programs_of_the_neurons_give_the_trace(name, network_oracle):
    case = CASES[name]
    network = read_network(case.network)
    connected = any(c.source == "0" for layer in network.layers for c in layer.connections)
    for index, sample in enumerate(case.trace.samples):
        pixels = np.atleast_2d(case.images[index])
        rows = np.concatenate([pixels[:1], pixels]) if len(pixels) > 1 else pixels
        sent = np.broadcast_to(rows * connected, (case.steps + 1, pixels.shape[1]))
        words = image_key(case.trace.seed, index)
        found = network_oracle.simulate(network, sent, rows, (words.a, words.b))
        for layer, variables in found.items():
            for variable in sample[layer]:
                values = variables[variable][-(case.steps + 1) :]
                np.testing.assert_array_equal(
                    sample[layer][variable], values, f"{layer} {variable}"
                )


def test_the_script_still_makes_the_committed_networks(vector_script):
    made = vector_script.connected.networks()
    assert list(CASES) == sorted(made)
    for name, (network, images) in made.items():
        assert checksum(network) == checksum(read_network(CASES[name].network))
        np.testing.assert_array_equal(images, CASES[name].images)


def test_the_networks_reach_what_their_levels_are_for():
    """Wraps, lead-in rows, delays of each receiver, both reductions and all kinds."""
    networks = {name: read_network(case.network) for name, case in CASES.items()}
    kinds = {kind.name for network in networks.values() for kind in network.kinds.values()}
    assert kinds == {"CUBA", "delta", "sigma-delta", "sigma", "Poisson", "graded", "LIF"}
    weights = {
        connection.weights.kind
        for network in networks.values()
        for layer in network.layers
        for connection in layer.connections
    }
    assert weights == {"dense", "diagonal", "conv"}
    current = CASES["cuba-wraps"].trace.stacked("1", "current").astype(np.int64)
    assert current.max() == 2**23  # the one value more than 24 bits
    a_in = CASES["sigma-wraps"].trace.stacked("1", "a_in").astype(np.int64)
    sigma = CASES["sigma-wraps"].trace.stacked("1", "sigma").astype(np.int64)
    assert (np.diff(sigma, axis=1) != a_in[:, 1:]).any()
    assert networks["sigma-chain"].schedule.lead_in("1") > 0
    assert any(
        delay.ndim for delay in [np.asarray(networks["cuba-delays"].layers[0].connections[0].delay)]
    )


@pytest.mark.lava
@pytest.mark.long
@pytest.mark.parametrize("name", [name for name in CASES if name not in NOT_ON_LAVA])
def test_lava_gives_the_trace(name):
    """Of the input, Lava records messages alone."""
    case = CASES[name]
    found = ipvae.run(
        read_network(case.network),
        case.images,
        steps=case.steps,
        seed=case.trace.seed,
        record="all",
        backend="lava",
    ).trace
    expected = [{**sample, "0": {"z": sample["0"]["z"]}} for sample in case.trace.samples]
    assert compare(replace(case.trace, samples=expected), found).first_divergence is None
