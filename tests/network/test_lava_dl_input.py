"""Images of plain lava-dl networks: what is accepted, and the messages that they become."""

from dataclasses import replace

import numpy as np
import pytest

from ipvae.errors import InputError
from ipvae.network.connections import Connection, Dense
from ipvae.network.frames import load_frames
from ipvae.network.kinds import CubaNeuron, DeltaNeuron, SigmaDeltaNeuron
from ipvae.network.network import Input, Layer, Network
from ipvae.network.rules.input_messages import messages


def network(entry, neuron=None):
    connection = Connection("0", Dense(np.ones((2, entry.size))))
    return Network(entry, (Layer("1", neuron or CubaNeuron(1, 1, 1), (connection,)),))


@pytest.fixture
def load(tmp_path):
    def load(entry, array, n_steps=3, net=None):
        np.save(tmp_path / "x.npy", array)
        return load_frames(tmp_path / "x.npy", net or network(entry), n_steps)

    return load


CUBA = Input((1, 2, 2), CubaNeuron(25, 4096, 1024), 36.0, 34.0)
DELTA = Input((4,), DeltaNeuron(3))
BARE = Input((4,))


def test_integers_are_currents_and_reals_go_through_the_networks_transform(load):
    given = np.array([[1, -2, 3, 4095]])
    frames = load(CUBA, given)
    assert frames.values.tolist() == [given.tolist()] and not frames.real
    frames = load(CUBA, np.array([[0.0, 1.0, -1.0, 0.49]]))
    assert frames.values.tolist() == [[[34, 70, -2, 51]]] and frames.real
    frames = load(DELTA, np.array([[0.5, -0.99, 1.0, 0.0]]))
    assert frames.values.tolist() == [[[32, -63, 64, 0]]]


@pytest.mark.parametrize("shape", [(3, 1, 2, 2), (3, 4), (3, 2, 2), (3, 2, 2, 1)])
def test_one_image_stands_for_all_steps(load, shape):
    assert load(CUBA, np.ones(shape, np.int16)).values.shape == (3, 1, 4)


@pytest.mark.parametrize("shape", [(3, 5, 1, 2, 2), (3, 5, 4)])
def test_or_one_image_for_each_step(load, shape):
    given = np.arange(np.prod(shape)).reshape(shape)
    frames = load(CUBA, given, n_steps=2)
    np.testing.assert_array_equal(frames.values, given.reshape(3, 5, 4)[:, :2])
    with pytest.raises(InputError, match="steps: found 6, allowed up to 5, the steps of each"):
        load(CUBA, given, n_steps=6)


def test_lava_dls_order_has_the_steps_last(load):
    given = np.arange(3 * 5 * 6).reshape(3, 5, 6)
    entry = Input((1, 2, 3), CUBA.neuron)
    expected = load(entry, given, n_steps=5).values
    for last in (given.transpose(0, 2, 1), given.reshape(3, 5, 1, 2, 3).transpose(0, 2, 3, 4, 1)):
        np.testing.assert_array_equal(load(entry, last, n_steps=5).values, expected)


WIDE = Input((3, 6, 10), CubaNeuron(25, 4096, 1024))


@pytest.mark.parametrize(
    ("entry", "shape"),
    [
        *((WIDE, shape) for shape in [(6, 10, 3), (10, 6, 3), (3, 10, 6), (18, 10)]),
        *((Input((1, 5, 7), CUBA.neuron), shape) for shape in [(7, 5), (1, 7, 5), (5, 1, 7)]),
    ],
)
def test_another_order_of_the_axes_is_refused(load, entry, shape):
    with pytest.raises(InputError, match=r"the network takes one or more images of .* values, \(n"):
        load(entry, np.ones((2, *shape), np.uint8))


def test_integers_are_read_as_reals_where_that_is_asked_for():
    net = network(CUBA)
    given = np.array([[0, 1, 1, 0]], np.uint8)
    as_input, as_real = (load_frames(given, net, 3, reading) for reading in ("input", "real"))
    assert as_input.values.tolist() == [[[0, 1, 1, 0]]] and not as_input.real
    assert as_real.values.tolist() == [[[34, 70, 70, 34]]] and as_real.real
    assert "uint8 read as what input neurons take, 0 to 1" in as_input.reading
    assert "uint8 read as real numbers (36 x + 34 of the input layer), 0 to 1; input neurons " in (
        as_real.reading
    )
    assert "34 to 70 (-4096 to 4095 allowed)" in as_real.reading
    with pytest.raises(InputError, match="integers: found 'levels', allowed input and real"):
        load_frames(given, net, 3, "levels")


