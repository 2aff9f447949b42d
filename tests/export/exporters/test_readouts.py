"""Read-out layers show what the decoder and a classifier make of the code in real numbers."""

import dataclasses

import numpy as np
import pytest

from ipvae.emulator import Emulator
from ipvae.emulator.recording import run
from ipvae.errors import QuantizationError
from ipvae.export.exporters.lca import lca_network
from ipvae.export.exporters.readouts import (
    AVERAGING,
    _halvings,
    averaged_code,
    with_classes,
    with_decoder,
)
from ipvae.export.rounding.quantize import Images
from ipvae.network.description import InputFormat
from ipvae.network.proof.bounds import bounds

CLASSES = 3


def of_rows(network, images, steps, layer):
    """What a layer sends at every step: (steps + 1, N, neurons)."""
    rows = Emulator(network).rows(images, steps, seed=4)
    return np.array([row[layer].z for row in rows])


def running_means(counts):
    """m += (z - m) / 2**AVERAGING from step 1 on, in real numbers."""
    mean, means = np.zeros(counts.shape[1:]), []
    for t, z in enumerate(counts):
        mean = mean + (z - mean) * 2.0**-AVERAGING * (t > 0)
        means.append(mean)
    return np.array(means)


def synapses(layer):
    """Weights of a layer's input from another layer, which it must have."""
    assert layer.weight_rec is not None
    return layer.weight_rec.astype(int)


@pytest.fixture
def calm(make_network):
    """A network whose rates are 4 at most, so that no read-out comes to a limit."""
    return make_network(u_init=np.full(16, 4096, np.int32), u_max=8192)


@pytest.fixture
def labelled(rng):
    """Averaged codes (300, 16) of three classes: two have busy neurons, in the last all rest."""
    labels = np.arange(300) % CLASSES
    rates = np.where(np.arange(16) % 2 == labels[:, None], 3.0, 0.5)
    return rng.poisson(8 * rates) / 8.0, labels


@pytest.mark.parametrize("bits", [8, 4, 2])
def test_a_decoder_shows_phi_z_within_half_a_weight_step_of_each_count(calm, rng, bits):
    """Evenly spread weights reach no further than the grid's last integer, plus half a step."""
    largest = 2 ** (bits - 1) - 1
    phi = rng.uniform(-largest - 0.5, largest + 0.5, (12, 16)) / 128.0
    phi[0, 0] = largest / 128.0
    plain = dataclasses.replace(calm, decoder=phi)
    network = with_decoder(plain, bits)
    shown = of_rows(network, plain.test_images, 10, "2")
    z = of_rows(network, plain.test_images, 10, "1")
    assert z.max() > 5
    unit = network.readouts[0].unit
    assert unit == 2.0**-7
    error = np.abs(shown * unit - z @ phi.T)
    assert (error <= unit / 2 * z.sum(axis=2, keepdims=True) * (1 + 1e-6)).all()


def test_a_decoder_changes_nothing_before_it(make_network):
    plain = make_network()
    network = with_decoder(plain)
    np.testing.assert_array_equal(
        of_rows(network, plain.test_images, 6, "1"), of_rows(plain, plain.test_images, 6, "1")
    )
    assert list(network.layers) == ["1", "2"] and network.code == plain.code


@pytest.mark.parametrize("bits", [8, 5])
def test_large_rows_get_a_coarser_step_and_never_overflow(make_network, bits):
    """150 weights of 127 times counts up to 511 are 16 % more than 24 bits hold."""
    quiet = np.zeros((150, 150), np.int8)
    plain = make_network(150, 12, weight_rec=quiet, payload_bits=9)
    largest = 2 ** (bits - 1) - 1
    phi = np.full((12, 150), largest / 128.0)
    phi[1] = 0.0
    network = with_decoder(dataclasses.replace(plain, decoder=phi), bits)
    assert all(bound.holds for bound in bounds(network))
    layer, facts = network.readouts[0], network.provenance["grids"]["2"]["weight_rec"]
    too_wide = largest * 150 * 511 > 2**23 - 1
    assert too_wide == (bits == 8)
    assert layer.unit == facts["scale"] == (2.0**-6 if too_wide else 2.0**-7)
    assert facts["range"] == [0, synapses(layer).max()]
    assert np.abs(synapses(layer) * layer.unit - phi).max() <= layer.unit / 2


