"""Networks of any kinds and connections on Lava, in every variable, against an oracle."""

import dataclasses
import shutil

import h5py
import numpy as np
import pytest

from ipvae.errors import BackendError, InputError
from ipvae.lava_procs.importing import import_lava
from ipvae.lava_procs.network_run import run_network
from ipvae.network.connections import Connection, Convolution, Dense, Diagonal
from ipvae.network.io.lava_dl_file import read_plain
from ipvae.network.kinds import CubaNeuron, SigmaDeltaNeuron, SigmaNeuron
from ipvae.network.network import Input, Layer, Network

pytestmark = pytest.mark.lava()

EVERYTHING = ("a_in", "current", "voltage", "sigma", "residue", "reference", "z")
CUBA = CubaNeuron(20, 700, 333)


@pytest.fixture(scope="module", autouse=True)
def _lava():
    import_lava()


def compare(oracle, network, samples, *, stock=False):
    """Run on Lava, compare every variable of every layer with the oracle; return the first run."""
    record = [name for name in EVERYTHING if any(name in k.variables for k in kinds(network))]
    n_steps, n_samples = len(samples[0]), len(samples)
    found = list(run_network(network, samples, n_steps, n_samples, stock=stock, record=record))
    assert len(found) == n_samples
    for sample, of_sample in zip(samples, found, strict=True):
        expected = oracle.simulate(network, sample)
        assert of_sample.keys() == expected.keys()
        for layer in network.layers:
            assert of_sample[layer.id].keys() == set(layer.neuron.variables)
            for name, values in of_sample[layer.id].items():
                assert values.dtype == np.int32
                wanted = expected[layer.id][name]
                assert len(values) == n_steps + network.schedule.lead_in(layer.id)
                np.testing.assert_array_equal(values, wanted, err_msg=f"{layer.id} {name}")
    return found[0]


def kinds(network):
    return [layer.neuron for layer in network.layers]


def dense(rng, n_out, n_in, low=-40, high=50):
    return Dense(rng.integers(low, high, (n_out, n_in)))


def spikes(rng, n_steps, n):
    return rng.integers(0, 2, (n_steps, n)).astype(np.int32)


@pytest.mark.parametrize("n_steps", [800, pytest.param(3000, marks=pytest.mark.long)])
def test_ntidigits_equals_all_of_lava_dls_golden_output(plain_nets, tmp_path, n_steps):
    """Its delays are of 0 to 62 steps. lava-dl compares its last step alone; we compare all.

    The golden output is one step late, and of a chip that was not reset: biases act from its first
    step on. The reader refuses its last layer, which netx omits too.
    """
    folder, path = plain_nets.wheel_folder() / "gts/ntidigits", tmp_path / "n.net"
    shutil.copy(folder / "ntidigits.net", path)
    with h5py.File(path, "a") as file:
        del file["layer/5"]
    network = read_plain(path)
    vars(network)["schedule"] = dataclasses.replace(network.schedule, free_running=True)
    sent = np.load(folder / "input.npy").T[:n_steps].astype(np.int32)
    expected = np.load(folder / "output.npy").T[:n_steps].astype(int)
    (found,) = run_network(network, [sent], len(sent), 1)
    last = found[network.readout.id]["z"][: len(expected) - 1]
    np.testing.assert_array_equal(last, expected[1:])
    assert last.sum() > 20000


@pytest.mark.parametrize(
    ("seed", "stock"),
    [
        *((0, False), (1, True), (2, False)),
        *(
            pytest.param(seed, stock, marks=pytest.mark.long)
            for seed in range(3, 23)
            for stock in (False, True)
        ),
    ],
)
@pytest.mark.parametrize("mix", [("CUBA",), ("SDNN",), ("CUBA", "SDNN")], ids="+".join)
def test_random_networks_equal_the_oracle_in_every_variable(network_oracle, mix, seed, stock):
    rng = np.random.default_rng([seed, len(mix), len(mix[0])])
    network = network_oracle.random_network(rng, mix, loops=seed > 0)
    samples = [network_oracle.random_messages(rng, network, 7) for _ in range(2)]
    found = compare(network_oracle, network, samples, stock=stock)
    active = {name for name, of in found.items() if of["z"].any()}
    assert {"1", "2"} <= active


