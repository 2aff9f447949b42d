"""Compiled programs of all kinds equal the reference, in values and in what they refuse."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ipvae.emulator.event_driven import kinds, layer_state
from ipvae.emulator.event_driven.engine import NetworkEmulator
from ipvae.emulator.event_driven.neurons import Update
from ipvae.emulator.kind_programs import kernel
from ipvae.network.connections import Connection, Dense
from ipvae.network.kinds import cuba, graded, poisson, sigma_delta
from ipvae.network.kinds.integers import Neurons, WidthError
from ipvae.network.kinds.program import LEAVE, Program, branch, op, repeat, word
from ipvae.network.network import Input, Layer, Network

PAGE = Path(__file__).resolve().parents[2] / "docs" / "add_a_kind.md"
N, TRIALS = 6, 300


def of_the_page():
    """Namespace of the kind that docs/add_a_kind.md adds."""
    text = PAGE.read_text()
    found = re.search(r"`network/kinds/adaptive_lif.py`:\n\n```python\n(.*?)```", text, re.DOTALL)
    assert found is not None
    space: dict[str, Any] = {"__name__": "adaptive_lif"}
    exec(found[1], space)
    return space


PROGRAMS = {
    "poisson": poisson.program,
    "graded": graded.program,
    "cuba": cuba.program,
    "delta": sigma_delta.delta_program,
    "sigma-delta": sigma_delta.sigma_delta_program,
    "sigma": sigma_delta.sigma_program,
    "adaptive LIF": of_the_page()["program"],
}


def drawn(rng, w, n):
    """Values of a word: ends, small ones, and any."""
    low, high = w["low"], w["high"]
    choice = rng.random()
    if choice < 0.15:
        return rng.choice([low, high], n)
    if choice < 0.7:
        reach = 1 << int(rng.integers(0, max(high - low, 1).bit_length() + 1))
        near = min(max(0, low), high)
        return np.clip(near + rng.integers(-reach, reach + 1, n), low, high)
    return rng.integers(low, high + 1, n)


def run_compiled(program, values, a_in, graded_messages):
    """States after one row, messages, and whether a result was too wide."""
    n = len(a_in)
    state = np.array([values[w["name"]] for w in program.states], np.int64).reshape(-1, n)
    own = np.array([values[w["name"]] for w in program.neuron_constants], np.int64).reshape(-1, n)
    constants = np.array([values[w["name"]][0] for w in program.constants], np.int64)
    sums = a_in.astype(np.int32)
    z = np.zeros(n, np.int32 if graded_messages else np.uint8)
    messages, sizes, by_row = np.zeros(n, np.int64), np.zeros(n, np.int64), np.zeros(1, np.int64)
    recorded = np.zeros((len(state), n), np.int32)
    of = Update(
        **dict.fromkeys(Update._fields, 0)
        | {
            **{"images": 1, "rows": 1, "width": n, "a": sums.ctypes.data, "z": z.ctypes.data},
            **{"messages": messages.ctypes.data, "sizes": sizes.ctypes.data},
            **{"by_row": by_row.ctypes.data, "recorded": recorded.ctypes.data},
            **{"recorded_state": recorded.strides[0]},
        }
    )
    tables = [np.ascontiguousarray(table) for table in program.tables.values()]
    bad = kernel(program, graded_messages)(of, constants, own, state, np.arange(n), *tables)
    if not bad:
        np.testing.assert_array_equal(recorded, state.astype(np.int32))
        np.testing.assert_array_equal(messages, z != 0)
        np.testing.assert_array_equal(sizes, np.abs(z.astype(np.int64)))
        assert by_row[0] == (z != 0).sum()
    return state, z, bad


def same(program, values, a_in, graded_messages=True):
    """Compare one row with the reference; return whether it gives one."""
    state, z, bad = run_compiled(program, values, a_in, graded_messages)
    neurons = Neurons(program, len(a_in), values)
    try:
        sent = neurons.step(a_in)
    except (WidthError, IndexError):
        assert bad
        return False
    assert not bad
    np.testing.assert_array_equal(z, sent)
    for w, of in zip(program.states, state, strict=True):
        np.testing.assert_array_equal(of, neurons.values[w["name"]], w["name"])
    return True


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_row_from_any_state_equals_the_reference(name, rng):
    program, done = PROGRAMS[name](), []
    for _ in range(TRIALS):
        values = {w["name"]: drawn(rng, w, N) for w in (*program.states, *program.neuron_constants)}
        values |= {w["name"]: np.repeat(drawn(rng, w, 1), N) for w in program.constants}
        (a_in,) = (drawn(rng, w, N) for w in program.inputs)
        done.append(same(program, values, np.clip(a_in, -(2**31), 2**31 - 1)))
    assert sum(done) > TRIALS / 10


def little(*statements, **tables):
    """Program with every kind of statement that it is given; x goes out."""
    states = [word("x", -1000, 1000), word("y", -1000, 1000)]
    inputs, outputs = [word("a_in", -50, 50)], [word("s_out", -1000, 1000)]
    done = op("s_out", "copy", "x")
    return Program([*statements, done], states, [word("c", 0, 90)], [], inputs, outputs, tables)


LITTLE = {
    "shifts by variables": little(
        op("x", "shr", "x", "c"), op("y", "and", "y", 7), op("x", "shl", "x", "y", width=50)
    ),
    "loops that are left": little(
        repeat(
            "i",
            "c",
            [
                op("x", "add", "x", "i"),
                branch("far", ["ge", "x", 60], [branch("odd", ["ne", "y", 3], [LEAVE])]),
                op("y", "sub", "y", 1),
            ],
        ),
        op("x", "add", "x", "i"),
    ),
    "tables": little(
        op("x", "read", "t", "y", "a_in"), t=np.arange(35, dtype=np.int16).reshape(7, 5)
    ),
    "the others": little(
        op("p", "mul", "x", "y", width=12, wraps=True),
        op("q", "xor", "p", "a_in", width=16),
        op("r", "abs", "q"),
        op("x", "min", "r", "c"),
        op("y", "clip", "q", -9, "c"),
        op("u", "add", "r", "c", width=6, unsigned=True, wraps=True),
        op("x", "sub", "x", "u"),
    ),
}


@pytest.mark.parametrize("name", LITTLE)
def test_every_statement_equals_the_reference(name, rng):
    program, done = LITTLE[name], []
    for _ in range(TRIALS):
        reach = int(rng.choice([4, 20, 1000]))
        values = {w["name"]: rng.integers(-reach, reach + 1, 2) for w in program.states}
        values["c"] = np.repeat(rng.integers(0, 91 if reach > 4 else 5), 2)
        most = min(reach, 50)
        done.append(same(program, values, rng.integers(-most, most + 1, 2)))
    assert sum(done) > TRIALS / 20 and (sum(done) < TRIALS or "loop" in name or "others" in name)


def emulated(network, frames, record, monkeypatch, interpreted):
    with monkeypatch.context() as patch:
        if interpreted:
            kind = type(network.layers[0].neuron)
            patch.setitem(layer_state.ROWS, kind, kinds.ByProgram)
        emulator = NetworkEmulator(network, 1)
        return list(emulator.records(frames, frames.shape[1], record)), emulator.totals(frames, 7)


def test_a_kind_without_a_kernel_runs_as_by_the_reference(rng, monkeypatch):
    """Records, sums, maps padded to vectors, and rows that are computed together."""
    kind = of_the_page()["AdaptiveLif"](60, 30)
    first = Dense(rng.integers(-90, 128, (21, 12)))
    layers = (
        Layer("1", kind, (Connection("0", first),), rng.integers(-20, 90, 21)),
        Layer("2", kind, (Connection("1", Dense(rng.integers(-90, 128, (5, 21))), delay=1),)),
    )
    network = Network(Input((12,)), layers)
    frames = rng.integers(0, 2, (3, 7, 12)).astype(np.int32)
    record = ("a_in", "voltage", "adaptation", "z")
    given = network, frames, record, monkeypatch
    found, totals = emulated(*given, interpreted=False)
    expected, wanted = emulated(*given, interpreted=True)
    for one, other in zip(found, expected, strict=True):
        for layer in ("1", "2"):
            assert tuple(one[layer]) == record
            for name in record:
                np.testing.assert_array_equal(one[layer][name], other[layer][name], name)
    for name, sums in wanted.layers.items():
        for field, value in vars(sums).items():
            np.testing.assert_array_equal(getattr(totals.layers[name], field), value, field)
    assert 20 < wanted.layers["1"].messages.sum() < 3 * 7 * 21
    np.testing.assert_array_equal(totals.potentials, wanted.potentials)


def test_a_result_past_its_width_raises_the_error_of_the_reference(monkeypatch):
    monkeypatch.delitem(kinds.KERNELS, cuba.CubaNeuron)
    layer = Layer(
        "1", cuba.CubaNeuron(5, 0, 0), (Connection("0", Dense(np.full((2, 2), 127)), 14),)
    )
    network = Network(Input((2,), graded=True), (layer,))
    frames = np.full((1, 3, 2), 9, np.int32)
    with pytest.raises(WidthError, match="a_in holds .*, allowed -16777216..16777216"):
        NetworkEmulator(network, 1).totals(frames, 3)
