"""Figures of single images: R2 as evaluate's, the free energy against its definition in pixels."""

from dataclasses import replace

import numpy as np
import pytest

from ipvae.emulator import recording
from ipvae.errors import InputError
from ipvae.evaluation.metrics import r2
from ipvae.evaluation.stopping import EnergyOfEach, FitOfEach
from ipvae.network.pixels import to_real
from ipvae.network.rules.drive import drive


@pytest.fixture
def images(rng):
    found = rng.integers(-128, 128, (9, 6)).astype(np.int16)
    found[4] = 17
    return found


def test_fit_of_codes_is_r2_of_each_image(kinds, images):
    network = kinds.networks(2)["recurrent"]
    trace = recording.run(network, images, 20, 1)
    z = trace.stacked(network.code, "z")[:, -1]
    some = np.array([7, 4, 0])
    found = FitOfEach(network, images).of_codes(some, z[some])
    real = to_real(images, network.input)
    shown = z.astype(np.float32) @ network.decoder.T
    for figure, i in zip(found, some, strict=True):
        expected = 0.0 if i == 4 else r2(real[[i]], shown[[i]])
        assert figure == pytest.approx(expected, rel=1e-5, abs=1e-5)


def test_the_update_is_the_energys_negative_gradient(kinds, images):
    """A count more or less changes F by the update's force, G being made symmetric here."""
    network = kinds.networks(2)["recurrent"]
    layer = network.layer
    energy = EnergyOfEach(network, images)
    k, some = layer.n_neurons, np.arange(len(images))
    rng = np.random.default_rng(3)
    z = rng.integers(1, 6, (len(images), k))
    gram = np.ldexp(layer.weight_rec.astype(float), layer.weight_exp)
    gram = (gram + gram.T) / 2 + np.diag(layer.self_weight)
    force = (drive(network, images) - z @ gram) * np.log(2) / 2**layer.frac_bits
    for j in range(k):
        step = np.eye(k, dtype=int)[j]
        slope = (energy.of_codes(some, z + step) - energy.of_codes(some, z - step)) / 2
        np.testing.assert_allclose(slope, -force[:, j], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", ["errors + 2 read-outs", "lca", "two hidden", "loop of three"])
def test_networks_without_such_an_energy_are_refused(kinds, images, name):
    network = kinds.networks(2)[name]
    with pytest.raises(
        InputError, match=r"Poisson code that receives only its own counts.*stop by r2"
    ):
        EnergyOfEach(network, images)


def test_fit_of_a_faint_image_is_fit_of_an_image(kinds):
    """Six pixels of 1/128 each way: what varies by 6 / 128^2 is explained like anything else."""
    network = replace(kinds.networks(2)["recurrent"], decoder=np.eye(6, 7, dtype=np.float32) / 256)
    faint = np.array([[1, -1, 1, -1, 1, -1], [3, 3, 3, 3, 3, 3]], np.int16)
    z = np.array([[2, 0, 2, 0, 2, 0, 9], [1, 0, 0, 0, 0, 0, 0]])
    found = FitOfEach(network, faint).of_codes(np.array([0, 1, 0]), z[[0, 1, 0]])
    assert found == pytest.approx([0.5, 0.0, 0.5])  # three pixels are right, three are missing


def test_free_energy_of_one_count_by_hand(kinds):
    """F = z G z / 2 - b z, in nats: of one neuron its own inhibition and its drive alone."""
    network = kinds.networks(2)["recurrent"]
    layer = network.layer
    pixels = network.test_images[:1]
    z = np.zeros((1, layer.n_neurons), int)
    z[0, 2] = 3
    own = layer.self_weight[2] - layer.sign * layer.weight_rec[2, 2] * 2.0**layer.weight_exp
    octaves = (own * 9 / 2 - 3 * drive(network, pixels)[0, 2]) / 2**layer.frac_bits
    found = EnergyOfEach(network, pixels).of_codes(np.array([0]), z)
    assert found == pytest.approx([octaves * np.log(2)])


@pytest.mark.parametrize("figure", [FitOfEach, EnergyOfEach])
def test_a_figure_is_its_mean_over_draws(kinds, images, figure):
    """Within 5 standard errors of the mean over 20,000 draws at the same log-rates."""
    network = kinds.networks(2)["recurrent"]
    rng = np.random.default_rng(11)
    u = rng.integers(-4000, 6000, (len(images), network.n_neurons))
    rates = np.exp2(u / 2**network.layer.frac_bits)
    of, some = figure(network, images), np.arange(len(images))
    drawn = np.array([of.of_codes(some, rng.poisson(rates)) for _ in range(20_000)])
    error = drawn.std(axis=0, ddof=1) / np.sqrt(len(drawn))
    found = of(some, u, np.zeros_like(u))
    assert (np.abs(found - drawn.mean(axis=0)) <= 5 * error).all()
    assert (error[error > 0] < 0.05 * np.abs(found[error > 0])).any()


def test_a_code_that_is_not_drawn_is_its_own_expectation(kinds, images):
    network = kinds.networks(2)["lca"]
    of, some = FitOfEach(network, images), np.arange(len(images))
    z = np.random.default_rng(1).integers(0, 9, (len(images), network.n_neurons))
    np.testing.assert_array_equal(of(some, z * 0, z), of.of_codes(some, z))