@pytest.mark.parametrize("mix", [("CUBA",), ("SDNN",), ("CUBA", "SDNN")], ids="+".join)
@pytest.mark.parametrize("first", [0, pytest.param(2, marks=pytest.mark.long)])
def test_tangled_networks_equal_the_oracle_in_every_variable(network_oracle, mix, first):
    for seed in range(first, 2 if first == 0 else 40):
        rng = np.random.default_rng([seed, len(mix), len(mix[0])])
        network = network_oracle.tangled_network(rng, mix)
        samples = [network_oracle.random_messages(rng, network, 7) for _ in range(2)]
        compare(network_oracle, network, samples, stock=seed % 2 == 1)


def test_skipped_layers_keep_samples_apart_without_a_new_network(network_oracle, rng):
    """Layer 3 receives the input after 3 chip steps, layer 1 after 2, and layer 2 after one."""
    connections = [
        Connection("2", dense(rng, 5, 6)),
        Connection("1", dense(rng, 5, 7)),
        Connection("0", dense(rng, 5, 4)),
    ]
    network = Network(
        Input((4,)),
        (
            Layer("1", CUBA, (Connection("0", dense(rng, 7, 4)),)),
            Layer("2", CUBA, (Connection("1", dense(rng, 6, 7)),), np.arange(6)),
            Layer("3", CUBA, tuple(connections)),
        ),
    )
    assert not network.schedule.free_running
    found = compare(network_oracle, network, [spikes(rng, 6, 4) for _ in range(4)])
    assert all(of["z"].any() for of in found.values())


def test_layers_of_other_shapes_meet(network_oracle, rng):
    """Flat and three-dimensional senders for both kinds of weights, two into one layer."""
    kernel = Convolution(rng.integers(-9, 10, (2, 3, 2, 2)), (3, 4, 5), padding=(1, 0))
    turned = Convolution(rng.integers(-9, 14, (3, 2, 3, 1)), (2, 5, 4), stride=(1, 2))
    assert kernel.shape == (2, 5, 4)
    layers = (
        Layer(
            "1",
            CUBA,
            (Connection("0", kernel), Connection("0", dense(rng, 40, 60), -2)),
            np.array([3, -2]),
        ),
        Layer("2", CUBA, (Connection("1", turned), Connection("0", dense(rng, 18, 60), -1))),
        Layer(
            "3",
            CUBA,
            (
                Connection("2", Dense(np.eye(18, dtype=int)[::-1] * 90)),
                Connection("2", Diagonal(rng.integers(-30, 90, 18))),
            ),
        ),
        Layer("4", CUBA, (Connection("3", Convolution(np.full((2, 2, 2, 2), 40), (2, 3, 3))),)),
    )
    network = Network(Input((3, 4, 5)), layers)
    found = compare(network_oracle, network, [spikes(rng, 6, 60) for _ in range(2)])
    assert all(of["z"].any() for of in found.values())


@pytest.mark.parametrize("stock", [False, True])
def test_delays_of_every_length_for_graded_messages(network_oracle, rng, stock):
    """One number, or one for each receiver; behind layers of other phases and with exponents."""
    each = np.array([0, 1, 2, 5, 61, 62])
    layers = (
        Layer("1", SigmaDeltaNeuron(0), (Connection("0", dense(rng, 3, 2)),)),
        Layer(
            "2",
            SigmaDeltaNeuron(2, "identity"),
            (
                Connection("1", dense(rng, 6, 3), -3, each),
                Connection("0", Dense(2 * rng.integers(-128, 128, (6, 2))), 2, each[::-1].copy()),
                Connection("1", dense(rng, 6, 3), 0, 62),
            ),
        ),
        Layer("3", SigmaNeuron(), (Connection("0", Diagonal(np.array([-128, 127])), 3, 5),)),
    )
    network = Network(Input((2,), graded=True), layers)
    messages = rng.integers(-90, 90, (70, 2)).astype(np.int32)
    compare(network_oracle, network, [messages], stock=stock)


