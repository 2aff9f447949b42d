"""The integer network of sparse coding finds the codes that real numbers find."""

import numpy as np
import pytest

from ipvae.emulator import Emulator
from ipvae.errors import QuantizationError
from ipvae.export.exporters.lca import FRACTION, lca_network
from ipvae.export.rounding.quantize import Images
from ipvae.network.description import InputFormat
from ipvae.network.proof.bounds import bounds

M, K, STEPS, THRESHOLD = 36, 10, 60, 0.1
PIXELS = InputFormat(0, 16, 1 / 16, (6, 6))
FINE = 2.0**FRACTION


@pytest.fixture
def atoms(rng):
    """Directions that are nearly at right angles: the iteration is a contraction of known rate."""
    basis = np.linalg.qr(rng.normal(size=(M, K)))[0] + 0.03 * rng.normal(size=(M, K))
    return basis / np.linalg.norm(basis, axis=0)


@pytest.fixture
def images(rng):
    return rng.integers(0, 17, (5, M)).astype(np.int16)


def exported(atoms, images, weight_bits=8, threshold=THRESHOLD, largest=4.0, nonnegative=True):
    stored = Images(images, np.zeros(len(images), np.int16))
    return lca_network(
        atoms,
        threshold,
        largest,
        PIXELS,
        stored,
        nonnegative=nonnegative,
        weight_bits=weight_bits,
    )


def soft(u, threshold, nonnegative):
    low = 0.0 if nonnegative else -np.inf
    return np.maximum(u - threshold, 0.0) + np.maximum(np.minimum(u + threshold, 0.0), low)


def real_codes(atoms, images, threshold, nonnegative, rate, steps):
    """Rozell et al. 2008, eq. 3.1 and 3.2, from u = 0; codes after 0..steps updates."""
    drive = images / 16.0 @ atoms
    competition = atoms.T @ atoms - np.eye(atoms.shape[1])
    u = np.zeros_like(drive)
    codes = [soft(u, threshold, nonnegative)]
    for _ in range(steps):
        u = u + rate * (drive - u - codes[-1] @ competition)
        codes.append(soft(u, threshold, nonnegative))
    return np.array(codes)


@pytest.mark.parametrize("nonnegative", [True, False])
@pytest.mark.parametrize("bits", [8, 5])
def test_codes_are_those_of_real_numbers_at_every_step(atoms, images, bits, nonnegative):
    """An error of the potential shrinks by what the atoms have in common: |A^T A - 1| < 1.

    Each update adds, in units of 2^-16, for each neuron: rounding of the drive's weights times
    pixels, two shifts, the leak's shift (times 2^leak); of the competition, its weights' rounding
    times codes, and half a step of each message.
    """
    network = exported(atoms, images, bits, nonnegative=nonnegative)
    layer, step = network.layer, 2.0**network.layer.shift
    codes = real_codes(atoms, images, THRESHOLD, nonnegative, 2.0**-layer.leak, STEPS)
    competition = atoms.T @ atoms - np.eye(K)
    runs = layer.weight_rec * 2.0**layer.weight_exp / step
    shared = np.linalg.norm(competition, 2)
    assert shared < 0.9
    largest = np.linalg.norm(codes, axis=2).max()
    each = 2.0**layer.drive_exp / 2 * images.sum(axis=1).max() + 3 + 2.0**layer.leak
    each = np.sqrt(K) * (each + np.linalg.norm(runs, 2) * step / 2)
    each = each + np.linalg.norm(runs - competition, 2) * largest * FINE
    bound = (each / (1 - shared) + np.sqrt(K) * step / 2) / FINE
    found = np.array([row.z for row in Emulator(network).steps(images, STEPS, seed=0)])
    assert np.abs(found * layer.unit - codes).max() <= bound < 0.1 * largest
    assert np.abs(found).max() < layer.z_max
    assert ((found < 0).any(), (found == 0).any()) == (not nonnegative, True)


@pytest.mark.parametrize("bits", [8, 5])
def test_competition_is_rounded_to_the_nearest_and_a_neuron_is_not_its_own_rival(
    atoms, images, bits
):
    layer = exported(atoms, images, bits).layer
    competition = (atoms.T @ atoms - np.eye(K)) * 2.0**layer.shift
    step = 2.0**layer.weight_exp
    inside = np.abs(competition) < (2 ** (bits - 1) - 1) * step
    assert inside.mean() > 0.9
    assert np.abs(layer.weight_rec * step - competition)[inside].max() <= step / 2
    np.testing.assert_array_equal(np.diag(layer.weight_rec), 0)


