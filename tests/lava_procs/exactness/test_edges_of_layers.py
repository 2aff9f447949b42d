"""Weights and graded neurons at their edges, each shown to be reached; all backends agree."""

from dataclasses import replace

import numpy as np
import pytest

from ipvae.lava_procs.importing import import_lava
from ipvae.network.description import InputFormat
from ipvae.network.layers import ADDED, NOTHING, GradedLayer
from ipvae.network.rules.arithmetic import STATE_MAX, TERM_MAX

pytestmark = pytest.mark.lava()

STEPS = 20
END = 16 << 12
"""Potential at which the table of swish ends."""


def wide(trace, layer, variable):
    """A variable of a layer, (images, steps + 1, neurons) int64."""
    return trace.stacked(layer, variable).astype(np.int64)


def filled(layer, weight):
    """The same layer with all synapses of one weight."""
    return replace(layer, weight_rec=np.full_like(layer.weight_rec, weight))


@pytest.mark.parametrize("weight", [0, -128, 127])
@pytest.mark.parametrize(
    "name",
    [
        *("recurrent", "errors + 1 read-out"),
        *(pytest.param(name, marks=pytest.mark.long) for name in ("lca", "one hidden")),
    ],
)
def test_all_synapses_of_one_weight(kinds, agree, name, weight):
    """Lava's own tools divide by zero, overflow or clip on such matrices."""
    network = kinds.networks(1)[name]
    hidden = tuple(h if h.weight_rec is None else filled(h, weight) for h in network.hidden)
    network = replace(
        network,
        layer=filled(network.layer, weight),
        hidden=hidden,
        readouts=tuple(filled(r, weight) for r in network.readouts),
    )
    trace = agree(network, STEPS, 1)
    for stage in network.schedule.stages:
        if not stage.layer.source:
            continue
        sent = wide(trace, str(stage.layer.source), "z").sum(axis=2, keepdims=True)
        assert sent.any()
        presynaptic = wide(trace, stage.name, "a_in")[:, stage.input_delay :]
        expected = weight * sent[:, : presynaptic.shape[1]]
        np.testing.assert_array_equal(presynaptic, np.broadcast_to(expected, presynaptic.shape))


@pytest.mark.parametrize(
    ("name", "z_min", "z_max"),
    [
        *(("errors", -5, 4), ("errors", 0, 3), ("errors", 0, 0), ("lca", -5, 4), ("lca", -1, 0)),
        *(
            pytest.param(*case, marks=pytest.mark.long)
            for case in (("errors", -1, 0), ("lca", 0, 3), ("lca", 0, 0))
        ),
    ],
)
def test_messages_at_both_limits(kinds, agree, name, z_min, z_max):
    """Errors of the pixels, and a sparse code, that often exceed what they may send."""
    network = kinds.networks(1)[name]
    limits = {"z_min": z_min, "z_max": z_max}
    if name == "errors":
        network = replace(network, hidden=(replace(network.hidden[0], **limits),))
    else:
        network = replace(network, layer=replace(network.layer, **limits))
    z = wide(agree(network, STEPS, 2), "1", "z")
    assert z.min() == z_min and z.max() == z_max
    assert len(np.unique(z)) > min(2, z_max - z_min)


def chain(make_network, hidden, code):
    """One pixel, a chain of hidden layers, a code of Poisson neurons without memory."""
    k = len(code["bias"])
    base = make_network(k=k, m=1, n_images=2)
    limits = {"du_min": -50000, "du_max": 50000, "memory": False, "source": len(hidden)}
    layer = replace(base.layer, weight=None, **limits, self_weight=np.zeros(k, np.int32), **code)
    return replace(base, layer=layer, hidden=hidden)


def test_swish_and_threshold_at_the_ends_of_their_ranges(make_network, agree):
    """Potentials at the ends of swish's table and around 0; around the threshold; then rounding."""
    at = np.array([-END - 1, -END, -END + 1, -4096, -1, 0, 1, END - 1, END, END + 1], np.int32)
    off = np.array([-3, -2, -1, 0, 1, 2, 3])
    level = 700
    around = np.concatenate([off - level, off, off + level]).astype(np.int32)
    swish = GradedLayer(
        weight=np.zeros((10, 1), np.int16),
        bias=at,
        source=NOTHING,
        activation="swish",
        z_min=-5000,
        z_max=2 * END,
    )
    soft = GradedLayer(
        weight_rec=np.zeros((21, 10), np.int8),
        bias=around,
        source=1,
        threshold=level,
        shift=1,
        z_min=-9,
        z_max=9,
    )
    weight = np.random.default_rng(1).integers(-128, 128, (5, 21)).astype(np.int8)
    code = {"bias": np.arange(5, dtype=np.int32), "weight_rec": weight, "weight_exp": 3}
    trace = agree(chain(make_network, (swish, soft), code), 8, 3)
    first, second = wide(trace, "1", "z"), wide(trace, "2", "z")
    np.testing.assert_array_equal(wide(trace, "1", "u")[0, 0], at)
    assert first[0, 0, [0, 1, 5, 8, 9]].tolist() == [0, 0, 0, END, END + 1]
    assert first[0, 0, 3] == round(-4096 / (1 + np.e))
    np.testing.assert_array_equal(wide(trace, "2", "u")[0, 0], around)
    low, high = [-1, -1, 0, 0, 0, 0, 0], [0, 0, 0, 0, 1, 1, 2]
    assert second[0, 0].tolist() == [*low, *[0] * 7, *high]
    assert wide(trace, "3", "a_in").any()


