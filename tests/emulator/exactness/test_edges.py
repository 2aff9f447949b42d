"""Every limit of a neuron, at it and one to each side: emulator, `ipvae.network` and the oracle.

The rules exist three times: compiled in the emulator, in `ipvae.network.rules.neuron_step` (which
the models for Lava take) and in the oracle. Drive, received input, log-rate and last count are set
directly.
"""

import sys
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from ipvae.emulator import Emulator, layout
from ipvae.emulator.recording import run
from ipvae.emulator.tile import Tile
from ipvae.network.description import InputFormat, IntNetwork
from ipvae.network.layers import GradedLayer, PoissonLayer
from ipvae.network.proof.bounds import layer_saturations
from ipvae.network.rules.activations import ceiling_table, swish_table
from ipvae.network.rules.arithmetic import CHANGE_MAX, STATE_MAX, TERM_MAX, input_limit
from ipvae.network.rules.neuron_step import graded_output, next_log_rate, next_potential

NEVER = 2**31
LOWEST, HIGHEST = -49152, 32768


def around(*values, low=-TERM_MAX, high=TERM_MAX):
    """Each value, 0 and both ends, and their neighbours, within the ends."""
    near = {v + d for v in (0, low, high, *values) for d in (-1, 0, 1)}
    return np.array(sorted(v for v in near if low <= v <= high), np.int64)


def network_of(layer):
    """A network of one layer; a layer that remembers has synapses to itself, of weight 0."""
    k = layer.n_neurons
    return IntNetwork(
        input=InputFormat(0, 1, 1.0, (1, 1)),
        layer=layer,
        decoder=np.zeros((1, k), np.float32),
        test_images=np.zeros((1, 1), np.int16),
        test_labels=np.zeros(1, np.int16),
    )


def common(k, memory):
    synapses = {"weight_rec": np.zeros((k, k), np.int8), "source": 1} if memory else {"source": 0}
    bias = np.zeros(k, np.int32)
    return {"weight": np.zeros((k, 1), np.int16), "bias": bias, **synapses}


class Given(SimpleNamespace):
    """What neurons have before a row, (K,) each: u, drive, a_in; of Poisson neurons z."""


def acted(layer, given):
    """One row of the compiled kernels: u and z after it, and what they counted as saturated."""
    k = layer.n_neurons
    (part,) = layout.parts(network_of(layer))
    drives = {"1": given.drive.astype(np.int32)[None, None]}
    poisson = isinstance(layer, PoissonLayer)
    draws = given.z.astype(np.int32)[None, None] if poisson else None
    tile = Tile((part,), drives, np.zeros((1, 2), np.uint32), draws)
    tile.advance(1)  # sets what depends on the last count
    tile.sums["1"].saturated[:] = 0
    state = tile._states["1"]
    state.u[0, :k], state.a_in[0, :k] = given.u, given.a_in
    tile.run(part, (1, 2, NEVER))
    return tile.u("1", k)[0], tile.z("1", k)[0], tile.sums["1"].saturated


def assert_counted(layer, given, u, z, saturated):
    """Saturations as ranges.md defines them, from the values by themselves."""
    e = layer.weight_exp
    acts, limit = (given.a_in, TERM_MAX >> e) if e >= 0 else (given.a_in >> -e, TERM_MAX)
    expected = {"drive": int((np.abs(given.drive) == TERM_MAX).sum())}
    expected["a_in"] = int((np.abs(acts) > limit).sum())
    if isinstance(layer, PoissonLayer):
        expected["u"] = int((u == layer.u_max).sum())
        expected["z"] = int((z == 2**layer.payload_bits - 1).sum())
    else:
        low = z == layer.z_min if layer.z_min < 0 else np.zeros(len(z), bool)
        expected["u"], expected["z"] = 0, int((low | (z == layer.z_max)).sum())
    variables = {"a_in": given.a_in, "u": u, "z": z}
    assert layer_saturations(layer, variables, given.drive) == expected
    assert saturated.tolist() == [expected[name] for name in ("a_in", "u", "z")]


@pytest.fixture
def rules(oracle):
    """The oracle's functions of a neuron; its module is loaded with it."""
    assert oracle is not None
    return sys.modules["oracle_layers"]


TABLES = SimpleNamespace(
    tables={
        "ipvae/tables/swish": swish_table().tolist(),
        "ipvae/tables/ceiling": ceiling_table().tolist(),
    }
)