@pytest.mark.parametrize("stock", [False, True])
def test_exponents_at_their_ends_round_down(network_oracle, rng, stock):
    """Odd weights of both signs, even ones of nine bits, weights of one sign; dense, diagonal."""
    of_kinds = {
        "both": rng.integers(-128, 128, (4, 4)),
        "even": 2 * rng.integers(-128, 128, (4, 4)),
        "positive": rng.integers(128, 256, (4, 4)),
        "negative": -rng.integers(128, 256, (4, 4)),
    }
    layers = []
    for weight in of_kinds.values():
        diagonal = Diagonal(np.diag(weight))
        for made, exponent in ((Dense(weight), -8), (Dense(weight), 14), (diagonal, -8)):
            connections = (Connection("0", made, exponent), Connection("0", diagonal, 14))
            layers.append(Layer(str(len(layers) + 1), SigmaNeuron(), connections))
    network = Network(Input((4,), graded=True), tuple(layers))
    found = compare(
        network_oracle, network, [np.array([[1, -1, 3, -5], [9, 2, -2, 0]], np.int32)], stock=stock
    )
    assert any((of["a_in"] < 0).any() for of in found.values())


def test_recurrent_layers_send_themselves_spikes(network_oracle, rng):
    own = Connection("1", dense(rng, 6, 6), delay=1)
    late = Connection("2", Diagonal(np.array([90, -90, 60, 0, 9])), delay=3)
    network = Network(
        Input((4,)),
        (
            Layer("1", CUBA, (Connection("0", dense(rng, 6, 4)), own), np.arange(6)),
            Layer("2", CUBA, (Connection("1", dense(rng, 5, 6)), late)),
        ),
    )
    found = compare(network_oracle, network, [spikes(rng, 9, 4) for _ in range(2)])
    assert all(of["z"].any() for of in found.values())
    assert [len(of["z"]) for of in found.values()] == [9, 9]


@pytest.mark.parametrize("stock", [False, True])
def test_biases_act_from_row_0_on_where_messages_are_delayed(network_oracle, rng, stock):
    """As in SLAYER. Layers 1 and 2 send spikes in their first chip steps, without receivers."""
    each = np.array([1, 2, 4, 1, 3])
    layers = (
        Layer("1", CUBA, (Connection("0", dense(rng, 6, 4)),), np.full(6, 90)),
        Layer("2", CUBA, (Connection("1", dense(rng, 6, 6)),), np.full(6, 90)),
        Layer(
            "3",
            CUBA,
            (
                Connection("2", dense(rng, 5, 6), 0, each),
                Connection("1", dense(rng, 5, 6), 0, 3),
                Connection("2", dense(rng, 5, 6)),
            ),
        ),
    )
    network = Network(Input((4,)), layers)
    assert [network.schedule.phase[name] for name in "123"] == [1, 2, 3]
    found = compare(network_oracle, network, [spikes(rng, 9, 4) for _ in range(2)], stock=stock)
    assert found["2"]["z"][0].all()


@pytest.mark.parametrize("stock", [False, True])
def test_a_chain_of_delays_of_1_needs_no_slower_rows(network_oracle, rng, stock):
    delays = np.array([1, 2, 1, 3, 1])
    layers = (
        Layer("1", CUBA, (Connection("0", dense(rng, 5, 4)),)),
        Layer("2", CUBA, (Connection("1", dense(rng, 5, 5), 0, delays),), np.arange(5)),
        Layer("3", CUBA, (Connection("2", dense(rng, 5, 5), 0, 2),)),
    )
    network = Network(Input((4,)), layers)
    assert network.schedule.period == 1
    assert network.schedule.phase == {"0": 0, "1": 1, "2": 1, "3": 0}
    found = compare(network_oracle, network, [spikes(rng, 12, 4) for _ in range(2)], stock=stock)
    assert all(of["z"].any() for of in found.values())


