"""The memory model against rows of published compiler logs.

The rows are from notebooks of lava-dl, tutorials/lava/lib/dl/netx: mnist/run.ipynb,
oxford/run.ipynb, pilotnet_sdnn/benchmark.ipynb, pilotnet_snn/benchmark.ipynb.
"""

import re
from pathlib import Path

import pytest

from ipvae.chip import limits
from ipvae.chip.core_memory import (
    CONSERVATIVE,
    OPTIMISTIC,
    READINGS,
    LayerShape,
    MemoryModel,
    core_lines,
    core_words,
    dense_words,
    error_unit_shapes,
    layer_shapes,
    least_cores,
    most_neurons,
    recurrent_shape,
)

DENSE_ROWS = {  # source neurons, neurons on the core, words of synapses, bits that give them
    "PilotNet SDNN, before the split": (2560, 100, 66_560, 16),
    "PilotNet SNN, before the split": (2560, 100, 61_440, 15),
    "PilotNet SNN, second": (100, 50, 1_300, 15),
    "PilotNet SDNN, third": (50, 10, 150, 16),
    "Oxford, first, before the split": (200, 256, 16_200, 20),
    "Oxford, second, before the split": (256, 200, 16_128, 20),
    "MNIST, first": (784, 50, 12_544, 19),
    "MNIST, second": (128, 64, 2_688, 20),
    "MNIST, third": (64, 10, 256, 20),
}


def dense_layer(neurons, fan_in):
    return LayerShape("1", neurons, fan_in, "0", state_words=1, draws=False, receiving_layers=1)


@pytest.mark.parametrize("row", DENSE_ROWS)
def test_published_rows_are_met_and_lie_between_the_readings(row):
    n_in, n_out, words, bits = DENSE_ROWS[row]
    assert dense_words(n_in, n_out, bits) == words
    low, high = (dense_words(n_in, n_out, r.synapse_bits(n_out)) for r in READINGS)
    assert low <= words <= high


@pytest.mark.parametrize("bits", [15, 16])
def test_published_split_of_pilotnet_is_met(bits):
    """100 neurons on 12 cores: 11 of 9 and one of 1, 7,253 words on average."""
    words = 11 * dense_words(2560, 9, bits) + dense_words(2560, 1, bits)
    assert words // 12 == 7_253


@pytest.mark.parametrize(
    ("row", "total"), [("MNIST, first", 67.14), ("MNIST, second", 14.72), ("MNIST, third", 1.71)]
)
def test_published_totals_are_parts_of_one_shared_pool(row, total):
    n_in, n_out, words, bits = DENSE_ROWS[row]
    found = core_words(dense_layer(n_out, n_in), n_out, MemoryModel("of the log", bits - 8, 0))
    assert (found["axon_in_words_per_core"], found["axon_map_words_per_core"]) == (n_in, n_out)
    assert found["synapse_words_per_core"] == words
    share = 100 * found["shared_words_per_core"] / limits.CORE_SHARED_WORDS
    assert share == pytest.approx(total, abs=0.011)


@pytest.mark.parametrize(
    ("k", "low", "high"),
    [
        (128, 1, 1),
        (256, 2, 2),
        (512, 5, 6),
        (784, 10, 13),
        (1024, 17, 23),
        (1536, 36, 52),
        (2048, 67, 103),
    ],
)
def test_cores_of_a_recurrent_layer(k, low, high):
    (shape,) = recurrent_shape(k)
    assert [least_cores(shape, reading) for reading in READINGS] == [low, high]


def test_one_neuron_that_does_not_fit_names_the_limit():
    (shape,) = recurrent_shape(20_000)
    found = least_cores(shape, CONSERVATIVE)
    assert isinstance(found, limits.LimitCheck)
    assert (found.rule, found.allowed) == ("shared_words_per_core", 20_000)
    assert found.found == 20_000 + 20_000 + 1 + 4 + 1308
    assert "20000 synapses" in found.where


@pytest.mark.parametrize("reading", READINGS)
@pytest.mark.parametrize("k", [1, 77, 512, 3000, 9000])
def test_a_core_holds_its_most_neurons_and_not_one_more(k, reading):
    (shape,) = recurrent_shape(k)
    most = most_neurons(shape, reading)
    assert all(line.holds for line in core_lines(shape, most, reading, ""))
    if most < k:
        assert not all(line.holds for line in core_lines(shape, most + 1, reading, ""))


def test_neurons_without_synapses_are_bound_by_their_state():
    shape = LayerShape("1", 5000, 0, "0", limits.NEURON_STATE_WORDS, draws=True, receiving_layers=0)
    assert most_neurons(shape, OPTIMISTIC) == 4095 // 4
    broken = core_lines(shape, 1024, OPTIMISTIC, "")
    assert [line.rule for line in broken if not line.holds] == ["neuron_words_per_core"]


