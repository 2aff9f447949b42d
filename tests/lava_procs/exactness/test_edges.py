"""Networks at the edges of what they may be: the edge is reached, and all backends agree on it."""

from dataclasses import replace

import numpy as np
import pytest

from ipvae.network.description import InputFormat
from ipvae.network.layers import ADDED, NOTHING, GradedLayer, PoissonLayer
from ipvae.network.proof.bounds import bounds
from ipvae.network.rules.arithmetic import (
    CHANGE_MAX,
    SELF_MAX,
    STATE_MAX,
    TERM_MAX,
    clip,
    input_clipped,
    self_inhibition,
)
from ipvae.network.rules.drive import drives
from ipvae.network.rules.neuron_step import total_input
from ipvae.network.rules.poisson import LOG_RATE_MAX, LOG_RATE_MIN, octaves_above

pytestmark = pytest.mark.lava()

LAST_SEED = 2**48 - 1


def ints(*values):
    return np.array(values, np.int32)


def synapses(*rows):
    return np.array(rows, np.int8)


def nothing(k, j=None):
    return np.zeros((k, j or k), np.int8)


def seen(weight):
    """Weights (K,) of one pixel."""
    return np.array(weight, np.int16)[:, None]


def recorded(trace, layer):
    """a_in, u and z of a layer, (images, steps + 1, neurons) int64."""
    return tuple(trace.stacked(layer, v).astype(np.int64) for v in ("a_in", "u", "z"))


def changes(network, trace):
    """Updates of the code before their clip, at steps 1..T."""
    a_in, _, z = recorded(trace, network.code)
    drive = drives(network, network.test_images)[network.code]
    total = total_input(network.layer, drive[:, None], a_in[:, 1:])
    return total - self_inhibition(network.layer.self_weight, z[:, :-1])


@pytest.fixture
def still(make_network):
    """Function of log-rates (K,): they stay as they are, one pixel, nothing is received."""

    def make(u_init, **parts):
        k = len(u_init)
        rest = {"weight": seen([0] * k), "weight_rec": nothing(k), "bias": ints(*[0] * k)}
        rest |= {"self_weight": ints(*[0] * k), "u_min": LOG_RATE_MIN, "u_max": LOG_RATE_MAX}
        return make_network(k=k, m=1, n_images=2, u_init=ints(*u_init), **{**rest, **parts})

    return make


@pytest.fixture
def forward(make_network):
    """Function of hidden layers and what the code is made of: one pixel, no loop."""

    def make(hidden, images=(0, 255), **parts):
        k = len(parts["bias"])
        code = {"self_weight": ints(*[0] * k), "u_init": ints(*[0] * k), "payload_bits": 9}
        code |= {"u_min": LOG_RATE_MIN, "u_max": LOG_RATE_MAX, "memory": False}
        code |= {"du_min": -CHANGE_MAX, "du_max": CHANGE_MAX, "source": len(hidden), "sign": ADDED}
        base = make_network(k=k, m=1, n_images=len(images))
        return replace(
            base,
            input=InputFormat(-255, 255, 1.0, (1, 1)),
            test_images=np.array(images, np.int16)[:, None],
            layer=PoissonLayer(**{**code, **parts}),
            hidden=tuple(hidden),
        )

    return make


def test_log_rate_update_and_drive_at_both_limits(make_network, agree):
    """The four neurons have one pixel; their drive leaves its range, or the bias takes it there."""
    network = make_network(
        k=4,
        m=1,
        weight=seen([32767, -32768, 0, 0]),
        bias=ints(0, 0, TERM_MAX, -TERM_MAX),
        drive_exp=0,
        self_weight=ints(0, 0, 900, 0),
        u_init=ints(0, 0, -20000, 20000),
        u_min=-20000,
        u_max=20000,
        du_min=-3000,
        du_max=2500,
    )
    trace = agree(network, 30, LAST_SEED)
    u, change = recorded(trace, "1")[1], changes(network, trace)
    drive = drives(network, network.test_images)["1"]
    assert (drive == TERM_MAX).any() and (drive == -TERM_MAX).any()
    assert (change > 2500).any() and (change < -3000).any()
    assert (u == 20000).any() and (u == -20000).any()
    assert (np.diff(u, axis=1) == 2500).any() and (np.diff(u, axis=1) == -3000).any()


