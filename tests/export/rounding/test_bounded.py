import numpy as np
import pytest

from ipvae.errors import QuantizationError
from ipvae.export.rounding import bounded
from ipvae.export.rounding.bounded import round_bounded, weakest_direction
from ipvae.export.rounding.image_moments import ImageMoments
from ipvae.export.rounding.power_of_two_scale import recurrent_grid
from ipvae.export.rounding.quantize import Images, quantize
from ipvae.network.description import FloatNetwork, InputFormat
from ipvae.network.layers import WEIGHT_EXP_RANGE

K, M, STEPS = 24, 36, 2000


@pytest.fixture
def network():
    """Atoms of rank 4, so that some combinations of neurons cancel and have no inhibition."""
    rng = np.random.default_rng(0)
    phi = rng.normal(size=(M, 4)) @ rng.normal(size=(4, K)) * 0.04
    return FloatNetwork(phi, np.ones(M), 0.5, np.full(K, 0.05), np.full(K, -1.0))


def exciting(gram, bits):
    integers, exponent = recurrent_grid(
        gram - np.diag(np.diag(gram)), bits, WEIGHT_EXP_RANGE, "weight_rec"
    )
    return integers * 2.0**exponent + np.diag(np.diag(gram))


def test_weakest_direction_of_two_neurons_is_exact():
    gain, v = weakest_direction(np.array([[1.0, -3.0], [-1.0, 1.0]]))
    assert gain == pytest.approx(-1.0)
    assert v == pytest.approx([0.5**0.5, 0.5**0.5])
    gain, v = weakest_direction(np.array([[1.0, 3.0], [3.0, 2.0]]))
    assert gain == pytest.approx(1.0)
    assert v == pytest.approx([1.0, 0.0])


@pytest.mark.parametrize("bits", [2, 3, 4])
def test_no_combination_of_neurons_excites_itself_after_rounding(network, bits):
    gram = network.gram() * 2**12
    assert weakest_direction(exciting(gram, bits))[0] < 0
    found = round_bounded(gram, np.eye(K), bits)
    off = found.runs - np.diag(np.diag(found.runs))
    integers = off / 2.0**found.exponent
    assert (integers == np.rint(integers)).all()
    assert np.abs(integers).max() <= 2 ** (bits - 1) - 1
    assert weakest_direction(found.runs)[0] >= -1e-9 * np.diag(gram).mean()


@pytest.mark.parametrize("bits", [2, 3])
def test_mean_rates_stay_bounded_where_nearest_rounding_lets_them_grow(network, bits):
    gram = network.gram() * 2**12
    found = round_bounded(gram, np.eye(K), bits)

    def largest(inhibition):
        drive = inhibition.sum(axis=1) / 2**12  # rates of 1 are a fixed point
        u = np.random.default_rng(6).normal(0, 0.1, K)
        for _ in range(STEPS):
            u = np.clip(u + 0.2 * (drive - inhibition / 2**12 @ np.exp(u)), -8.0, 10.0)
        return float(np.exp(u).max())

    assert largest(exciting(gram, bits)) > 1000.0
    assert largest(found.runs) < 100.0


def test_a_raise_beyond_the_bound_is_refused_with_the_bits_that_work(network, monkeypatch):
    gram = network.gram() * 2**12
    raised = {bits: bounded._rounded(gram, np.eye(K), bits).raised for bits in range(2, 9)}
    most = (raised[2] + min(raised.values())) / 2
    assert min(raised.values()) < most < raised[2]
    monkeypatch.setattr(bounded, "MOST_RAISE", most)
    works = min(bits for bits, rise in raised.items() if rise <= most)
    with pytest.raises(QuantizationError, match=f"found 2, .*; use weight_bits={works}$"):
        round_bounded(gram, np.eye(K), 2)
    monkeypatch.setattr(bounded, "MOST_RAISE", -1.0)
    with pytest.raises(QuantizationError, match="train the model longer"):
        round_bounded(gram, np.eye(K), 2)


def counts_of(rng, images, n_steps=18):
    slopes = rng.normal(size=(M, K))
    exact = 3.0 + (images - 0.5) @ slopes
    return exact + rng.normal(size=(n_steps, len(images), K)), slopes


def test_regression_finds_the_slopes_and_leaves_the_noise():
    rng = np.random.default_rng(2)
    images = rng.uniform(size=(600, M))
    counts, slopes = counts_of(rng, images)
    found = ImageMoments.of(counts, images)
    assert np.abs(found.slopes - slopes).max() < 0.25
    assert np.abs(np.diag(found.covariance) - 1.0).max() < 0.1
    change = rng.normal(size=(K, K))
    weights, bias = found.drive(change)
    mean = counts[8:].mean(axis=0)
    left = change @ mean.T - weights @ images.T - bias[:, None]
    assert np.square(left).mean() < 0.05 * np.square(change @ (mean - mean.mean(axis=0)).T).mean()
    assert np.abs(left.mean(axis=1)).max() < 1e-9


def test_counts_that_the_image_does_not_explain_get_no_slopes():
    rng = np.random.default_rng(3)
    images, counts = rng.uniform(size=(50, M)), rng.poisson(1.0, (18, 50, K)).astype(float)
    assert not ImageMoments.of(counts, images).slopes.any()
    assert not ImageMoments.of(counts[:, :19], images[:19]).slopes.any()


def test_drive_and_bias_of_a_network_correct_the_mean_change_of_each_image(network):
    rng = np.random.default_rng(4)
    pixels = InputFormat(0, 255, 1 / 255, (6, 6))
    levels = rng.integers(0, 256, (400, M)).astype(np.int16)
    counts, _ = counts_of(rng, levels / 255)
    moments = ImageMoments.of(counts, levels / 255)
    made = quantize(network, pixels, Images(levels[:2], np.zeros(2, np.int16)), 3, activity=moments)
    layer, unit = made.layer, 2**made.layer.frac_bits / np.log(2)
    runs = layer.weight_rec * 2.0**layer.weight_exp + np.diag(layer.self_weight.astype(float))
    gram = network.gram() * unit
    predicted = moments.mean + (levels / 255 - moments.image) @ moments.slopes
    wanted = (levels / 255) @ network.feedforward().T * unit - predicted @ gram.T
    wanted = wanted - network.step_size * network.bias * unit
    found = levels @ (layer.weight * 2.0**layer.drive_exp).T + layer.bias - predicted @ runs.T
    scale = np.abs(wanted).max()
    assert np.abs(found - wanted).max() < 2e-3 * scale
