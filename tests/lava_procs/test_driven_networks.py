"""Poisson and graded layers in networks of any kinds on Lava, in every variable."""

import numpy as np
import pytest

from ipvae.emulator.event_driven.engine import NetworkEmulator
from ipvae.errors import BackendError, UnprovedOverflowError
from ipvae.lava_procs.importing import import_lava
from ipvae.lava_procs.network_run import require_runnable, run_network
from ipvae.network.connections import Connection, Convolution, Dense, Drive
from ipvae.network.conversion.from_dense import as_network
from ipvae.network.kinds import CubaNeuron, GradedNeuron, PoissonNeuron, SigmaDeltaNeuron
from ipvae.network.network import Input, Layer, Network, Pixels
from ipvae.network.rules import random_source
from ipvae.network.rules.input_messages import messages

pytestmark = pytest.mark.lava()

EVERYTHING = ("a_in", "current", "voltage", "sigma", "residue", "reference", "u", "z")
PIXELS = Pixels(-300, 300)
MIXES = (("POISSON", "CUBA"), ("POISSON", "SDNN", "GRADED"), ("POISSON", "GRADED"))


@pytest.fixture(scope="module", autouse=True)
def _lava():
    import_lava()


def on_lava(network, frames, rows, seed, *, stock=False):
    """Variables of every layer of each sample."""
    names = {name for layer in network.layers for name in layer.neuron.variables} - {"z"}
    record = [name for name in EVERYTHING if name in names]
    sent = [messages(network.input, image, rows) for image in frames]
    options = {"stock": stock, "record": record, "frames": frames, "seed": seed}
    return sent, list(run_network(network, sent, rows, len(frames), **options))


def compared(oracle, network, frames, n_steps, seed, *, stock=False):
    """Lava, equal in every value to the emulator and, if given, to the oracle."""
    rows = network.rows(n_steps)
    sent, found = on_lava(network, frames, rows, seed, stock=stock)
    emulated = NetworkEmulator(network, 1).records(frames, rows, EVERYTHING, seed=seed)
    for image, (lava, emulator) in enumerate(zip(found, emulated, strict=True)):
        runs = [emulator]
        if oracle is not None:
            key = random_source.image_key(seed, image)
            runs.append(oracle.simulate(network, sent[image], frames[image], key))
        for layer in network.layers:
            assert set(lava[layer.id]) == set(layer.neuron.variables)
            for name, values in lava[layer.id].items():
                for run in runs:
                    np.testing.assert_array_equal(values, run[layer.id][name], f"{layer.id} {name}")
    return found


def pixels(rng, network, images=2, rows=1):
    low, high = network.input.value_range
    return rng.integers(low, high + 1, (images, rows, network.input.size)).astype(np.int32)


def poisson(**parts):
    limits = {"u_min": -30000, "u_max": 14000, "u_init": -3000, "payload_bits": 6}
    return PoissonNeuron(**{**limits, **parts})


def test_a_poisson_code_feeds_a_cuba_read_out(network_oracle, rng):
    drive = Drive(Dense(rng.integers(-3000, 3001, (9, 12))), -9)
    loop = Connection("1", Dense(rng.integers(-20, 60, (9, 9))), delay=1)
    code = Layer("1", poisson(weight_exp=4), (loop,), rng.integers(-500, 500, 9), drive=drive)
    out = Dense(rng.integers(-20, 40, (3, 9)))
    last = Layer("2", CubaNeuron(30, 600, 300), (Connection("1", out),), purpose="readout")
    network = Network(Input((12,), graded=True, pixels=PIXELS), (code, last))
    for rows in (1, 11):
        found = compared(network_oracle, network, pixels(rng, network, 2, rows), 10, 7)
        assert len(np.unique(found[0]["1"]["z"])) > 2 and 0 < found[0]["2"]["z"].mean() < 1


@pytest.mark.parametrize("hidden", [SigmaDeltaNeuron(0), GradedNeuron(-90, 90, shift=2)], ids=str)
def test_a_hidden_layer_before_a_poisson_layer(network_oracle, rng, hidden):
    weights = Dense(rng.integers(-3, 4, (6, 12)))
    drive = Drive(Dense(rng.integers(-90, 91, (6, 12))), -6) if hidden.driven else None
    first = Layer("1", hidden, (Connection("0", weights),), drive=drive)
    received = Connection("1", Dense(rng.integers(-9, 10, (5, 6))), -2, delay=1)
    code = Layer("2", poisson(weight_exp=0, sign=1), (received,))
    network = Network(Input((12,), graded=True, pixels=PIXELS), (first, code))
    found = compared(network_oracle, network, pixels(rng, network), 8, 2**47)
    assert len(np.unique(found[0]["2"]["z"])) > 2