def test_it_settles_where_error_and_penalty_are_least(rng, images):
    """On atoms that compete, after 600 steps; 1 % above what real numbers reach is allowed."""
    atoms = np.abs(rng.normal(size=(M, K))) + 0.2
    atoms = atoms / np.linalg.norm(atoms, axis=0)
    network = exported(atoms, images, 8, 0.3, largest=8.0)

    def objective(codes):
        residual = images / 16.0 - codes @ atoms.T
        return (0.5 * np.square(residual).sum(axis=1) + 0.3 * np.abs(codes).sum(axis=1)).mean()

    *_, last = Emulator(network).steps(images, 600, seed=0)
    best = real_codes(atoms, images, 0.3, True, 2.0**-network.layer.leak, 2000)[-1]
    assert objective(last.z * network.layer.unit) <= 1.01 * objective(best)
    assert objective(last.z * network.layer.unit) < 0.8 * objective(np.zeros_like(best))


@pytest.mark.parametrize(("common", "leak"), [(0.0, 1), (0.5, 3), (0.9, 4)])
def test_leak_is_the_smallest_that_contracts(rng, images, common, leak):
    """Largest eigenvalues of A^T A: 1, 1 + .5 * 9 = 5.5 and 1 + .9 * 9 = 9.1."""
    gram = np.full((K, K), common) + (1 - common) * np.eye(K)
    basis = np.linalg.qr(rng.normal(size=(M, K)))[0]
    atoms = basis @ np.linalg.cholesky(gram).T
    np.testing.assert_allclose(atoms.T @ atoms, gram, atol=1e-12)
    assert exported(atoms, images).layer.leak == leak


@pytest.mark.parametrize("largest", [0.01, 4.0, 500.0])
@pytest.mark.parametrize("bits", [2, 8])
def test_no_variable_can_overflow_and_codes_of_the_calibration_are_sent_whole(
    atoms, images, bits, largest
):
    network = exported(atoms, images, bits, largest=largest)
    assert all(bound.holds for bound in bounds(network))
    assert largest < network.layer.z_max * network.layer.unit < 2 * largest + network.layer.unit
    assert network.layer.z_max < 2**15


def test_decoder_turns_what_is_sent_into_pixels(atoms, images):
    network = exported(atoms, images)
    np.testing.assert_allclose(network.decoder, atoms * 2.0**network.layer.shift / FINE, rtol=1e-6)
    assert network.layer.threshold == round(THRESHOLD * FINE)


def test_grids_are_true(atoms, images):
    network = exported(atoms, images, 3)
    layer, grids = network.layer, network.provenance["grids"]["1"]
    competition = (atoms.T @ atoms - np.eye(K)) * 2.0**layer.shift
    facts, step = grids["weight_rec"], 2.0**layer.weight_exp
    assert facts["scale"] == step
    assert facts["range"] == [layer.weight_rec.min(), layer.weight_rec.max()]
    assert facts["zeros"] == (layer.weight_rec == 0).sum() > K
    assert facts["clipped"] == (np.abs(competition) > 3.5 * step).sum()
    assert grids["weight"]["scale"] == 2.0**layer.drive_exp


def test_what_fits_no_message_is_refused(atoms, images):
    with pytest.raises(QuantizationError, match=r"codes reach 1e\+07: .* raise threshold="):
        exported(atoms, images, largest=1e7)
    with pytest.raises(QuantizationError, match="threshold: largest value"):
        exported(atoms, images, threshold=100.0)
    with pytest.raises(QuantizationError, match="weight_bits: found 1, allowed 2 to 8"):
        exported(atoms, images, 1)


@pytest.mark.parametrize(("largest", "shift", "z_max"), [(0.999, 1, 32736), (1.0, 2, 16384)])
def test_codes_are_sent_with_sixteen_bits_at_most(atoms, images, largest, shift, z_max):
    """Half as large again as the calibration's, in units of 2^-16; 2^15 is one too many."""
    layer = exported(atoms, images, 2, largest=largest / 1.5).layer
    assert (layer.shift, layer.z_max, layer.z_min) == (shift, z_max, 0)
    layer = exported(atoms, images, 2, largest=largest / 1.5, nonnegative=False).layer
    assert (layer.shift, layer.z_max, layer.z_min) == (shift, z_max, -z_max)