def test_input_clipped_before_the_largest_shift(make_network, agree):
    """An exponent of 14 leaves 127: counts of busy neurons exceed it in both directions."""
    network = make_network(
        k=4,
        m=1,
        weight=seen([0] * 4),
        weight_rec=synapses([0] * 4, [0] * 4, [127, 127, 0, 0], [-128, -128, 0, 0]),
        weight_exp=14,
        bias=ints(TERM_MAX, TERM_MAX, 0, 0),
        u_init=ints(4000, 4000, 0, 0),
        u_max=4096,
    )
    trace = agree(network, 20, 1)
    a_in = recorded(trace, "1")[0]
    clipped = input_clipped(a_in, 14)
    assert (clipped & (a_in > 0)).any() and (clipped & (a_in < 0)).any()
    assert (~clipped & (a_in == 127)).any() and (~clipped & (a_in == 0)).any()


def test_input_of_24_bits_clipped_after_a_right_shift(forward, agree):
    """47 * 178481 is the largest 24-bit number; half of it is more than the input's limit.

    A bias at that limit takes exactly the clipped input off: the log-rate is 0 then.
    """
    z_max = 178481
    sends = GradedLayer(
        weight=seen([2000]), bias=ints(0), source=NOTHING, z_min=-z_max, z_max=z_max
    )
    network = forward(
        [sends],
        (-255, 0, 255),
        bias=ints(0, 0, -TERM_MAX, TERM_MAX),
        weight_rec=synapses([47], [-47], [47], [47]),
        weight_exp=-1,
    )
    wider = replace(network, hidden=(replace(sends, z_max=z_max + 1),))
    assert not all(bound.holds for bound in bounds(wider))
    trace = agree(network, 10, 2)
    a_in, u, _ = recorded(trace, "2")
    assert {-STATE_MAX, 0, STATE_MAX} == set(np.unique(a_in))
    assert input_clipped(a_in[[0, 2]], -1).all()
    assert (u == LOG_RATE_MAX).any() and (u == LOG_RATE_MIN).any()
    assert not u[2, :, 2].any() and not u[0, :, 3].any()