def oracle_layer(layer, **numbers):
    return SimpleNamespace(
        n={"weight_exp": layer.weight_exp, **numbers},
        sign=layer.sign,
        swish=getattr(layer, "activation", "") == "swish",
    )


# ------------------------------------------------------------------ graded neurons

WIDEST = {"z_min": -STATE_MAX, "z_max": STATE_MAX}
OUTPUTS = {
    "not negative": {"z_min": 0, "z_max": 255},
    "not negative, in steps of 8": {"z_min": 0, "z_max": 100, "shift": 3},
    "not negative, threshold": {"z_min": 0, "z_max": 20, "shift": 2, "threshold": 9},
    "nothing but 0": {"z_min": 0, "z_max": 0},
    "not positive": {"z_min": -5, "z_max": 0},
    "from -1": {"z_min": -1, "z_max": 300},
    "8 bits": {"z_min": -128, "z_max": 127, "shift": 4, "threshold": 1000},
    "steps of 2": {"z_min": -7, "z_max": 8, "shift": 1},
    "largest threshold": {**WIDEST, "threshold": TERM_MAX},
    "largest shift": {"z_min": -2, "z_max": 2, "shift": 20},
    "no limit": WIDEST,
    "swish": {**WIDEST, "activation": "swish"},
    "swish, not negative": {"z_min": 0, "z_max": 9, "shift": 12, "activation": "swish"},
    "swish, threshold": {"z_min": -8, "z_max": 99, "threshold": 700, "activation": "swish"},
}


