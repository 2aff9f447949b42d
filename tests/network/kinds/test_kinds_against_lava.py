"""Programs of CUBA and sigma-delta neurons equal Lava's own CPU models, executed without processes.

`run_spk` of Lava's models runs as it is; its ports are replaced by two that hold an array.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ipvae.lava_procs.importing import import_lava
from ipvae.network.kinds.base import NeuronKind
from ipvae.network.kinds.cuba import ACCUMULATOR, CubaNeuron
from ipvae.network.kinds.integers import Neurons
from ipvae.network.kinds.sigma_delta import DeltaNeuron, SigmaDeltaNeuron, SigmaNeuron

pytestmark = pytest.mark.lava()

ROOT = Path(__file__).resolve().parents[3]
ROWS = 60
TOP = 2**23
LAVAS = {"current": "u", "voltage": "v", "sigma": "sigma", "residue": "residue"}
LAVAS |= {"reference": "act"}
"""Lava's names of variables."""


class Port:
    """Port of a model that holds one array."""

    def recv(self):
        return self.held

    def send(self, values):
        self.held = np.asarray(values)


def made(model: Any, **parameters):
    """A model without a process."""
    return model(parameters)


class Model:
    """Lava's model of a kind.

    Parameters
    ----------
    kind : NeuronKind
    bias : (n,) int array
    """

    def __init__(self, kind, bias):
        import_lava()
        from lava.proc.lif.models import PyLifModelBitAcc
        from lava.proc.sdn.models import (
            PyDeltaModelFixed,
            PySigmaDeltaModelFixed,
            PySigmaModelFixed,
        )
        from lava.proc.sdn.process import ActivationMode

        n = len(bias)
        self.kind, self.a_in, self.s_out = kind, Port(), Port()
        given = {name: np.zeros(n, np.int32) for name in ("u", "v", "sigma", "act", "residue")}
        given |= {"error": np.zeros(n, np.int32), "cum_error": np.zeros(1, bool)}
        if isinstance(kind, CubaNeuron):
            self.model = made(PyLifModelBitAcc)
            given |= {"du": kind.current_decay - 1, "dv": kind.voltage_decay, "vth": kind.threshold}
            given |= {"bias_mant": bias.astype(np.int16), "bias_exp": np.array([6], np.int16)}
        elif isinstance(kind, SigmaNeuron):
            self.model = made(PySigmaModelFixed)
        else:
            given |= {name: np.array([6], np.int32) for name in ("spike_exp", "state_exp")}
            given |= {"vth": np.array([kind.threshold << 12], np.int32)}
            given |= {"bias": (bias << 12).astype(np.int32)}
            if isinstance(kind, DeltaNeuron):
                self.model = made(PyDeltaModelFixed)
            else:
                relu = kind.activation == "relu"
                mode = ActivationMode.RELU if relu else ActivationMode.UNIT
                self.model = made(PySigmaDeltaModelFixed, act_mode=mode)
        self.model.__dict__.update(given, a_in=self.a_in, s_out=self.s_out)

    def set(self, states):
        for name, values in states.items():
            self.model.__dict__[LAVAS[name]] = values.astype(np.int32)

    def step(self, a_in):
        self.a_in.held = a_in.astype(np.int32)
        self.model.run_spk()
        return self.s_out.held.astype(np.int64)

    def state(self, name):
        return self.model.__dict__[LAVAS[name]]


def assert_equal_to_lava(kind: NeuronKind, a_in, bias=None, states=None):
    """Run Lava's model and the program; equal in every variable at every row.

    Parameters
    ----------
    a_in : (rows, n) int array
    bias : (n,) int array, mantissas
    states : dict of str -> (n,) int array
        First states; 0 where absent.

    Returns
    -------
    dict of str -> (rows, n) int64
        Every variable, and everything that the program writes.
    """
    n = a_in.shape[1]
    bias = np.zeros(n, np.int32) if bias is None else bias
    states = {} if states is None else states
    model, record = Model(kind, bias), []
    values = {**kind.constants(), **kind.neuron_constants(bias), **states}
    neurons = Neurons(kind.program(), n, values)
    model.set(states)
    for row, given in enumerate(a_in):
        sent = neurons.step(given)
        np.testing.assert_array_equal(model.step(given), sent, f"z at row {row}")
        for name in kind.states:
            found = neurons.values[name]
            np.testing.assert_array_equal(model.state(name), found, f"{name} at row {row}")
        record.append(dict(neurons.values))
    return {name: np.stack([row[name] for row in record]) for name in record[0]}