def test_self_inhibition_at_its_limit(make_network, agree):
    """Counts above S // s, here 0 (s = S is 1), 1 and 4, act no more than that."""
    own = ints(SELF_MAX, 2**21, 1_000_000, 5000)
    network = make_network(
        k=4,
        m=1,
        weight=seen([0] * 4),
        weight_rec=nothing(4),
        bias=ints(*[TERM_MAX] * 4),
        self_weight=own,
        u_init=ints(*[20000] * 4),
        u_max=20000,
        du_min=-CHANGE_MAX,
        du_max=CHANGE_MAX,
    )
    trace = agree(network, 30, 3)
    z = recorded(trace, "1")[2][:, :-1]
    assert (z > SELF_MAX // own).any(axis=(0, 1)).tolist() == [True, True, True, False]
    assert self_inhibition(own, z).max() == SELF_MAX


@pytest.mark.parametrize(("bits", "cap"), [(1, 1), (3, 7), (8, 255)])
def test_counts_at_the_cap_of_their_payload(make_network, agree, bits, cap):
    k = 6
    network = make_network(
        k=k,
        payload_bits=bits,
        weight=np.zeros((k, 12), np.int16),
        bias=ints(*[0] * 5, -9000),
        self_weight=ints(*[0] * k),
        u_init=ints(*[LOG_RATE_MAX] * 5, 4096),
        weight_exp=-8,
    )
    trace = agree(network, 12, 4)
    a_in, _, z = recorded(trace, "1")
    assert z.max() == cap and (z == cap).mean() > 0.2 and (z < cap).any()
    np.testing.assert_array_equal(a_in[:, 1:], z[:, :-1] @ network.layer.weight_rec.T.astype(int))


@pytest.mark.parametrize("finer", [0, 4])
def test_split_draws_up_to_the_top_rate(still, agree, finer):
    """1 to 32 sub-draws, at the first and last log-rate of each, and the table's lowest."""
    edges = [LOG_RATE_MIN, LOG_RATE_MIN + 1, 12287, 12288]
    for octave in range(5):
        edges += [12289 + 4096 * octave, 16384 + 4096 * octave]
    scale = 1 << finer
    network = still(
        [v * scale for v in edges],
        payload_bits=23,
        frac_bits=12 + finer,
        u_min=LOG_RATE_MIN * scale,
        u_max=LOG_RATE_MAX * scale,
    )
    trace = agree(network, 12, 5)
    _, u, z = recorded(trace, "1")
    assert set(np.unique(octaves_above(u >> finer))) == set(range(6))
    assert u.min() == LOG_RATE_MIN * scale and u.max() == LOG_RATE_MAX * scale
    assert not z[..., :2].any() and z.max() > 256 + 2 * 16  # two deviations above the mean


def test_silence(make_network, agree):
    """No neuron ever sends anything."""
    k = 5
    network = make_network(
        k=k,
        bias=ints(*[-TERM_MAX] * k),
        u_init=ints(*[LOG_RATE_MIN] * k),
        u_min=LOG_RATE_MIN,
        n_images=3,
    )
    trace = agree(network, 30, 0)
    a_in, u, z = recorded(trace, "1")
    assert not z.any() and not a_in.any() and (u == LOG_RATE_MIN).all()


@pytest.mark.parametrize(
    "parts",
    [
        {"weight_exp": 14, "drive_exp": 14, "weight": seen([1]), "sign": ADDED},
        {"frac_bits": 16},
        {},
    ],
    ids=["largest exponents", "16 fraction bits", "smallest exponents"],
)
def test_one_neuron_and_one_pixel(make_network, agree, parts):
    scale = 1 << (parts.get("frac_bits", 12) - 12)
    limits = {"u_min": -9000 * scale, "u_max": 16000 * scale}
    limits |= {"u_init": ints(3000 * scale), "weight_rec": synapses([-77])}
    network = make_network(k=1, m=1, **limits, **{"weight_exp": -8, "drive_exp": -24, **parts})
    trace = agree(network, 40, 6)
    a_in, u, z = recorded(trace, "1")
    assert u.shape[2] == 1 and len(np.unique(u)) > 2
    assert z.max() > 0 and (a_in < 0).any()


def test_one_of_everything(kinds, agree):
    """A loop of one error unit and one neuron, read out by one neuron."""
    network = kinds.networks(1)["errors + 1 read-out"]

    def one(layer):
        parts = {
            name: value[:1, :1] if value.ndim == 2 else value[:1]
            for name, value in vars(layer).items()
            if isinstance(value, np.ndarray)
        }
        return replace(layer, **parts)

    small = replace(
        network,
        input=InputFormat(-128, 127, 1 / 128, (1, 1)),
        decoder=network.decoder[:1, :1],
        test_images=network.test_images[:, :1],
        hidden=tuple(map(one, network.hidden)),
        layer=one(network.layer),
        readouts=tuple(map(one, network.readouts)),
    )
    assert [layer.n_neurons for layer in small.layers.values()] == [1, 1, 1]
    trace = agree(small, 40, 7)
    for name in small.layers:
        assert recorded(trace, name)[0].any() and recorded(trace, name)[2].any()


def test_the_soft_ceiling_from_end_to_end_of_its_table(make_network, agree):
    """It bends within 16 octaves on either side of the limit, at it most."""
    top, reach = LOG_RATE_MAX << 4, 16 << 16
    v = ints(top - reach - 1, top - reach, top - reach + 1, top - 1, top, top + 1, top + reach)
    base = make_network(k=7, m=1)
    zero = ints(*[0] * 7)
    network = replace(
        base,
        layer=PoissonLayer(
            weight=seen(zero),
            bias=v,
            source=NOTHING,
            self_weight=zero,
            u_init=zero,
            u_min=LOG_RATE_MIN << 4,
            u_max=top,
            du_min=-CHANGE_MAX,
            du_max=CHANGE_MAX,
            payload_bits=9,
            frac_bits=16,
            memory=False,
            ceiling=True,
        ),
    )
    trace = agree(network, 10, 8)
    u, z = recorded(trace, "1")[1:]
    fall = np.minimum(v, top) - u[0, 0]
    assert fall[0] == fall[1] == 0 and fall[6] == 0
    assert fall[4] == 2**16 and (fall[[3, 5]] > 2**16 - 2).all()
    np.testing.assert_array_equal(
        u, np.broadcast_to(clip(u[0, 0], LOG_RATE_MIN << 4, top), u.shape)
    )
    assert z.max() > 100