def convolutional(rng, stride):
    """A convolutional iP-VAE: maps driven by a convolution, inhibited by one with delay 1."""
    image, maps = (2, 9, 8), 3
    seen = Convolution(rng.integers(-900, 901, (maps, 2, 3, 4)), image, (stride, 1), (1, 2))
    loop = Convolution(rng.integers(-20, 50, (maps, maps, 3, 3)), seen.shape, padding=(1, 1))
    neuron = poisson(
        u_init=rng.integers(-4000, 0, maps), self_weight=rng.integers(0, 900, maps), weight_exp=3
    )
    code = Layer(
        "1",
        neuron,
        (Connection("1", loop, delay=1),),
        rng.integers(-300, 300, maps),
        drive=Drive(seen, -8),
    )
    return Network(Input(image, graded=True, pixels=PIXELS), (code,))


def unrolled(oracle, network):
    """The same network with dense weights and one number for each neuron."""
    (code,) = network.layers
    (loop,) = code.connections
    neuron = code.neuron.of_neurons(code.n_neurons)
    drive = Drive(Dense(oracle.matrix(code.drive.weights)), code.drive.exponent)
    dense = Connection("1", Dense(oracle.matrix(loop.weights)), delay=1)
    layer = Layer("1", neuron, (dense,), code.biases, drive=drive)
    return Network(Input((network.input.size,), graded=True, pixels=PIXELS), (layer,))


@pytest.mark.parametrize("stride", [1, 2])
def test_a_convolutional_poisson_layer_equals_the_dense_one(network_oracle, rng, stride):
    network = convolutional(rng, stride)
    frames = pixels(rng, network)
    found = compared(network_oracle, network, frames, 8, 5)
    dense = unrolled(network_oracle, network)
    for one, other in zip(found, compared(None, dense, frames, 8, 5), strict=True):
        for name, values in one["1"].items():
            np.testing.assert_array_equal(values, other["1"][name], name)
    assert len(np.unique(found[0]["1"]["z"])) > 3


@pytest.mark.parametrize("mix", MIXES, ids="+".join)
@pytest.mark.parametrize("first", [0, pytest.param(2, marks=pytest.mark.long)])
def test_mixed_random_networks_equal_the_oracle(network_oracle, mix, first):
    """Connected ones: three of each mix, 40 if long."""
    done, seed = 0, 100 * first
    while done < (3 if first == 0 else 40):
        rng = np.random.default_rng([seed, len(mix)])
        seed += 1
        network = network_oracle.tangled_network(rng, mix)
        try:
            require_runnable(network)
        except BackendError:  # its parts are not connected
            continue
        frames = pixels(rng, network, 2, int(rng.choice([1, network.rows(6)])))
        compared(network_oracle, network, frames, 6, 11, stock=seed % 2 == 1)
        done += 1


def test_integer_networks_of_one_step_a_row_give_the_same_trace(kinds):
    from ipvae.emulator import recording

    for name in ("recurrent + 2 read-outs", "feed-forward, ceiling", "one hidden + 2 read-outs"):
        network = kinds.networks(1)[name]
        frames = network.test_images.astype(np.int32)[:, None]
        expected = recording.run(network, network.test_images, 6, 3)
        _, found = on_lava(as_network(network), frames, 7, 3)
        for sample, of_image in zip(expected.samples, found, strict=True):
            for layer, variables in sample.items():
                for variable, values in variables.items():
                    np.testing.assert_array_equal(of_image[layer][variable], values)


def test_what_lava_cannot_run_is_refused_in_one_line(kinds, rng):
    loop = as_network(kinds.networks(1)["errors"])
    with pytest.raises(BackendError, match="runs a row in one chip step"):
        on_lava(loop, pixels(rng, loop), 3, 0)
    wide = Connection("1", Dense(np.full((3000, 3000), 127)), delay=1)
    network = Network(Input((1,), pixels=Pixels(0, 1)), (Layer("1", poisson(), (wide,)),))
    with pytest.raises(UnprovedOverflowError, match="layer 1: a_in"):
        on_lava(network, pixels(rng, network), 3, 0)