def magnitudes(rng, largest, shape):
    """Integers of either sign whose number of binary digits is random."""
    reach = rng.integers(0, largest.bit_length() + 1, shape)
    return rng.choice([-1, 1], shape) * np.minimum(rng.integers(0, 1 << reach), largest)


CUBAS = [
    CubaNeuron(64, 1024, 128),
    CubaNeuron(0, 0, 0),
    CubaNeuron(0, 4096, 4096),
    CubaNeuron(2000, 4095, 1),
    CubaNeuron(2**17 - 1, 1, 4095),
    CubaNeuron(2**17, 0, 64),
    CubaNeuron(2**18, 700, 0),
    ACCUMULATOR,
]


@pytest.mark.parametrize("kind", CUBAS, ids=CubaNeuron.text)
@pytest.mark.parametrize("reach", [2**8, 2**13, 2**18, 2**20])
def test_cuba_of_random_input_equals_lava(rng, kind, reach):
    bias = rng.integers(-4096, 4096, 300)
    bias[:100] = 0
    found = assert_equal_to_lava(kind, magnitudes(rng, reach, (ROWS, 300)), bias)
    if reach >= 2**18:
        assert (found["current_sum"] > TOP).any() and (found["current_sum"] <= -TOP).any()
        assert np.abs(found["voltage"]).max() == TOP - 1 or kind.threshold < 2**17 - 1
    if kind.threshold < 2**17 - 1:
        assert found["z"].any() and not found["z"].all()


def edges(*around):
    return np.array(sorted({value + near for value in around for near in (-2, -1, 0, 1, 2)}))


@pytest.mark.parametrize("current_decay", [0, 1, 2048, 4095, 4096])
@pytest.mark.parametrize("voltage_decay", [0, 1, 2048, 4095, 4096])
def test_cuba_at_the_edges_of_its_words_equals_lava(current_decay, voltage_decay):
    """All pairs of edges of current and voltage: wraps, clips and rounding of negative numbers."""
    at_top = edges(0, 64 - TOP, TOP - 64, 4096, -4096, 2 - TOP, TOP - 2)
    current, voltage = (grid.ravel() for grid in np.meshgrid(at_top, at_top))
    states = {"current": np.minimum(current, TOP), "voltage": voltage}
    states["voltage"] = voltage.clip(1 - TOP, TOP - 1)
    a_in = np.array([[-1], [0], [1], [-(2**18)], [2**18]]) + np.zeros(len(current), np.int64)
    kind = CubaNeuron(0, current_decay, voltage_decay)
    found = assert_equal_to_lava(kind, a_in, states=states)
    if current_decay == voltage_decay == 0:
        assert {TOP, TOP + 1, -TOP, 1 - TOP} <= set(found["current_sum"].ravel().tolist())


@pytest.mark.parametrize("threshold", [0, 1, 64, 2**17 - 1, 2**17, 2**18])
def test_cuba_spikes_above_its_threshold_and_not_at_it(threshold):
    voltage = edges(threshold << 6).clip(1 - TOP, TOP - 1)
    found = assert_equal_to_lava(
        CubaNeuron(threshold, 4096, 0), np.zeros((1, len(voltage))), states={"voltage": voltage}
    )
    assert found["z"][0].tolist() == (voltage > threshold << 6).tolist()
    assert found["z"].any() == (threshold < 2**17)


def test_decay_of_negative_states_rounds_toward_zero():
    kind = CubaNeuron(2**18, 4095, 4095)
    states = {name: np.array([-4097, -4096, -4095, 4095, 4097]) for name in kind.states}
    found = assert_equal_to_lava(kind, np.zeros((1, 5)), states=states)
    assert found["current"].tolist() == [[-1, -1, 0, 0, 1]]


def test_a_current_far_past_its_end_wraps_once_as_in_lava():
    """Beyond |a_in| = 2^18 Lava's current leaves 24 bits: a network's proof names it."""
    a_in = np.array([[2**18, -(2**18), 2**18 + 1, 2**20], [2**18, -(2**18), 2**18, 2**20]])
    states = {"current": np.array([TOP, 1 - TOP, TOP, 0]), "voltage": np.zeros(4, np.int64)}
    found = assert_equal_to_lava(CubaNeuron(2**18, 0, 0), a_in, states=states)
    assert found["current"][:, :2].max() <= TOP and found["current"][:, :2].min() > -TOP
    assert found["current"][0, 2:].tolist() == [TOP + 64, 2**26 - 2**24]


