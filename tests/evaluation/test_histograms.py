"""Histograms of a run: every value is in one bin, clips are the layer's."""

import json
from dataclasses import replace

import numpy as np
import pytest

from ipvae.emulator import Emulator
from ipvae.evaluation.histograms import BINS, _potentials, histograms
from ipvae.network.layers import GradedLayer, PoissonLayer
from ipvae.network.neurons import graded_output


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