def loop(make_network, m, images, errors, code):
    """Error units, one to a pixel, and a code of Poisson neurons with memory."""
    k = len(code["weight_rec"])
    base = make_network(k=k, m=m)
    layer = replace(base.layer, weight=None, source=1, sign=ADDED, **code)
    return replace(
        base,
        input=InputFormat(-255, 255, 1 / 255, (1, m)),
        test_images=np.array(images, np.int16),
        test_labels=np.full(len(images), -1, np.int16),
        layer=layer,
        hidden=(GradedLayer(bias=np.zeros(m, np.int32), source=2, **errors),),
    )


def test_sums_that_float32_cannot_hold(make_network, agree, rng):
    """Bright images take the event-driven model's integer path, dark ones its float32 path."""
    import_lava()
    from ipvae.lava_procs.models.event_driven import EXACT_IN_FLOAT32

    m, k = 40, 4
    up = rng.integers(-7, 8, (k, m)).astype(np.int8)
    up[:, 0] = [127, -128, 126, 0]
    up[:2, 1:] = np.where(np.arange(k)[:2, None] == 0, 7, -7)
    errors = {"weight": np.full(m, 100, np.int16), "z_min": -20000, "z_max": 20000}
    errors |= {"weight_rec": rng.integers(-128, 128, (m, k)).astype(np.int8)}
    code = {"weight_rec": up, "weight_exp": -7, "drive_exp": 0}
    images = [np.full(m, 255), np.zeros(m), np.full(m, -255), rng.integers(-255, 256, m)]
    trace = agree(loop(make_network, m, images, errors, code), STEPS, 4)
    z = wide(trace, "1", "z")
    largest = 2 * np.abs(up.astype(int)).max()  # Lava's Dense holds twice the weights
    assert (largest * np.abs(z[0]).sum(axis=1) > EXACT_IN_FLOAT32).all()
    assert (largest * np.abs(z[1]).sum(axis=1) < EXACT_IN_FLOAT32).all() and z[1].any()
    assert np.abs(wide(trace, "2", "a_in")).max() == 20000 * (128 + 39 * 7) > 2**22


def test_the_widest_messages(make_network, agree):
    """Drive and input at their limits, of one sign: errors of 23 bits, one synapse of 1 each."""
    errors = {
        "weight": np.array([32767, 32767], np.int16),
        "weight_rec": np.array([[-128, -128], [127, 127]], np.int8),
        "weight_exp": 14,
        "z_min": -STATE_MAX,
        "z_max": STATE_MAX,
    }
    code = {
        "weight_rec": np.array([[1, 0], [0, -1]], np.int8),
        "weight_exp": -8,
        "u_init": np.array([8000, 8000], np.int32),
        "u_max": 9000,
    }
    network = loop(make_network, 2, [[255, -255], [-255, 255]], errors, code)
    network = replace(network, layer=replace(network.layer, bias=np.full(2, 3000, np.int32)))
    z = wide(agree(network, STEPS, 5), "1", "z")
    limit = TERM_MAX + (127 << 14)
    assert z.max() == limit and z.min() == -limit
    assert limit > 2**21


@pytest.mark.parametrize(("leak", "shift", "exponent"), [(15, 0, 14), (1, 20, 14), (0, 0, -8)])
def test_read_outs_with_largest_leak_shift_and_exponents(
    make_network, agree, rng, leak, shift, exponent
):
    network = make_network(k=6, weight_rec=np.zeros((6, 6), np.int8), weight_exp=0)
    readout = GradedLayer(
        weight_rec=rng.integers(-128, 128, (3, 6)).astype(np.int8),
        bias=np.array([TERM_MAX, 0, -TERM_MAX], np.int32),
        source=1,
        sign=ADDED,
        weight_exp=exponent,
        leak=leak,
        shift=shift,
        z_min=-STATE_MAX,
        z_max=STATE_MAX,
    )
    trace = agree(replace(network, readouts=(readout,)), STEPS, 6)
    u, z = wide(trace, "2", "u"), wide(trace, "2", "z")
    a_in = wide(trace, "2", "a_in")
    assert (a_in % 2 == 1).any() and (a_in < 0).any() and (a_in > 0).any()
    assert len(np.unique(u)) > 20
    if leak:
        assert not u[:, 0].any()
    if leak == 15:
        assert np.abs(np.diff(u, axis=1)).max() <= 1 + (2 * TERM_MAX >> 15)
    np.testing.assert_array_equal(z, (u + ((1 << shift) >> 1)) >> shift)
    assert shift == 0 or set(np.unique(z)) > {-1, 0, 1}