@pytest.mark.parametrize(
    ("entry", "array", "message"),
    [
        (CUBA, np.ones((3, 5)), r"shape \(3, 5\), the network takes .* images of 4 values"),
        (CUBA, np.ones((0, 4)), r"shape \(0, 4\), the network takes one or more images"),
        (CUBA, np.ones(4), "holds no array of images"),
        (CUBA, np.array([["a", "b"]]), "holds '<U1', allowed are numbers"),
        (CUBA, np.array([[np.nan, 0, 0, 0]]), "not finite numbers"),
        (CUBA, np.array([[4096, 0, 0, 0]]), r"0\.\.4096 for the input neurons, allowed -4096\.\."),
        (CUBA, np.array([[1e3, 0, 0, 0]]), r"34\.\.36034 .*scale the images as in training"),
        (DELTA, np.array([[2048, 0, 0, 0]]), r"0\.\.2048 for the input neurons, allowed -2048\."),
        (BARE, np.array([[2, 0, 0, 1]]), r"holds 0\.\.2 .*allowed 0\.\.1$"),
        (BARE, np.array([[0.5, 0, 0, 1]]), "fractions; without input neurons allowed are messages"),
    ],
)
def test_images_that_do_not_fit_are_refused(load, entry, array, message):
    with pytest.raises(InputError, match=message):
        load(entry, array)


def test_what_is_no_npy_file_is_refused(tmp_path):
    (tmp_path / "x.npy").write_bytes(b"text")
    for name, found in (("x", "not an .npy file of numbers"), ("none", "cannot be read")):
        with pytest.raises(InputError, match=f"{name}.npy: {found}"):
            load_frames(tmp_path / f"{name}.npy", network(CUBA), 3)


def test_messages_without_input_neurons_are_the_images(load):
    frames = load(BARE, np.array([[[0, 1, 1, 0], [1.0, 0, 0, 0]]]), n_steps=2)
    assert not frames.real
    assert messages(BARE, frames.values[0], 2).tolist() == [[0, 1, 1, 0], [1, 0, 0, 0]]
    assert messages(BARE, frames.values[0][:1], 2).tolist() == [[0, 1, 1, 0]] * 2
    graded = network(replace(BARE, graded=True), SigmaDeltaNeuron(0))
    frames = load(BARE, np.array([[-32768, 32767, 5, 0]]), net=graded)
    assert messages(BARE, frames.values[0], 1).tolist() == [[-32768, 32767, 5, 0]]


def test_cuba_input_spikes_by_hand():
    """Threshold 25, half of the potential decays, the currents are 30, 13, -5 and 20."""
    entry = Input((4,), CubaNeuron(25, 4096, 2048))
    sent = messages(entry, np.array([[30, 13, -5, 20]]), 4)
    # potentials / 64: 30 | 13 19.5 22.75 24.375 | .. | 20 30 20 30
    assert sent.T.tolist() == [[1, 1, 1, 1], [0, 0, 0, 0], [0, 0, 0, 0], [0, 1, 0, 1]]


def test_cuba_potentials_decay_toward_zero_and_stay_in_24_bits():
    whole = Input((1,), CubaNeuron(2**18, 4096, 0))
    assert messages(whole, np.array([[4095]]), 100).sum() == 0  # 2^18 is out of reach
    # -1 current: v = -64, then -64 * 4095 >> 12 would be -64, toward zero it is -63
    entry = Input((1,), CubaNeuron(0, 4096, 1))
    frames = np.array([[-1], [0], [0], [1]])
    sent = messages(entry, frames, 4)
    assert sent.T.tolist() == [[0, 0, 0, 1]]  # -64, -63, -62, +2


def test_delta_input_sends_changes_and_keeps_what_it_did_not_send():
    entry = Input((2,), DeltaNeuron(3))
    frames = np.array([[5, 2], [5, 4], [3, 4], [1, -9]])
    sent = messages(entry, frames, 4)
    assert sent.T.tolist() == [[5 * 64, 0, 0, -4 * 64], [0, 4 * 64, 0, -13 * 64]]
    assert messages(entry, frames[:1], 3).T.tolist() == [[320, 0, 0], [0, 0, 0]]


def test_cuba_input_spikes_above_its_threshold_and_not_at_it():
    entry = Input((3,), CubaNeuron(30, 4096, 4096))
    assert messages(entry, np.array([[29, 30, 31]]), 2).tolist() == [[0, 0, 1]] * 2