SIGMA_DELTAS = [
    DeltaNeuron(0),
    DeltaNeuron(3),
    DeltaNeuron(2047),
    SigmaDeltaNeuron(0),
    SigmaDeltaNeuron(2),
    SigmaDeltaNeuron(2, "identity"),
    SigmaDeltaNeuron(2047),
    SigmaNeuron(),
]


@pytest.mark.parametrize("kind", SIGMA_DELTAS, ids=lambda kind: kind.text())
@pytest.mark.parametrize("reach", [4, 2000, 2**24, 2**31 - 1])
def test_sigma_delta_of_random_input_equals_lava(rng, kind, reach):
    a_in = magnitudes(rng, reach, (ROWS, 300))
    found = assert_equal_to_lava(kind, a_in, rng.integers(-2047, 2048, 300))
    if reach == 2**31 - 1:
        highest = max(np.abs(found[name]).max() for name in kind.states)
        assert highest > 2**30
    if "residue" in kind.states and kind.threshold == 2 and reach == 2000:
        assert found["residue"].any() and found["z"].any()


def test_residues_add_up_to_the_threshold_and_are_lost_below_a_message():
    """Changes of 2^12 - 1 at a threshold of 2^13: two are kept, with the third they are sent."""
    a_in = np.full((4, 1), 4095)
    found = assert_equal_to_lava(SigmaDeltaNeuron(2), a_in)
    assert found["residue"].ravel().tolist() == [4095, 8190, 0, 4095]
    assert found["z"].ravel().tolist() == [0, 0, 12285 >> 6, 0]
    assert 12285 % 64


@pytest.mark.parametrize(("change", "sent"), [(8191, 0), (8192, 128), (8193, 128)])
@pytest.mark.parametrize("sign", [-1, 1])
def test_a_change_equal_to_the_threshold_is_sent(change, sent, sign):
    kind = SigmaDeltaNeuron(2, "identity")
    found = assert_equal_to_lava(kind, np.array([[sign * change]]))
    assert found["z"].item() == (sign * change >> 6 if sent else 0)


def test_sums_of_32_bits_wrap_as_in_lava():
    """The most negative number has no magnitude in 32 bits, so it is never sent."""
    ends = edges(2**31 - 3, 3 - 2**31, 2**30, -(2**30), 0)
    sigma, reference = (grid.ravel() for grid in np.meshgrid(ends, ends))
    for activation in ("relu", "identity"):
        states = {"sigma": sigma, "reference": reference, "residue": sigma[::-1].copy()}
        a_in = np.array([[1], [-1], [2**31 - 1], [-(2**31)]]) + np.zeros(len(sigma), np.int64)
        found = assert_equal_to_lava(SigmaDeltaNeuron(0, activation), a_in, states=states)
        smallest = found["delta"] == -(2**31)
        assert smallest.any() and not found["z"][smallest].any()
    assert_equal_to_lava(SigmaNeuron(), a_in, states={"sigma": sigma})
    states = {"reference": reference, "residue": sigma}
    assert_equal_to_lava(DeltaNeuron(0), np.stack([sigma, reference]), states=states)


VECTORS = {
    "cuba_neuron": CubaNeuron(0, 0, 0),
    "delta_neuron": DeltaNeuron(0),
    "sigma_delta_neuron": SigmaDeltaNeuron(0),
    "sigma_neuron": SigmaNeuron(),
}


@pytest.mark.parametrize("name", VECTORS)
def test_lava_gives_the_vectors_of_the_specification(name):
    """Constants of each vector are set as arrays, in the unit that Lava's variable has."""
    kind = VECTORS[name]
    spec = json.loads((ROOT / "docs" / "loihi2" / f"{name}.json").read_text())
    vectors = [v for v in spec["vectors"] if v["given"].get("relu_on", 1)]
    assert len(vectors) > 30
    given = {
        key: np.array([{**spec["usual"], **v["given"]}[key] for v in vectors])
        for key in spec["usual"]
    }
    bits = 6 if isinstance(kind, CubaNeuron) else 12
    model = Model(kind, given.get("bias", np.zeros(len(vectors), np.int64)) >> bits)
    if isinstance(kind, CubaNeuron):
        model.model.du, model.model.dv = 4095 - given["current_keep"], 4096 - given["voltage_keep"]
        model.model.vth = given["threshold"] >> bits
    elif kind.states != ("sigma",):
        model.model.vth = given["threshold"].astype(np.int32)
    model.set({state: given[state] for state in kind.states})
    sent = model.step(given["a_in"])
    for key in vectors[0]["gives"]:
        found = sent if key == "s_out" else model.state(key)
        assert found.tolist() == [v["gives"][key] for v in vectors], key
