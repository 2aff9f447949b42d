"""Poisson and graded layers in networks of any kinds: emulator, programs, and old descriptions."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import ipvae
from ipvae.emulator import recording
from ipvae.emulator.event_driven import driven, layer_state
from ipvae.emulator.event_driven.engine import NetworkEmulator
from ipvae.errors import DescriptionError
from ipvae.network.conversion.from_dense import as_network
from ipvae.network.io.network_file import read_network
from ipvae.network.proof.driven import driven_bounds
from ipvae.network.rules import random_source
from ipvae.network.rules.input_messages import messages
from ipvae.network.traces.network_totals import record_totals

RUNS = Path(__file__).resolve().parents[3] / "docs/vectors/runs"
EVERYTHING = ("a_in", "current", "voltage", "sigma", "residue", "reference", "u", "z")
MIXES = {
    "code and read-out": ("POISSON", "CUBA"),
    "hidden layers": ("POISSON", "SDNN", "GRADED"),
    "driven": ("POISSON", "GRADED"),
    "all": ("POISSON", "GRADED", "CUBA", "SDNN"),
}


def same_trace(network, images, n_steps, seed):
    """Compare the trace of an `IntNetwork` with the same numbers as a `Network`."""
    if getattr(network.layer, "start", None) is not None:
        with pytest.raises(DescriptionError, match="starts each image from its own log-rates"):
            as_network(network)
        return recording.run(network, images, n_steps, seed)
    expected = recording.run(network, images, n_steps, seed)
    frames = images.astype(np.int32)[:, None]
    found = NetworkEmulator(as_network(network), 1).records(
        frames, n_steps + 1, ("a_in", "u", "z"), seed=seed
    )
    for image, sample in enumerate(found):
        for layer, variables in expected.samples[image].items():
            for name, values in variables.items():
                np.testing.assert_array_equal(sample[layer][name], values, f"{layer}/{name}")
    return expected


@pytest.mark.parametrize("compiled", [True, False])
def test_an_integer_network_as_a_network_gives_the_same_trace(
    kinds, network_kind, compiled, monkeypatch
):
    """In every variable; by the compiled rows, and by the programs of the kinds."""
    if not compiled:
        monkeypatch.setattr(layer_state, "ROWS", {})
    network = kinds.networks(2)[network_kind]
    expected = same_trace(network, network.test_images, 7, seed=2**40 + 5)
    assert len(np.unique(expected.stacked(network.code, "z"))) > 1


def test_random_integer_networks_give_the_same_trace(random_networks):
    @settings(
        max_examples=60,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(random_networks.networks(), st.integers(1, 9), st.integers(0, 2**48 - 1))
    def check(network, n_steps, seed):
        same_trace(network, network.test_images, n_steps, seed)

    check()


@pytest.mark.parametrize("kind", ["recurrent", "errors", "linear", "mlp", "lca"])
def test_exported_networks_give_the_same_trace(exported, kind):
    """Of each exporter; LCA and amortized ones have few distinct counts."""
    made = exported.KINDS[kind](exported.Model(40, 1), 8)
    same_trace(made, made.test_images, 12, seed=5)


def test_a_shipped_model_gives_the_same_trace():
    network = ipvae.quantize(ipvae.load_model("patches")).network
    expected = same_trace(network, network.test_images[:2], 12, seed=5)
    assert expected.stacked("1", "z").max() > 2


@pytest.mark.parametrize("path", sorted(RUNS.glob("*.net.h5")), ids=lambda p: p.name.split(".")[0])
def test_networks_of_the_documents_give_the_same_trace(path):
    network = read_network(path)
    same_trace(network, network.test_images, 40, seed=20261121)


def driven_ids(network):
    return [name for name, kind in network.kinds.items() if kind.driven]


def samples_of(network, n_steps, rng):
    """One image for all rows, or one for each, and what the input sends."""
    rows = network.rows(n_steps)
    low, high = network.input.value_range
    shape = (3, int(rng.choice([1, rows])), network.input.size)
    frames = rng.integers(low, high + 1, shape).astype(np.int32)
    return frames, [messages(network.input, image, rows) for image in frames]


def compared(oracle, network, n_steps, rng, seed=9, threads=1):
    """Records of the emulator, equal to the oracle's in every value."""
    frames, sent = samples_of(network, n_steps, rng)
    emulator = NetworkEmulator(network, threads)
    found = list(emulator.records(frames, network.rows(n_steps), EVERYTHING, seed=seed))
    for image, record in enumerate(found):
        key = random_source.image_key(seed, image)
        expected = oracle.simulate(network, sent[image], frames[image], key)
        for layer, variables in expected.items():
            assert tuple(record[layer]) == network.by_id[layer].neuron.variables
            for name, values in record[layer].items():
                np.testing.assert_array_equal(values, variables[name], f"{layer}/{name}")
    return frames, found