def graded_edges(parts):
    """Potentials at which what is sent changes its branch."""
    step, threshold = 1 << parts.get("shift", 0), parts.get("threshold", 0)
    ends = [v * step for v in (parts["z_min"], parts["z_max"], -1, 0, 1)]
    halves = [v + h for v in ends for h in (-step // 2, 0, step // 2)]
    marks = [v + t for v in halves for t in (-threshold, 0, threshold)]
    tables = [s * (v << 8) for s in (-1, 1) for v in (1, 2, 20, 128, 255, 256)]
    return around(*marks, *tables, low=-2 * TERM_MAX, high=2 * TERM_MAX)


def assert_graded(rules, layer, given):
    u, z, saturated = acted(layer, given)
    potential = next_potential(layer, given.u, given.drive, given.a_in)
    np.testing.assert_array_equal(u, potential)
    np.testing.assert_array_equal(z, graded_output(layer, potential))
    names = {"leak": layer.leak, "threshold": layer.threshold, "shift": layer.shift}
    slow = oracle_layer(layer, **names, zMin=layer.z_min, zMax=layer.z_max)
    for k in range(layer.n_neurons):
        total = rules.total_input(slow, int(given.drive[k]), int(given.a_in[k]))
        assert u[k] == rules.graded_state(slow, 1, int(given.u[k]), total)
        assert z[k] == rules.graded_message(TABLES, slow, int(u[k]))
    assert_counted(layer, given, u, z, saturated)
    return u, z


@pytest.mark.parametrize("name", OUTPUTS)
def test_what_graded_neurons_send_at_every_edge(rules, name):
    """Half of the potential comes from the drive, half through the synapses."""
    wanted = graded_edges(OUTPUTS[name])
    drive = np.clip(wanted, -TERM_MAX, TERM_MAX)
    k = len(wanted)
    layer = GradedLayer(**common(k, False), sign=1, **OUTPUTS[name])
    given = Given(u=np.zeros(k, np.int64), drive=drive, a_in=wanted - drive)
    u, z = assert_graded(rules, layer, given)
    np.testing.assert_array_equal(u, wanted)
    inside = z[(z != layer.z_min) & (z != layer.z_max)]
    limits = {limit for limit in (layer.z_min, layer.z_max) if abs(limit) < STATE_MAX}
    assert limits <= set(z.tolist())
    assert len(inside) or layer.z_min == layer.z_max


@pytest.mark.parametrize("leak", [1, 4, 15])
@pytest.mark.parametrize("z_min", [0, -40])
def test_potentials_that_leak_at_every_edge(rules, leak, z_min):
    u = np.repeat(around(1 << leak, -1 << leak, low=-2 * TERM_MAX, high=2 * TERM_MAX), 9)
    drive = np.resize([-TERM_MAX, -1, 0, 1, TERM_MAX], len(u))
    a_in = np.resize([0, 1, -1, TERM_MAX, -TERM_MAX, TERM_MAX + 1, -7], len(u))
    layer = GradedLayer(**common(len(u), True), z_min=z_min, z_max=40, leak=leak, shift=2)
    assert_graded(rules, layer, Given(u=u, drive=drive, a_in=a_in))


@pytest.mark.parametrize("weight_exp", [-8, -1, 0, 1, 14])
@pytest.mark.parametrize("sign", [1, -1])
def test_received_input_at_every_edge(rules, weight_exp, sign):
    """Clipped before a left shift and after a right one; a right shift rounds down."""
    limit = input_limit(weight_exp) if weight_exp >= 0 else TERM_MAX << -weight_exp
    edges = [limit, -limit]
    if weight_exp < 0:
        edges += [limit + (1 << -weight_exp) - 1, -limit - (1 << -weight_exp) + 1]
    a_in = around(*edges, low=-STATE_MAX, high=STATE_MAX)
    k = len(a_in)
    nothing = np.zeros(k, np.int64)
    parts = {"weight_exp": weight_exp, "sign": sign}
    graded = GradedLayer(**common(k, False), **WIDEST, **parts)
    u, _ = assert_graded(rules, graded, Given(u=nothing, drive=nothing, a_in=a_in))
    reach = input_limit(weight_exp) << weight_exp if weight_exp >= 0 else TERM_MAX
    if limit < STATE_MAX:
        assert (u.min(), u.max()) == (-reach, reach)
    wide = {"du_min": -CHANGE_MAX, "du_max": CHANGE_MAX, "frac_bits": 16}
    poisson = poisson_layer(k, False, **parts, **wide)
    assert_poisson(rules, poisson, Given(u=nothing, drive=nothing, a_in=a_in, z=nothing))


# ------------------------------------------------------------------ Poisson neurons


def poisson_layer(k, memory, **parts):
    scale = 1 << (parts.get("frac_bits", 12) - 12)
    usual = {
        "self_weight": np.zeros(k, np.int32),
        "u_init": np.zeros(k, np.int32),
        "u_min": LOWEST * scale,
        "u_max": HIGHEST * scale,
        "du_min": -50000 * scale,
        "du_max": 60000 * scale,
        "payload_bits": 4,
    }
    return PoissonLayer(**common(k, memory), memory=memory, **{**usual, **parts})


def assert_poisson(rules, layer, given):
    u, z, saturated = acted(layer, given)
    expected = next_log_rate(layer, given.u, given.z, given.drive, given.a_in)
    np.testing.assert_array_equal(u, expected)
    names = {"uInit": layer.u_init.tolist(), "selfWeight": layer.self_weight.tolist()}
    names |= {"uMin": layer.u_min, "uMax": layer.u_max, "fracBits": layer.frac_bits}
    names |= {"duMin": layer.du_min, "duMax": layer.du_max}
    names |= {"memory": int(layer.memory), "ceiling": int(layer.ceiling)}
    slow = oracle_layer(layer, **names)
    for k in range(layer.n_neurons):
        total = rules.total_input(slow, int(given.drive[k]), int(given.a_in[k]))
        before = int(given.u[k]), int(given.z[k])
        assert u[k] == rules.log_rate(TABLES, slow, k, 1, *before, total), k
    assert_counted(layer, given, u, z, saturated)
    return u


@pytest.mark.parametrize("memory", [True, False])
@pytest.mark.parametrize(("frac_bits", "highest"), [(12, 5000), (16, 5000), (12, 0)])
def test_log_rates_at_every_edge(rules, memory, frac_bits, highest):
    """Limits of the update, and of the log-rate, where the update is inside and where it is not.

    A highest log-rate of 0 belongs to what fills the last block, too: it must not be counted.
    """
    scale = 1 << (frac_bits - 12)
    low, high, down, up = -9000 * scale, highest * scale, -4000 * scale, 3000 * scale
    starts = around(low - down, high - up, low=low, high=high)
    total = around(down, up, *(low - starts), *(high - starts))
    u, drive = (found.ravel() for found in np.meshgrid(starts, total))
    limits = {"u_min": low, "u_max": high, "du_min": down, "du_max": up, "frac_bits": frac_bits}
    layer = poisson_layer(len(u), memory, u_init=u.astype(np.int32), **limits)
    nothing = np.zeros(len(u), np.int64)
    found = assert_poisson(rules, layer, Given(u=u, drive=drive, a_in=nothing, z=nothing))
    assert {low, low + 1, high - 1, high} <= set(found.tolist())
    assert {down, up} <= set((found - u).tolist())


def test_log_rates_below_a_soft_ceiling_at_every_edge(rules):
    """From 16 octaves below it to 16 above; at most it is reached, and counted there."""
    top, reach = 1 << 16, 16 << 16
    steps = [s * (i << 12) for s in (-1, 1) for i in (1, 2, 3, 16, 255, 256)]
    edges = [top + v for v in steps] + [LOWEST << 4, top - reach, top + reach]
    drive = around(*edges)
    k = len(drive)
    layer = poisson_layer(
        k, False, ceiling=True, frac_bits=16, u_max=top, du_min=-CHANGE_MAX, du_max=CHANGE_MAX
    )
    nothing = np.zeros(k, np.int64)
    found = assert_poisson(rules, layer, Given(u=nothing, drive=drive, a_in=nothing, z=nothing))
    assert {LOWEST << 4, top - 1, top} <= set(found.tolist())


def test_self_inhibition_at_every_edge(rules):
    """A count acts up to S // s."""
    weights = [0, 1, 2, 5000, 4855, 2**21, 2**21 + 1, CHANGE_MAX - 1, CHANGE_MAX]
    pairs = {(s, z) for s in weights for w in (1, max(s, 1)) for z in around(CHANGE_MAX // w)}
    pairs = sorted((s, int(z)) for s, z in pairs if 0 <= z <= 864)
    s, z = (np.array(values, np.int64) for values in zip(*pairs, strict=True))
    wide = {"du_min": -CHANGE_MAX, "du_max": CHANGE_MAX, "frac_bits": 16, "payload_bits": 10}
    layer = poisson_layer(len(s), True, self_weight=s.astype(np.int32), **wide)
    drive = np.full(len(s), TERM_MAX)
    assert_poisson(rules, layer, Given(u=0 * s, drive=drive, a_in=0 * s, z=z))


# ------------------------------------------------------------------ messages


def test_counts_around_a_byte_are_received_whole(make_network):
    """A byte holds 255; what is beyond it takes further entries of a list."""
    counts = np.array([0, 1, 254, 255, 256, 509, 510, 511, 765, 766, 863, 864])
    k = len(counts)
    parts = {"weight_rec": np.eye(k, dtype=np.int8), "payload_bits": 10}
    network = make_network(k=k, m=1, n_images=1, **parts)
    draws = np.stack([counts, counts[::-1], 0 * counts])[None]
    trace = run(network, network.test_images, 2, 0, draws=draws)
    np.testing.assert_array_equal(trace.stacked("1", "z"), draws)
    np.testing.assert_array_equal(trace.stacked("1", "a_in")[0, 1:], draws[0, :2])


@pytest.mark.parametrize("z_max", [2**15 - 2, 2**15 - 1, 2**15, 2**16 - 1, 2**16])
@pytest.mark.parametrize("z_min", [0, -(2**15) + 1, -(2**15), -(2**15) - 1])
def test_numbers_around_16_bits_are_received_whole(make_network, z_min, z_max):
    """Through the emulator's lists of 16 bits, or without them where a number does not fit."""
    values = {z_min, z_min + 1, -1, 0, 1, z_max - 1, z_max}
    sent = np.array(sorted(v for v in values if v >= z_min))
    k = len(sent)
    graded = GradedLayer(
        weight=np.zeros((k, 1), np.int16),
        bias=sent.astype(np.int32),
        source=0,
        z_min=z_min,
        z_max=z_max,
    )
    base = make_network(k=k, m=1, n_images=1, du_min=0, du_max=0)
    parts = {"weight_rec": np.eye(k, dtype=np.int8), "source": 1, "sign": 1, "memory": False}
    code = replace(base.layer, **parts, self_weight=np.zeros(k, np.int32))
    network = replace(base, layer=code, hidden=(graded,))
    row = next(iter(Emulator(network, threads=1).rows(network.test_images, 1, 0)))
    assert row["1"].z[0].tolist() == row["2"].a_in[0].tolist() == sent.tolist()