def test_shapes_of_every_kind_follow_the_network(kinds, network_kind):
    network = kinds.networks(0)[network_kind]
    shapes = layer_shapes(network)
    assert [s.neurons for s in shapes] == [la.n_neurons for la in network.layers.values()]
    for shape in shapes:
        weights = network.layers[shape.name].weight_rec
        assert shape.fan_in == (0 if weights is None else weights.shape[1])
        assert (shape.source == "0") == (shape.fan_in == 0)
    assert sum(s.receiving_layers for s in shapes) == sum(s.fan_in > 0 for s in shapes)
    assert [s.name for s in shapes if s.draws] == ([network.code] if network.draws else [])


def test_shapes_of_both_layouts_are_those_of_real_networks(make_network, kinds):
    assert layer_shapes(make_network(k=16)) == recurrent_shape(16)
    network = kinds.networks(0)["errors"]
    assert layer_shapes(network) == error_unit_shapes(network.n_neurons, network.n_pixels)


def test_table_of_the_sampler_is_as_large_as_documented():
    text = (Path(__file__).resolve().parents[2] / "docs" / "spec" / "neuron_cost.md").read_text()
    (found,) = re.findall(r"([\d,]+) bytes per core", text)
    assert int(found.replace(",", "")) == limits.DRAW_TABLE_BYTES
    assert CONSERVATIVE.table_words * 8 >= limits.DRAW_TABLE_BYTES


@pytest.mark.parametrize(("receiving_layers", "axon_map"), [(0, 40), (1, 40), (2, 80), (3, 120)])
@pytest.mark.parametrize(("draws", "state"), [(False, 40), (True, 160)])
def test_words_of_a_core_are_those_of_its_tables_added_up(receiving_layers, axon_map, draws, state):
    """Messages that no layer receives are sent too: a word of the axon map for each neuron."""
    state_words = limits.NEURON_STATE_WORDS if draws else limits.GRADED_STATE_WORDS
    shape = LayerShape("2", 99, 64, "1", state_words, draws, receiving_layers)
    for reading, bits, table in ((OPTIMISTIC, 8 + 6, 0), (CONSERVATIVE, 8 + 12, 1308)):
        synapses = 64 * -(-(40 * bits + 32) // 64)
        assert core_words(shape, 40, reading) == {
            "axon_in_words_per_core": 64,
            "synapse_words_per_core": synapses,
            "axon_map_words_per_core": axon_map,
            "axon_mem_words_per_core": 0,
            "neuron_words_per_core": state,
            "shared_words_per_core": 64 + synapses + axon_map + state + table * draws,
            "neurons_per_core": 40,
            "neuron_groups_per_core": 1,
        }
        lines = core_lines(shape, 40, reading, "here")
        allowed = [16_000, 16_000, 16_000, 16_000, 4_095, 20_000, 8_192, 8]
        assert [line.allowed for line in lines] == allowed
        assert [line.found for line in lines] == list(core_words(shape, 40, reading).values())
        assert {line.where for line in lines} == {"here"}


@pytest.mark.parametrize(("neurons", "bits"), [(1, 9), (3, 10), (4, 11), (127, 15), (128, 16)])
def test_target_indices_of_the_tight_reading_have_the_bits_of_the_neurons(neurons, bits):
    """0 to n are n + 1 values."""
    assert OPTIMISTIC.synapse_bits(neurons) == bits
    assert CONSERVATIVE.synapse_bits(neurons) == 20


def test_shapes_and_words_of_read_outs_by_hand(kinds):
    """7 neurons with recurrent weights, received by 6 pixels and 3 classes, in one core each."""
    code, picture, classes = layer_shapes(kinds.networks(0)["recurrent + 2 read-outs"])
    assert code == LayerShape("1", 7, 7, "1", 4, True, 3)
    assert picture == LayerShape("2", 6, 7, "1", 1, False, 0)
    assert classes == LayerShape("3", 3, 7, "1", 1, False, 0)
    shared = [
        core_words(s, s.neurons, CONSERVATIVE)["shared_words_per_core"]
        for s in (code, picture, classes)
    ]
    assert shared == [
        7 + 7 * 3 + 7 * 3 + 7 * 4 + 1308,
        7 + 7 * 3 + 6 + 6,
        7 + 7 * 2 + 3 + 3,
    ]


def test_the_limit_that_is_exceeded_most_and_the_least_cores():
    """For a layer that fits no core, the limit exceeded most is reported."""
    shape = LayerShape("3", 10, 40_000, "2", 1, draws=False, receiving_layers=1)
    line = least_cores(shape, OPTIMISTIC)
    assert isinstance(line, limits.LimitCheck) and not line.holds
    # 40,000 axons and as many words of synapses: 80,002 of 20,000 is the largest part.
    assert (line.rule, line.found) == ("shared_words_per_core", 40_000 + 40_000 + 1 + 1)
    assert line.share == pytest.approx(80_002 / 20_000)
    small = LayerShape("3", 10, 4, "2", 1, draws=False, receiving_layers=1)
    assert (most_neurons(small, OPTIMISTIC), least_cores(small, OPTIMISTIC)) == (10, 1)