@pytest.mark.parametrize("mix", MIXES)
@pytest.mark.parametrize("first", [0, pytest.param(1, marks=pytest.mark.long)])
def test_mixed_networks_equal_the_oracle(network_oracle, mix, first):
    """15 networks (300 if long) in every variable of every row, of layers of several kinds."""
    seen = {"conv drive": 0, "conv loop": 0, "free": 0, "counts": 0, "driven by layers": 0}
    for seed in range(15) if first == 0 else range(1000, 1300):
        rng = np.random.default_rng([seed, len(mix)])
        network = network_oracle.tangled_network(rng, MIXES[mix])
        if first and not all(
            b.holds for n in driven_ids(network) for b in driven_bounds(network, n)
        ):
            continue  # a few of many networks may overflow and do not run
        frames, found = compared(network_oracle, network, 6, rng, threads=1 + seed % 2)
        for layer in network.layers:
            if not layer.neuron.driven:
                continue
            conv = layer.drive is not None and layer.drive.weights.kind == "conv"
            seen["conv drive"] += conv
            seen["conv loop"] += any(
                c.source == layer.id and c.weights.kind == "conv" for c in layer.connections
            )
            seen["driven by layers"] += layer.drive is None
            seen["counts"] += len(np.unique(found[0][layer.id]["z"])) > 2
        seen["free"] += network.schedule.free_running and network.driven
        totals = NetworkEmulator(network, 2).totals(frames, network.rows(6), seed=9)
        expected = record_totals(network, found, network.rows(6))
        for name in totals.layers:
            for field in ("messages", "sizes", "last", "by_row"):
                of, want = totals.layers[name], expected.layers[name]
                np.testing.assert_array_equal(getattr(of, field), getattr(want, field), field)
        np.testing.assert_array_equal(totals.potentials, expected.potentials)
    assert min(n for name, n in seen.items() if name != "free" or "SDNN" in MIXES[mix]) > 0, seen


def test_results_depend_neither_on_tiles_nor_on_threads_and_do_on_the_seed(network_oracle):
    rng = np.random.default_rng(3)
    network = network_oracle.tangled_network(rng, ("POISSON",))
    frames = rng.integers(-300, 301, (70, 1, network.input.size)).astype(np.int32)
    one, two, other = (
        NetworkEmulator(network, threads).totals(frames, 5, seed=seed)
        for threads, seed in ((1, 4), (3, 4), (3, 5))
    )
    np.testing.assert_array_equal(one.outputs, two.outputs)
    assert (one.outputs != other.outputs).any()


def test_limits_are_counted(kinds):
    """As `layer_saturations` counts them in a trace of the same network."""
    from ipvae.network.proof.bounds import layer_saturations
    from ipvae.network.rules.drive import drives

    network = kinds.networks(1)["recurrent + 2 read-outs"]
    frames = network.test_images.astype(np.int32)[:, None]
    totals = NetworkEmulator(as_network(network)).totals(frames, 31, seed=1)
    trace = recording.run(network, network.test_images, 30, 1)
    of_image = drives(network, network.test_images)
    for name, layer in network.layers.items():
        held = {v: trace.stacked(name, v) for v in ("a_in", "u", "z")}
        expected = layer_saturations(layer, held, of_image[name])
        counted = totals.layers[name].limits
        assert list(counted) == list(driven.LIMITS)
        for variable in ("a_in", "z"):
            assert counted[variable] == expected[variable], (name, variable)
    assert totals.layers["1"].limits["u"] > 0