def test_a_layer_receives_a_later_one_after_a_delay(network_oracle, rng):
    """Layer 1 receives layer 2, one chip step behind it, two rows later."""
    back = Connection("2", dense(rng, 6, 5), -1, delay=2)
    network = Network(
        Input((4,)),
        (
            Layer("1", CUBA, (Connection("0", dense(rng, 6, 4)), back)),
            Layer("2", CUBA, (Connection("1", dense(rng, 5, 6)),), np.full(5, 9)),
        ),
    )
    found = compare(network_oracle, network, [spikes(rng, 9, 4)])
    assert all(of["z"].any() for of in found.values())


def test_currents_wrap_and_voltages_saturate_at_24_bits(network_oracle):
    """A current stays at 2^23 and leaves it and -2^23 by 2^24; it never decays here."""
    silent = CubaNeuron(2**18, 0, 0)
    layers = [
        Layer(str(number), silent, (Connection("0", Dense(np.eye(2) * weight), exponent),))
        for number, (weight, exponent) in enumerate([(255, 8), (-255, 8), (128, 10), (-128, 10)], 1)
    ]
    network = Network(Input((2,)), tuple(layers))
    found = compare(network_oracle, network, [np.array([[1, 0]] * 9, np.int32)])
    for name in ("1", "2"):
        current = found[name]["current"]
        assert current.min() < -(2**22) and current.max() > 2**22
        assert np.abs(found[name]["voltage"]).max() == 2**23 - 1
    assert found["3"]["current"][0, 0] == found["4"]["current"][0, 0] == 2**23


def test_recording_changes_no_message(rng):
    graded = Layer("2", SigmaDeltaNeuron(1), (Connection("1", dense(rng, 5, 6)),))
    network = Network(Input((4,)), (Layer("1", CUBA, (Connection("0", dense(rng, 6, 4)),)), graded))
    messages = spikes(rng, 5, 4)
    (plain,) = run_network(network, [messages], 5, 1)
    (watched,) = run_network(network, [messages], 5, 1, record=("a_in", "voltage", "sigma"))
    for name, of in plain.items():
        assert of.keys() == {"z"} and {"a_in", "z"} < watched[name].keys()
        np.testing.assert_array_equal(of["z"], watched[name]["z"])


def looped(rng):
    """Layers 1, 2, 3 in a chain, and back from 3 to 1 within a row's delay."""
    back = Connection("3", dense(rng, 4, 4), delay=1)
    chain = [Layer("1", CUBA, (Connection("0", dense(rng, 4, 4)), back))]
    chain += [Layer(str(i), CUBA, (Connection(str(i - 1), dense(rng, 4, 4)),)) for i in (2, 3)]
    return Network(Input((4,)), tuple(chain))


def apart(_):
    """Layer 2 receives itself alone."""
    first = Layer("1", CUBA, (Connection("0", Dense(np.eye(4))),))
    own = Connection("2", Dense(np.eye(4)), delay=1)
    return Network(Input((4,)), (first, Layer("2", CUBA, (own,), np.full(4, 9))))


def of_one(neuron, weights, exponent=0):
    return Network(Input((4,)), (Layer("1", neuron, (Connection("0", weights, exponent),)),))


SCALED = Convolution(np.ones((1, 1, 1, 1), int), (1, 2, 2))


REFUSED = {
    "short delay": (looped, BackendError, r"one chip step, .* layers 1 \(from 3\); 3 steps a row"),
    "parts": (apart, BackendError, "cannot run layers 2: they are not connected to the input"),
    "exponent": (
        lambda _: of_one(CUBA, SCALED, 2),
        BackendError,
        "no exponent for convolutions, and layer 1 has 2",
    ),
    "variable": (
        lambda _: of_one(CUBA, Dense(np.eye(4))),
        InputError,
        "record: found 'sigma', allowed are a_in, current, voltage, z, the variables of",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_lava_cannot_run_is_refused_in_one_line(rng, what):
    make, error, message = REFUSED[what]
    record = ("sigma",) if what == "variable" else ()
    with pytest.raises(error, match=message) as caught:
        next(run_network(make(rng), [np.zeros((1, 4), np.int32)], 1, 1, record=record))
    assert "\n" not in str(caught.value)