@pytest.mark.parametrize("neurons", [2, 10])
def test_images_of_a_fine_code_fit_into_the_decoders_messages(rng, neurons):
    """Sparse codes have thousands of steps: sums are brought to what a message carries.

    Half a step of each weight times what is sent, a step of the shift before, half of that after.
    """
    atoms = np.abs(np.linalg.qr(rng.normal(size=(36, neurons)))[0])
    images = rng.integers(0, 17, (20, 36)).astype(np.int16)
    stored, pixels = Images(images, np.zeros(20, np.int16)), InputFormat(0, 16, 1 / 16, (6, 6))
    plain = lca_network(atoms, 0.1, 4.0, pixels, stored, nonnegative=True)
    network = with_decoder(plain)
    assert all(bound.holds for bound in bounds(network))
    layer = network.readouts[0]
    shown, z = (of_rows(network, images, 40, number) for number in ("2", "1"))
    assert 2000 < np.abs(shown).max() < layer.z_max
    wanted = z @ network.decoder.T.astype(float)
    bound = layer.unit * (
        2.0 ** (layer.weight_exp - layer.shift) / 2 * z.sum(axis=2, keepdims=True)
        + 2.0**-layer.shift
        + 0.5
    )
    assert (np.abs(shown * layer.unit - wanted) <= bound).all()
    assert (wanted > 0.5).any() and layer.unit < 1 / 2000
    assert (layer.weight_exp < 0) == (neurons == 2)  # the wider sums


def test_grids_of_read_outs_are_true_and_have_their_layers_number(make_network, labelled, rng):
    plain = dataclasses.replace(make_network(), decoder=rng.standard_t(2, (12, 16)))
    codes, labels = labelled
    network = with_classes(with_decoder(plain, 3), codes, labels, 4)
    assert list(network.provenance["grids"]) == ["2", "3"]
    for number, limit in (("2", 3.5), ("3", 7.5)):
        layer, facts = network.layers[number], network.provenance["grids"][number]["weight_rec"]
        assert facts["range"] == [synapses(layer).min(), synapses(layer).max()]
        assert facts["zeros"] == (synapses(layer) == 0).sum()
        assert max(map(abs, facts["range"])) < limit
    assert (
        network.provenance["grids"]["2"]["weight_rec"]["clipped"]
        == (np.abs(network.decoder) > 3.5 * network.readouts[0].unit).sum()
    )
    assert network.provenance["made"] == "at random"  # what was there stays


def test_the_averaged_code_is_the_running_mean_of_every_image_in_its_turn(make_network):
    """260 images are more than a batch; the keys of the draws continue over it."""
    network = make_network()
    images = np.resize(network.test_images, (260, 12))
    z = run(network, images, 5, 9).stacked("1", "z")
    np.testing.assert_allclose(
        averaged_code(network, images, 5, 9), running_means(z.transpose(1, 0, 2))[-1], atol=1e-12
    )


@pytest.mark.parametrize("bits", [8, 3])
def test_classes_are_those_of_a_float_regression_with_the_same_weights(calm, labelled, bits):
    """Shifts take at most 1 of each update of 1/32, so 32 in all; a message, half a step of it."""
    codes, labels = labelled
    network = with_classes(calm, codes, labels, bits)
    layer = network.readouts[0]
    assert layer.leak == AVERAGING
    images = np.resize(calm.test_images, (40, 12))
    counts = of_rows(network, images, 80, "1")
    wanted, scores = np.zeros((40, CLASSES)), []
    for t, z in enumerate(counts):
        presynaptic = layer.bias + (z @ synapses(layer).T) * 2.0**layer.weight_exp
        wanted = wanted + (presynaptic - wanted) * 2.0**-layer.leak * (t > 0)
        scores.append(wanted)
    found, wanted = of_rows(network, images, 80, "2"), np.array(scores)
    bound = 2.0**layer.leak + 2.0**layer.shift / 2
    assert (np.abs(found * 2.0**layer.shift - wanted) <= bound).all()
    best = np.sort(wanted, axis=2)
    clear = best[..., -1] - best[..., -2] > 2 * bound
    assert clear.mean() > 0.4
    assert (found.argmax(axis=2) == wanted.argmax(axis=2))[clear].all()


