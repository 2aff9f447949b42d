"""Histograms of a run: every value is in one bin, clips are the layer's."""

import json
from dataclasses import replace

import numpy as np
import pytest

from ipvae.emulator import Emulator
from ipvae.evaluation.histograms import BINS, _potentials, _rates, _weights, histograms
from ipvae.network.layers import GradedLayer, PoissonLayer
from ipvae.network.rules.neuron_step import graded_output


def ran(network, steps=7):
    return Emulator(network).totals(network.test_images, steps, 3)


@pytest.fixture
def network(kinds, request):
    return kinds.networks(3)[request.param]


KINDS = ("recurrent, 16 bits", "errors + 2 read-outs", "lca", "feed-forward, ceiling")


@pytest.mark.parametrize("network", KINDS, indirect=True)
def test_every_value_is_in_one_bin(network):
    totals = ran(network)
    found = histograms(network, totals)
    code = totals.layers[network.code]
    assert sum(found["potentials"]["counts"]) == code.u.size
    assert sum(found["rates"]["counts"]) + found["rates"]["silent"] == network.n_neurons
    assert found["rates"]["silent"] == (code.messages == 0).sum()
    for name, layer in network.layers.items():
        if layer.weight_rec is None:
            assert f"weights {name}" not in found
            continue
        bins = found[f"weights {name}"]
        assert sum(bins["counts"]) == layer.weight_rec.size
        assert len(bins["counts"]) <= BINS
    for bins in found.values():
        assert len(bins["edges"]) == len(bins["counts"]) + 1
        assert (np.diff(bins["edges"]) > 0).all()
    assert json.loads(json.dumps(found)) == found


def test_potentials_that_are_all_the_same_span_one_step(kinds):
    """Without a given width: from the potential to the next integer, whole in one bin."""
    network = kinds.networks(3)["lca"]
    layer = network.layers[network.code]
    assert isinstance(layer, GradedLayer)
    found = _potentials(layer, np.full((2, network.n_neurons), 5))
    step = 2.0**-layer.shift
    assert [found["edges"][0], found["edges"][-1]] == [5 * step, 6 * step]
    assert found["counts"] == [2 * network.n_neurons, *[0] * (BINS - 1)]


def test_clips_are_those_of_the_layer(make_network):
    network = make_network()
    layer = network.layer
    assert isinstance(layer, PoissonLayer)
    totals = ran(network)
    found = histograms(network, totals)
    u, unit = totals.layers["1"].u, 2.0**-layer.frac_bits
    assert found["potentials"]["clips"] == [layer.u_min * unit, layer.u_max * unit]
    assert found["potentials"]["at_clips"] == [
        (u == layer.u_min).sum(),
        (u == layer.u_max).sum(),
    ]
    assert found["rates"]["clips"] == [0.0, layer.count_max]


@pytest.mark.parametrize("z_min", [-3, 0])
@pytest.mark.parametrize("network", ["lca"], indirect=True)
def test_clips_of_graded_neurons_are_where_the_largest_messages_begin(network, z_min):
    layer = replace(network.layer, z_min=z_min, z_max=4)
    assert isinstance(layer, GradedLayer) and layer.threshold > 0 and layer.shift > 1
    half = 1 << (layer.shift - 1)
    high = layer.threshold + (4 << layer.shift) - half
    low = -layer.threshold - (2 << layer.shift) - half - 1
    u = np.concatenate([np.arange(-9000, 9000, 7), high + np.arange(-1, 2), low + np.arange(-1, 2)])
    found = _potentials(layer, u[None])
    z = graded_output(layer, u)
    unit = 2.0**-layer.shift
    assert 0 < (z == 4).sum() < len(z) / 2
    assert found["clips"] == [low * unit if z_min else None, high * unit]
    assert found["at_clips"] == [(z == z_min).sum() if z_min else None, (z == 4).sum()]


@pytest.mark.parametrize("network", ["lca"], indirect=True)
def test_neurons_at_a_clip_are_those_that_send_the_largest_message(network):
    totals = ran(network)
    code, layer = totals.layers[network.code], network.layer
    found = histograms(network, totals)["potentials"]["at_clips"]
    assert found == [(code.z == layer.z_min).sum(), (code.z == layer.z_max).sum()]


