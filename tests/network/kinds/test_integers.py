"""Programs on integers equal the rules of network/, their vectors, and name what does not fit."""

import json
from pathlib import Path

import numpy as np
import pytest

from ipvae.lava_procs.register_constants import layer_words, neuron_words
from ipvae.lava_procs.schedule import Schedule
from ipvae.network.kinds import cuba, graded, integers, poisson, sigma_delta
from ipvae.network.kinds.integers import Neurons, WidthError
from ipvae.network.kinds.program import Program, branch, int32, op, word
from ipvae.network.layers import PoissonLayer
from ipvae.network.rules import poisson as sampler
from ipvae.network.rules import random_source
from ipvae.network.rules.arithmetic import STATE_MAX, TERM_MAX
from ipvae.network.rules.neuron_step import graded_output, next_log_rate, next_potential

ROOT = Path(__file__).resolve().parents[3]
ROWS = 6
PROGRAMS = {
    "poisson_neuron": poisson.program(),
    "graded_neuron": graded.program(),
    "cuba_neuron": cuba.program(),
    "delta_neuron": sigma_delta.delta_program(),
    "sigma_delta_neuron": sigma_delta.sigma_delta_program(),
    "sigma_neuron": sigma_delta.sigma_program(),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_program_on_integers_gives_every_vector(name):
    spec = json.loads((ROOT / "docs" / "loihi2" / f"{name}.json").read_text())
    program, vectors = PROGRAMS[name], spec["vectors"]
    given = {
        key: np.array([{**spec["usual"], **v["given"]}[key] for v in vectors])
        for key in spec["usual"]
    }
    a_in = given.pop("a_in")
    neurons = Neurons(program, len(vectors), given)
    sent = neurons.step(a_in)
    for key in vectors[0]["gives"]:
        found = sent if key == "s_out" else neurons.values[key]
        assert found.tolist() == [v["gives"][key] for v in vectors], key


def magnitudes(rng, largest, shape):
    """Integers of either sign whose number of binary digits is random."""
    reach = rng.integers(0, largest.bit_length() + 1, shape)
    return rng.choice([-1, 1], shape) * np.minimum(rng.integers(0, 1 << reach), largest)


def rows_of(layer, rng, seed, image):
    """Variables of a layer by the rules of network/: (a_in, drive, u, z) of each row."""
    n = layer.n_neurons
    of_poisson = isinstance(layer, PoissonLayer)
    keys = random_source.neuron_keys(1, n)
    drive = magnitudes(rng, TERM_MAX, n)
    u, z = np.array(getattr(layer, "u_init", np.zeros(n)), np.int64), np.zeros(n, np.int64)
    for row in range(ROWS):
        a_in = magnitudes(rng, STATE_MAX, n)
        kept = layer.memory and row == 0
        if not of_poisson:
            u = u if kept else next_potential(layer, u, drive, a_in)
            yield a_in, drive, u, graded_output(layer, u)
            continue
        u = u if kept else next_log_rate(layer, u, z, drive, a_in)

        def uniform(index, sub_draw, row=row):
            pair = np.array([image.a]), np.array([image.b])
            return random_source.uniforms(pair, (keys[0][index], keys[1][index]), row, sub_draw)

        drawn = sampler.draw(u >> layer.finer_bits, uniform)
        z = np.minimum(drawn, layer.count_max)
        yield a_in, drive, u, z


@pytest.mark.parametrize("seed", range(4))
def test_program_equals_the_rules_in_every_variable(kinds, rng, seed):
    reached = set()
    for network in kinds.networks(seed).values():
        for layer in network.layers.values():
            of_poisson = isinstance(layer, PoissonLayer)
            image = random_source.image_key(seed, 3)
            values = {**layer_words(layer, Schedule(ROWS, 0, 1, 0, 0)), **neuron_words(layer)}
            start = (
                {"image_a": image.a, "image_b": image.b, "u": layer.u_init} if of_poisson else {}
            )
            program = PROGRAMS["poisson_neuron" if of_poisson else "graded_neuron"]
            neurons = Neurons(program, layer.n_neurons, {**values, **start})
            for a_in, drive, u, z in rows_of(layer, rng, seed, image):
                neurons.values["drive"] = drive
                np.testing.assert_array_equal(neurons.step(a_in), z)
                np.testing.assert_array_equal(neurons.values["u"], u)
                np.testing.assert_array_equal(neurons.values["received"], a_in)
                reached |= {int(count) for count in z}
    assert len(reached) > 100


def little(*statements, **tables):
    states = [word("x", -STATE_MAX, STATE_MAX), word("y", -100, 100)]
    inputs, outputs = [word("a_in", -5, 5)], [word("s_out", 0, 1)]
    done = op("s_out", "copy", 0)
    return Program([*statements, done], states, [word("c", 0, 3)], [], inputs, outputs, tables)


def test_a_result_past_its_width_names_its_operation():
    program = little(op("x", "add", "x", "c"))
    assert Neurons(program, 2, {"c": 1, "x": STATE_MAX - 1}).step().tolist() == [0, 0]
    with pytest.raises(WidthError, match=r"x = add \['x', 'c'\] gives 0..8388608, allowed in 24"):
        Neurons(program, 2, {"c": 1, "x": np.array([-1, STATE_MAX])}).step()


def test_a_width_is_required_only_where_the_operation_runs():
    program = little(branch("small", ["lt", "x", STATE_MAX], [op("x", "add", "x", "c")]))
    neurons = Neurons(program, 2, {"c": 3, "x": np.array([4, STATE_MAX])})
    neurons.step()
    assert neurons.values["x"].tolist() == [7, STATE_MAX]


def test_states_inputs_and_constants_keep_their_ranges():
    with pytest.raises(WidthError, match=r"c holds 4..4, allowed 0..3"):
        Neurons(little(), 1, {"c": 4})
    with pytest.raises(WidthError, match=r"a_in holds -6..5, allowed -5..5"):
        Neurons(little(), 2, {"c": 0}).step(np.array([-6, 5]))
    with pytest.raises(WidthError, match=r"y holds 101..101, allowed -100..100"):
        Neurons(little(op("y", "copy", 101)), 1, {"c": 0}).step()


def test_constants_are_required_and_names_known():
    with pytest.raises(KeyError, match="c"):
        Neurons(little(), 1, {})
    with pytest.raises(KeyError, match="d"):
        Neurons(little(), 1, {"c": 0, "d": 0})


def test_signed_words_wrap_as_int32_does():
    values = np.array([2**31 - 1, -(2**31), 2**31, -(2**31) - 1, 2**33 + 5, 0])
    found = integers.fitted(int32("x", "copy", "x"), values)
    assert found.tolist() == values.astype(np.int32).tolist()


def test_parameters_become_constants_of_the_program():
    kind = cuba.CubaNeuron(threshold=5, current_decay=1, voltage_decay=4096)
    assert kind.constants() == {"current_keep": 4095, "voltage_keep": 0, "threshold": 320}
    assert kind.neuron_constants(np.array([-3], np.int32))["bias"].tolist() == [-192]
    kind = sigma_delta.SigmaDeltaNeuron(threshold=5, activation="identity")
    assert kind.constants() == {"threshold": 20480, "relu_on": 0}
    assert kind.neuron_constants(np.array([-3], np.int32))["bias"].tolist() == [-12288]
    for kind in (
        sigma_delta.SigmaDeltaNeuron(1),
        sigma_delta.DeltaNeuron(2),
        sigma_delta.SigmaNeuron(),
        cuba.ACCUMULATOR,
    ):
        assert kind.constants().keys() == {w["name"] for w in kind.program().constants}
        given = kind.neuron_constants(np.zeros(1, np.int32))
        assert given.keys() == {w["name"] for w in kind.program().neuron_constants}
        assert [w["name"] for w in kind.program().states] == list(kind.states)


def rows(kind, *a_in, **states):
    """Variables of one neuron without a bias after each row, and what it sends."""
    constants = kind.constants() | kind.neuron_constants(np.zeros(1, np.int32))
    neurons = Neurons(kind.program(), 1, {**constants, **states})
    found = []
    for a in a_in:
        sent = neurons.step(a).item()
        found.append(({name: neurons.values[name].item() for name in kind.states}, sent))
    return found


def test_examples_of_section_11_of_the_document():
    keeps = cuba.CubaNeuron(2**18, 1, 0)
    decayed = [rows(keeps, 0, current=c)[0][0]["current"] for c in (5000, -5000, -1)]
    assert decayed == [4998, -4998, 0]
    ((after, _),) = rows(cuba.CubaNeuron(2**18, 0, 0), 1, current=2**23 - 63)
    assert after["current"] == -(2**23) + 1
    kind = cuba.CubaNeuron(2000, 0, 0)
    assert rows(kind, 0, voltage=128_000)[0] == ({"current": 0, "voltage": 128_000}, 0)
    assert rows(kind, 0, voltage=128_001)[0] == ({"current": 0, "voltage": 0}, 1)


def test_examples_of_section_12_of_the_document():
    found = rows(sigma_delta.SigmaDeltaNeuron(2), 4095, 4095, 4095)
    assert [after["residue"] for after, _ in found] == [4095, 8190, 0]
    assert [sent for _, sent in found] == [0, 0, 12285 >> 6] == [0, 0, 191]
    kind = sigma_delta.SigmaDeltaNeuron(2, "identity")
    assert [rows(kind, a)[0][1] for a in (-8192, -8191)] == [-128, 0]
    assert rows(kind, -8191)[0][0]["residue"] == -8191