@pytest.mark.parametrize("bits", [8, 4])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_classes_that_can_be_distinguished_are(make_network, labelled, bits, n_classes):
    """Of two classes too each has its neuron; 100 or more codes, busy neurons six times as busy."""
    codes, labels = labelled
    codes, labels = codes[labels < n_classes], labels[labels < n_classes]
    network = with_classes(make_network(), codes, labels, bits)
    layer = network.readouts[0]
    assert layer.n_neurons == n_classes
    scores = codes @ synapses(layer).T + layer.bias * 2.0**-layer.weight_exp
    assert (scores.argmax(axis=1) == labels).mean() > 0.98
    assert layer.unit > 0 and all(bound.holds for bound in bounds(network))


def test_units_of_classes_are_nats(make_network, labelled):
    """Logits of the layer, in its unit, equal scikit-learn's regression on the codes."""
    from sklearn.linear_model import LogisticRegression

    codes, labels = labelled
    scale = codes.std(axis=0).max()
    wanted = (
        LogisticRegression(max_iter=500).fit(codes / scale, labels).decision_function(codes / scale)
    )
    layer = with_classes(make_network(), codes, labels).readouts[0]
    presynaptic = codes @ synapses(layer).T * 2.0**layer.weight_exp + layer.bias
    found = presynaptic * 2.0**-layer.shift * layer.unit
    assert np.abs(found - wanted).max() < 0.02 * np.abs(wanted).max()


def test_neurons_have_the_numbers_of_their_classes(calm, rng):
    """The class of number 1 has no image: its neuron stays below all others."""
    codes = np.concatenate([rng.poisson(rate, (60, 16)) for rate in (1.0, 6.0)]) / 2.0
    codes[:60, 0] += 8
    layer = with_classes(calm, codes, np.repeat([0, 2], 60)).readouts[0]
    assert layer.n_neurons == 3 and not synapses(layer)[1].any()
    scores = (codes @ synapses(layer).T) * 2.0**layer.weight_exp + layer.bias
    assert (scores.argmax(axis=1) == np.repeat([0, 2], 60)).mean() > 0.95
    assert (scores[:, 1] < scores[:, [0, 2]].min(axis=1)).all()


@pytest.mark.parametrize("label", [0, 7])
def test_one_class_alone_is_refused(calm, rng, label):
    with pytest.raises(QuantizationError, match=rf"have the classes \[{label}\], allowed are two"):
        with_classes(calm, rng.random((20, 16)), np.full(20, label))


@pytest.mark.parametrize(
    ("value", "halvings"), [(0.1, 0), (32767, 0), (32768, 1), (65534, 1), (65535, 2), (2**20, 6)]
)
def test_a_value_is_halved_until_it_is_at_most_the_limit(value, halvings):
    assert _halvings(value, 2**15 - 1) == halvings


@pytest.mark.parametrize(
    ("ends", "shift"), [((-16383, 4), 0), ((-16384, 4), 1), ((-4, 16384), 1), ((-4, 16000), 0)]
)
def test_twice_the_largest_pixel_fits_into_a_decoders_message(make_network, ends, shift):
    """Messages end at 32,767; weights are whole numbers, so their step is 1."""
    phi = np.full((12, 16), 100.0)
    phi[0, 0] = 127.0
    plain = make_network(payload_bits=9)
    wide = dataclasses.replace(
        plain,
        decoder=phi,
        input=InputFormat(ends[0], ends[1], 1.0, plain.input.shape),
        test_images=np.zeros_like(plain.test_images),
    )
    layer = with_decoder(wide).readouts[0]
    assert (layer.weight_exp, layer.shift, layer.unit) == (0, shift, 2.0**shift)
    assert (layer.z_min, layer.z_max) == (-32767, 32767)


def test_a_decoder_whose_sums_are_small_is_sent_as_it_is(make_network):
    """The most that can occur, 3 x 2 of each row, is less than twice the largest pixel."""
    weight = np.zeros((2, 2), np.int8)
    plain = make_network(2, 12, weight_rec=weight, payload_bits=2)
    fine = dataclasses.replace(
        plain,
        decoder=np.ones((12, 2), np.float32),
        input=InputFormat(-32768, 32767, 1.0, plain.input.shape),
        test_images=np.zeros_like(plain.test_images),
    )
    layer = with_decoder(fine).readouts[0]
    assert (layer.weight_exp, layer.shift) == (0, 0)
    assert synapses(layer).max() * layer.unit == 1.0
