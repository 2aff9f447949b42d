"""What `ipvae.chip.check` finds, line by line and by hand."""

from dataclasses import replace

import numpy as np
import pytest

from ipvae.chip.check import check
from ipvae.network.layers import GradedLayer


def lines_of(found, rule):
    return [(line.found, line.allowed, line.where) for line in found.lines if line.rule == rule]


def test_lines_of_a_small_network_by_hand(make_network):
    """Three neurons with weights of 2 and -4 receive counts up to 15, and nothing else."""
    network = make_network(
        k=3,
        m=2,
        weight=np.zeros((3, 2), np.int16),
        bias=np.array([7, -9, 0], np.int32),
        weight_rec=np.array([[2, 2, 2], [-4, 2, 0], [0, 0, 0]], np.int8),
        weight_exp=0,
        self_weight=np.zeros(3, np.int32),
        payload_bits=4,
        u_min=-100,
        u_max=50,
        u_init=np.zeros(3, np.int32),
        du_min=-30,
        du_max=20,
    )
    found = check(network)
    assert lines_of(found, "weight_magnitude") == [(4, 128, "layer 1: weight_rec")]
    assert lines_of(found, "payload_bits") == [(4, 16, "layer 1: z")]
    most = 2**23 - 1
    assert lines_of(found, "overflow") == [
        (9, 2**63 - 1, "layer 1: q + bias"),
        (90, most, "layer 1: a_in"),
        (83, most, "layer 1: b - g - own"),  # 7 - 90; -9 - 30 and -9 + 60 are nearer to 0
        (130, most, "layer 1: u + d"),
    ]
    assert found.as_dict()["cores_range"] == [1, 1]
    assert lines_of(found, "neurons_per_core") == [(3, 8192, "layer 1: 3 neurons on 1 core")]
    assert lines_of(found, "cores") == [(1, 120, "layer 1: one chip")]
    assert found.ok and found.overflow_proved


def test_the_fullest_core_is_shown_and_both_numbers_of_cores(make_network):
    """512 neurons on six cores: 86 on two of them, 85 on the others."""
    k = 512
    network = make_network(k=k, m=1, weight_rec=np.zeros((k, k), np.int8))
    found = check(network)
    assert found.cores is not None and (found.cores.low, found.cores.high) == (5, 6)
    shown = found.as_dict()
    assert (shown["cores"], shown["cores_range"]) == (6, [5, 6])
    where = "layer 1: 512 neurons on 5 to 6 cores"
    assert lines_of(found, "neurons_per_core") == [(86, 8192, where)]
    synapses = 512 * 28  # 86 synapses of 20 bits and 32 bits more are 1752 bits
    assert lines_of(found, "synapse_words_per_core") == [(synapses, 16_000, where)]
    shared = 512 + synapses + 86 + 4 * 86 + 1308
    assert lines_of(found, "shared_words_per_core") == [(shared, 20_000, where)]
    assert lines_of(found, "cores") == [(6, 120, "layer 1: one chip")]


@pytest.mark.parametrize(
    ("z_min", "z_max", "bits"),
    [
        (0, 255, 8),
        (0, 256, 9),
        (-1, 0, 1),
        (-128, 127, 8),
        (-129, 127, 9),
        (-128, 128, 9),
        (-(2**15), 2**15 - 1, 16),
        (0, 2**16, 17),
        (-(2**15) - 1, 0, 17),
    ],
)
def test_bits_of_graded_messages_and_the_widest_that_are_allowed(make_network, z_min, z_max, bits):
    base = make_network(k=2, m=1)
    layer = GradedLayer(
        weight=np.ones((2, 1), np.int16),
        bias=np.zeros(2, np.int32),
        source=0,
        z_min=z_min,
        z_max=z_max,
    )
    found = check(replace(base, layer=layer))
    assert lines_of(found, "payload_bits") == [(bits, 16, "layer 1: z")]
    assert [line.rule for line in found.violations] == (["payload_bits"] if bits > 16 else [])
    assert found.ok == (bits <= 16)


def test_cores_of_several_layers_are_added(kinds):
    found = check(kinds.networks(0)["errors + 2 read-outs"])
    assert found.cores is not None and (found.cores.low, found.cores.high) == (4, 4)
    assert lines_of(found, "cores") == [(4, 120, "layers 1 to 4: one chip")]
    # -100..90, counts below 16, -128..127 and 16 bits
    assert [line[0] for line in lines_of(found, "payload_bits")] == [8, 4, 8, 16]


def test_a_layer_that_fits_no_core_has_no_number_of_cores(make_network):
    k = 1
    base = make_network(k=k, m=1)
    presynaptic = 20_000
    hidden = GradedLayer(
        weight=np.ones((presynaptic, 1), np.int16),
        bias=np.zeros(presynaptic, np.int32),
        source=0,
        z_min=0,
        z_max=1,
    )
    code = replace(
        base.layer,
        weight=None,
        weight_rec=np.zeros((k, presynaptic), np.int8),
        memory=False,
        self_weight=np.zeros(k, np.int32),
        source=1,
    )
    found = check(replace(base, hidden=(hidden,), layer=code))
    assert (found.cores, found.as_dict()["cores"], found.as_dict()["cores_range"]) == (None,) * 3
    assert found.violations[-1].where == "layer 2: one neuron and its 20000 synapses"