@pytest.mark.parametrize(("last", "spikes"), [(31, 0), (32, 1)])
def test_cuba_potentials_end_one_above_the_lowest_number_of_24_bits(last, spikes):
    """33 currents of -4096 reach -(2^23 - 1), 32 of 4095 bring it to -2047, and 32 above 0."""
    entry = Input((1,), CubaNeuron(0, 4096, 0))
    frames = np.array([[-4096]] * 33 + [[4095]] * 32 + [[last]])
    assert messages(entry, frames, 66).sum() == spikes


def test_delta_input_sends_a_change_of_its_threshold():
    entry = Input((4,), DeltaNeuron(3))
    sent = messages(entry, np.array([[3, -3, 2, -2]]), 1)
    assert sent.tolist() == [[3 * 64, -3 * 64, 0, 0]]


@pytest.mark.parametrize(
    ("entry", "low", "high"),
    [(CUBA, -4096, 4095), (DELTA, -2048, 2047), (BARE, 0, 1)],
    ids=["currents", "signals", "messages"],
)
def test_images_reach_both_ends_of_what_is_allowed(load, entry, low, high):
    given = np.array([[low, 0, 0, high]])
    assert load(entry, given).values.tolist() == [given.tolist()]
    for wrong in (low - 1, high + 1):
        with pytest.raises(InputError, match=f"allowed {low}\\.\\.{high}"):
            load(entry, np.array([[wrong, 0, 0, 0]]))


def test_graded_messages_have_16_bits(load):
    graded = network(replace(BARE, graded=True), SigmaDeltaNeuron(0))
    for wrong in (-32769, 32768):
        with pytest.raises(InputError, match=r"allowed -32768\.\.32767"):
            load(BARE, np.array([[wrong, 0, 0, 0]]), net=graded)


def test_as_many_images_as_steps_are_enough(load):
    given = np.ones((2, 5, 4), np.int16)
    assert load(CUBA, given, n_steps=5).values.shape == (2, 5, 4)


@pytest.mark.lava
@pytest.mark.parametrize("seed", range(2))
def test_messages_equal_those_of_lavas_own_processes(seed):
    from ipvae.lava_procs.importing import import_lava

    import_lava()
    from lava.magma.core.run_conditions import RunSteps
    from lava.magma.core.run_configs import Loihi2SimCfg
    from lava.proc.io.sink import RingBuffer as Sink
    from lava.proc.io.source import RingBuffer as Source
    from lava.proc.lif.process import LIF
    from lava.proc.sdn.process import Delta

    rng, n, n_steps = np.random.default_rng(seed), 40, 25
    decay, threshold = int(rng.integers(0, 4097)), int(rng.integers(5, 90))
    currents = rng.integers(-4096, 4096, n)
    signal = rng.integers(-2048, 2048, (n_steps, n))
    lif = LIF(shape=(n,), bias_mant=currents, bias_exp=6, vth=threshold, du=4095, dv=decay)
    delta = Delta(shape=(n,), vth=threshold, spike_exp=6, state_exp=6)
    source = Source(data=signal.T)
    source.s_out.connect(delta.a_in)
    found = []
    for process in (lif, delta):
        sink = Sink(shape=(n,), buffer=n_steps)
        process.s_out.connect(sink.a_in)
        process.run(RunSteps(n_steps), run_cfg=Loihi2SimCfg(select_tag="fixed_pt"))
        found.append(sink.data.get().T)
        process.stop()
    cuba = Input((n,), CubaNeuron(threshold, 4096, decay))
    np.testing.assert_array_equal(messages(cuba, currents[None], n_steps), found[0])
    sigma_delta = Input((n,), DeltaNeuron(threshold))
    np.testing.assert_array_equal(messages(sigma_delta, signal, n_steps), found[1])
    assert found[0].any() and found[1].any()


def test_the_lowest_potential_is_seen_after_it_has_decayed_twice():
    """-(2^23 - 1) and a number above it end one on, one above the threshold of 2."""
    entry = Input((1,), CubaNeuron(2, 4096, 5))
    frames = np.array([[-140_000], [12_961], [117_809]])
    v, expected = 0, []
    for (current,) in frames.tolist():
        size = abs(v) * (4096 - 5) // 4096
        v = max((size if v > 0 else -size) + 64 * current, -(2**23) + 1)
        expected.append(int(v > 64 * 2))
    assert messages(entry, frames, 3).ravel().tolist() == expected == [0, 0, 0]
