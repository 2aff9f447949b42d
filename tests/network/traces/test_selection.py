"""A record chooses variables, layers, neurons and every n-th step; files keep the choice."""

import h5py
import numpy as np
import pytest

from ipvae.emulator import recording
from ipvae.errors import FormatError, InputError
from ipvae.network.traces.replay import read_draws
from ipvae.network.traces.selection import EVERYTHING, Record
from ipvae.network.traces.trace import compare, read_trace, write_trace

STEPS = 11
CHOICES = [
    Record(every=4),
    Record(variables=("z",)),
    Record(("u", "a_in"), every=3, neurons={"2": (0, 3, 6)}),
    Record(layers=("3",)),
    Record(("z",), every=100, neurons={"1": (5,), "3": (1, 2)}, layers=("1", "3")),
]


@pytest.fixture
def network(kinds):
    return kinds.networks(3)["errors + 2 read-outs"]


@pytest.fixture
def whole(network):
    return recording.run(network, network.test_images, STEPS, 2)


@pytest.mark.parametrize("record", CHOICES, ids=range(len(CHOICES)))
def test_a_record_is_the_whole_trace_thinned_out(tmp_path, network, whole, record, select):
    found = recording.run(network, network.test_images, STEPS, 2, record=record)
    layers = record.layers or tuple(network.layers)
    assert tuple(found.samples[1]) == layers
    for name in layers:
        rows = slice(0, STEPS + 1, record.every)
        columns = record.neurons.get(name, range(network.layers[name].n_neurons))
        assert set(found.samples[1][name]) == set(record.variables)
        for variable in record.variables:
            expected = whole.stacked(name, variable)[:, rows][:, :, list(columns)]
            np.testing.assert_array_equal(found.stacked(name, variable), expected)
    assert found.steps == STEPS // record.every * record.every
    assert compare(select(whole, record), found).first_divergence is None
    write_trace(tmp_path / "trace.h5", found)
    back = read_trace(tmp_path / "trace.h5")
    comparison = compare(found, back)
    assert comparison.first_divergence is None
    assert comparison.compared_values == sum(
        v.size for sample in found.samples for layer in sample.values() for v in layer.values()
    )
    assert (back.every, back.complete) == (record.every, found.complete)


def test_everything_is_everything(network, whole, select):
    assert whole.complete
    assert compare(whole, select(whole, EVERYTHING)).first_divergence is None


def test_a_divergence_is_named_by_step_and_neuron(network, whole, select):
    record = Record(every=4, neurons={"2": (1, 5)})
    one, other = select(whole, record), select(whole, record)
    changed = other.samples[1]["2"]["u"].copy()
    changed[2, 1] += 1
    other.samples[1]["2"]["u"] = changed
    found = compare(one, other).first_divergence
    assert found is not None
    assert (found["sample"], found["step"], found["index"]) == (1, 8, 5)


@pytest.mark.parametrize("other", [Record(every=5), Record(every=4), Record(neurons={"2": (1, 3)})])
def test_traces_of_other_choices_are_not_compared(whole, other, select):
    one = select(whole, Record(every=4, neurons={"2": (1, 2)}))
    with pytest.raises(InputError, match="other steps or neurons; record both"):
        compare(one, select(whole, other))


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (Record(("u", "v")), "variables u, v, allowed one or more of a_in, u, z"),
        (Record(()), "variables none, allowed"),
        (Record(("u", "u")), "each once"),
        (Record(every=0), "every 0 steps, allowed 1 to 524287"),
        (Record(every=10**23), "every 10{23} steps, allowed 1 to 524287"),
        (Record(layers=()), "no layers"),
        (Record(layers=("1", "7")), "layer 7, allowed 1, 2, 3, 4"),
        (Record(neurons={"9": (1,)}), "layer 9, allowed 1, 2, 3, 4"),
        (Record(neurons={"2": ()}), "neurons of layer 2: allowed are one or more"),
        (Record(neurons={"2": (3, 3)}), "increasing from 0"),
        (Record(neurons={"2": (-1, 3)}), "increasing from 0"),
        (Record(neurons={"2": (1, 7)}), "neuron 7 of layer 2, allowed 0 to 6"),
        (Record(neurons={"2": (1,)}, layers=("1",)), "not among the layers 1; add it"),
    ],
)
def test_what_does_not_exist_cannot_be_recorded(network, record, message):
    with pytest.raises(InputError, match=message):
        recording.run(network, network.test_images, 3, 0, record=record)


def test_a_part_cannot_be_replayed(tmp_path, network, whole, select):
    for record in (Record(every=2), Record(neurons={"2": (0, 1)})):
        write_trace(tmp_path / "part.h5", select(whole, record))
        with pytest.raises(InputError, match="chosen steps or neurons; a replay needs"):
            read_draws(tmp_path / "part.h5", network, 1, 2)


def attribute(value):
    def damage(f):
        del f.attrs["every"]
        f.attrs["every"] = value

    return damage


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (attribute(0), "attribute every is 0, allowed 1 and above"),
        (attribute("2"), "attribute every is 2, allowed 1 and above"),
        (attribute(5), "every 5th of them"),
        (lambda f: f.attrs.create("hold", 0), "attribute hold is 0, allowed 1 and above"),
        (lambda f: f.move("neurons/2", "neurons/1"), "has 6 neurons, /neurons/1 names 2"),
        (lambda f: f.create_dataset("neurons/3", data=np.zeros((1, 1), "i4")), "allowed int32"),
        (lambda f: f.create_dataset("neurons/3", data=np.zeros(2, "i8")), "allowed int32"),
    ],
)
def test_a_damaged_choice_is_refused(tmp_path, whole, damage, message, select):
    path = tmp_path / "trace.h5"
    write_trace(path, select(whole, Record(every=2, neurons={"2": (0, 1)})))
    with h5py.File(path, "r+") as f:
        damage(f)
    with pytest.raises(FormatError, match=message):
        read_trace(path)