def test_bins_of_weights_hold_whole_numbers(make_network):
    weights = np.zeros((3, 3), np.int8)
    weights[0] = [-2, 5, 5]
    network = make_network(k=3, weight_rec=weights)
    bins = histograms(network, ran(network))["weights 1"]
    assert bins["edges"] == [n - 0.5 for n in range(-2, 7)]
    assert bins["counts"] == [1, 0, 6, 0, 0, 0, 0, 2]


def in_bins(values, edges):
    """Counts of bins that hold their lower edge; the last holds its upper one as well."""
    counts = [0] * (len(edges) - 1)
    for value in values:
        inside = [i for i, edge in enumerate(edges) if edge <= value]
        counts[min(inside[-1], len(counts) - 1)] += 1
    return counts


def test_potentials_and_rates_by_hand(make_network):
    """64 bins: equal ones between the clips, equal factors from 2^-10 a step to the largest."""
    network = make_network(payload_bits=3, u_init=np.linspace(-30000, 8000, 16).astype(np.int32))
    layer, totals = network.layer, ran(network)
    found, code = histograms(network, totals), totals.layers["1"]
    low, high = layer.u_min / 4096, layer.u_max / 4096
    potentials = found["potentials"]
    wanted = [low + (high - low) * i / 64 for i in range(65)]
    assert potentials["edges"] == pytest.approx(wanted)
    values = (code.u.reshape(-1) / 4096).tolist()
    assert potentials["counts"] == in_bins(values, potentials["edges"])
    assert potentials["unit"] == "octaves (log2 of the rate)"
    rates, edges = found["rates"], [2**-10 * (7 * 2**10) ** (i / 64) for i in range(65)]
    assert rates["edges"] == pytest.approx(edges)
    rows = len(network.test_images) * 8  # of 7 updates
    sent = [size / rows for size in code.sizes.tolist()]
    presynaptic = [max(rate, rates["edges"][0]) for rate in sent if rate > 0]
    assert rates["counts"] == in_bins(presynaptic, rates["edges"])
    assert rates["silent"] == rates["at_clips"][0] == sum(rate == 0 for rate in sent)
    assert rates["at_clips"][1] == sum(rate >= 7 for rate in sent)
    assert rates["clips"] == [0.0, 7.0]


@pytest.mark.parametrize(
    ("low", "high", "width", "bins"),
    [(-128, 127, 4, 64), (0, 63, 1, 64), (0, 64, 2, 33), (-3, -3, 1, 1), (-60, 70, 3, 44)],
)
def test_bins_of_weights_are_as_narrow_as_64_of_them_allow(low, high, width, bins):
    weights = np.array([[low, high, low + (high - low) // 2]], np.int8)
    found = _weights(weights)
    assert found["edges"] == [low - 0.5 + width * i for i in range(bins + 1)]
    assert found["counts"] == in_bins(weights[0].tolist(), found["edges"])
    assert found["unit"] == "integer weight"


@pytest.mark.parametrize("network", ["errors, graded code"], indirect=True)
def test_potentials_that_are_all_alike_fill_a_bin_of_one_step(network):
    """Graded neurons have no clips: bins go from the least to the largest there is."""
    unit = 2.0**-network.layer.shift
    found = _potentials(network.layer, np.full((2, 7), 40))
    assert (found["edges"][0], found["edges"][-1]) == (40 * unit, 41 * unit)
    assert found["counts"] == [14] + [0] * 63
    assert found["unit"] == "steps of what is sent"
    found = _potentials(network.layer, np.array([[40, 44]]))
    assert (found["edges"][0], found["edges"][-1]) == (40 * unit, 44 * unit)
    assert found["counts"] == [1] + [0] * 62 + [1]


@pytest.mark.parametrize(("low", "high", "most"), [(-9, 3, 9.0), (-3, 9, 9.0), (0, 5, 5.0)])
def test_the_largest_size_of_a_message_is_the_further_end(low, high, most):
    layer = GradedLayer(
        bias=np.zeros(1, np.int32),
        weight=np.zeros((1, 1), np.int16),
        source=0,
        z_min=low,
        z_max=high,
    )
    found = _rates(layer, np.array([0.0, most]))
    assert found["clips"] == [0.0, most] and found["at_clips"] == [1, 1]
