"""Figures of single images: R2 as evaluate's, the free energy against its definition in pixels."""

import numpy as np
import pytest

from ipvae import emulator
from ipvae.evaluation.metrics import r2
from ipvae.evaluation.stopping import EnergyOfEach, FitOfEach
from ipvae.network.drive import drive
from ipvae.network.errors import InputError
from ipvae.network.pixels import to_real


@pytest.fixture
def images(rng):
    found = rng.integers(-128, 128, (9, 6)).astype(np.int16)
    found[4] = 17
    return found


def test_fit_is_r2_of_each_image(kinds, images):
    network = kinds.networks(2)["recurrent"]
    trace = emulator.run(network, images, 20, 1)
    z = trace.stacked(network.code, "z")[:, -1]
    some = np.array([7, 4, 0])
    found = FitOfEach(network, images)(some, z[some], z[some])
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
        slope = (energy(some, z, z + step) - energy(some, z, z - step)) / 2
        np.testing.assert_allclose(slope, -force[:, j], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", ["errors + 2 read-outs", "lca", "two hidden", "loop of three"])
def test_networks_without_such_an_energy_are_refused(kinds, images, name):
    network = kinds.networks(2)[name]
    with pytest.raises(InputError, match=r"Poisson code that hears itself only.*stop by r2"):
        EnergyOfEach(network, images)
