"""Float inference in NumPy beside the one in PyTorch, for every model that can be trained.

The two differ in the order of sums and in the last digits of exp and tanh, some 1e-7 of a value
each; a draw keyed by the same numbers is another one only where its log-rate's error crosses a
step of the inverse distribution function. From then on the image's trajectory is another one,
which is as likely: the longer a run, the more counts may differ.
"""

import time

import numpy as np
import pytest
from numba import njit

from ipvae.errors import DataError
from ipvae.float_models.inference import steps as step
from ipvae.float_models.inference.draws import fill_draws, poisson
from ipvae.float_models.inference.infer import draw_again, infer, sample
from ipvae.float_models.inference.kernels import exp32
from ipvae.float_models.zoo import DENSE, MODEL_SPECS
from ipvae.train.infer import infer as torch_infer

SHAPE, K, N = (6, 9), 24, 60
M = SHAPE[0] * SHAPE[1]
ONE_STEP_ERROR = 1e-5
"""Bound of a belief's difference after one step from the same draws, nats: some 80 terms whose
partial sums stay below 16 are rounded by up to 2^-21 each; as independent errors they add up to
9 * 2^-21 = 4e-6 in either order. Measured: 3e-6."""
DRAWN_IN_COUNTS = [name for name in DENSE if MODEL_SPECS[name].latent == "poisson"]


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(8).normal(0.3, 0.6, (N, M)).astype(np.float32)


@pytest.fixture(scope="module", params=DENSE)
def model(request):
    """A model's name and random parameters of the size that training gives them."""
    return request.param, random_params(request.param)


def random_params(name):
    rng = np.random.default_rng(17)
    params = {}
    for key, shape in MODEL_SPECS[name].shapes(SHAPE, K).items():
        if key.endswith("_weight"):
            value = rng.normal(0, 1 / np.sqrt(np.prod(shape[1:])), shape)
        elif key == "phi":
            value = rng.normal(0, 0.15, shape)
        elif key == "log_bias":
            value = rng.normal(-2, 0.3, shape)
        elif key.startswith("log_lr"):
            value = np.full(shape, -1.5)
        else:
            value = rng.normal(-0.7 if key == "u0" else 0.0, 0.3, shape)
        params[key] = value.astype(np.float32)
    return params


def both(model, images, steps, **options):
    name, params = model
    options = {"model": name, "image_shape": SHAPE, "threads": 1, **options}
    return infer(params, images, steps, **options), torch_infer(params, images, steps, **options)


def test_one_step_gives_the_belief_that_pytorch_finds(model, images):
    ours, theirs = both(model, images, [0, 1], seed=4)
    for t in (0, 1):
        assert len(ours[t].belief) == len(theirs[t].belief)
        for got, want in zip(ours[t].belief, theirs[t].belief, strict=True):
            assert np.abs(got - want).max() < ONE_STEP_ERROR
            assert t == 0 or got.std() > 0.01


def test_several_steps_give_the_codes_that_pytorch_finds(model, images):
    """One of the 60 images may leave its trajectory in 20 steps, 1.7 % of the counts.

    A draw differs with probability rate * error at most, at a mean rate of 0.5 and an error of 1e-5
    in 1 of 200,000; 29,000 are drawn. Gaussian codes do not jump and are compared to 1e-3.
    """
    name, _ = model
    last = 1 if MODEL_SPECS[name].inference == "amortized" else 20
    ours, theirs = both(model, images, [last], seed=2)
    got, want = ours[last].counts, theirs[last].counts
    if name in DRAWN_IN_COUNTS:
        assert np.mean(got == want) > 0.98
        assert 0.05 < np.mean(got > 0) < 0.95 and np.array_equal(got, np.rint(got))
    else:
        assert np.mean(np.abs(got - want) < 1e-3) > 0.98


def test_nothing_depends_on_batches_or_threads(model, images):
    name, params = model
    options = {"model": name, "image_shape": SHAPE, "seed": 3}
    last = 1 if MODEL_SPECS[name].inference == "amortized" else 5
    whole = infer(params, images, [0, last], batch_size=N, threads=1, **options)
    parts = infer(params, images, [0, last], batch_size=7, threads=3, **options)
    for t in (0, last):
        assert np.array_equal(whole[t].counts, parts[t].counts)
        for one, other in zip(whole[t].belief, parts[t].belief, strict=True):
            assert np.array_equal(one, other)


def test_every_step_of_every_image_is_watched(model, images):
    name, params = model
    seen = {}

    def watch(t, codes):
        seen.setdefault(t, []).append(codes)

    last = 1 if MODEL_SPECS[name].inference == "amortized" else 4
    options = {"model": name, "image_shape": SHAPE, "threads": 1, "batch_size": 25}
    kept = infer(params, images, range(last + 1), watch=watch, **options)
    assert sorted(seen) == list(range(last + 1))
    for t, codes in seen.items():
        assert np.array_equal(np.concatenate(codes), kept[t].counts)


@pytest.mark.parametrize("name", ["pvae-linear", "pvae-mlp", "pvae-conv"])
def test_drawing_again_spares_the_encoder(images, name):
    params = random_params(name)
    options = {"model": name, "image_shape": SHAPE}
    first = infer(params, images, [1], seed=5, batch_size=13, **options)[1]
    for seed in (5, 6):
        want = infer(params, images, [1], seed=seed, **options)[1].counts
        assert np.array_equal(draw_again(name, first, 1, seed), want)


def test_samples_are_those_of_training(model):
    from ipvae.train.models.vae import VAE

    name, params = model
    got, want = sample(params, 300, 9, name), VAE.from_arrays(name, SHAPE, params).sample(300, 9)
    assert got.shape == (300, M) and got.dtype == np.float32
    # One of 300 images may differ: of 7,200 draws one does with probability 1e-3, as above.
    assert np.mean(np.abs(got - want).max(axis=1) < 1e-4) > 0.996


def test_the_compiled_step_is_the_equation(rng):
    """Over all of the clamp's range; double precision beside it: within 4 roundings of 10."""
    u, drive = (rng.uniform(-12, 14, (7, K)).astype(np.float32) for _ in "ab")
    z = rng.poisson(0.7, (7, K)).astype(np.float32)
    gram = rng.normal(0, 1, (K, K)).astype(np.float32)
    after, counts = step.poisson_step(u, z, drive, gram, key=1)
    change = step.soft_clamp(drive - z.astype(np.float64) @ gram)
    want = step.soft_clamp(u + change)
    assert np.abs(after - want).max() < 4 * 10 * 2.0**-22
    assert after.min() < -7.99 and after.max() > 9
    assert np.array_equal(counts[after < -7], np.zeros((after < -7).sum()))


@njit(fastmath={"contract"})
def rates(log_rate):
    found = np.empty_like(log_rate)
    for i in range(log_rate.size):
        found[i] = exp32(log_rate[i])
    return found


def test_counts_are_those_of_one_draw_after_another(rng):
    """Of rates on both sides of one inversion (16), of many, and beyond all counting (32768)."""
    edges = np.log([15.9, 16.0, 16.1, 32.0, 33.0, 300.0, 20000.0, 32767.0, 32769.0, 1e6])
    log_rate = np.concatenate([rng.uniform(-12, 5, 20_000), edges.repeat(30), [np.nan]])
    log_rate = log_rate.astype(np.float32)
    found, rate = poisson(log_rate, 77, first=5), rates(log_rate)
    z, slope = np.empty_like(rate), np.empty_like(rate)
    fill_draws(rate, 0.0, key=77, first=5, z=z, slope=slope)
    np.testing.assert_array_equal(found, z)
    assert np.isnan(found[-1]) and found[-31:-1].min() > 900_000
    assert {0.0, 1.0, 5.0, 20.0} < set(found.tolist())


@pytest.mark.parametrize("columns", [1, 63, 64, 65, 200])
def test_a_row_of_a_product_depends_on_its_codes_alone(rng, columns):
    matrix = rng.normal(size=(70, columns)).astype(np.float32)
    codes = rng.poisson(0.4, (9, 70)).astype(np.float32)
    codes[0] = 0.0
    found = step.product(codes, step.Blocks.of(matrix))
    assert found.shape == (9, columns) and not found[0].any()
    np.testing.assert_allclose(found, codes @ matrix, atol=1e-4)
    for i in range(9):
        np.testing.assert_array_equal(step.product(codes[i : i + 1], matrix)[0], found[i])


@pytest.mark.parametrize("writeable", [True, False])
def test_products_are_those_of_the_matrices(rng, writeable):
    for zeros in (0.0, 0.7, 1.0):
        codes = (rng.normal(size=(5, 83)) * (rng.random((5, 83)) >= zeros)).astype(np.float32)
        matrix = rng.normal(size=(31, 83)).astype(np.float32).T
        matrix.flags.writeable = writeable
        want = codes.astype(np.float64) @ matrix
        np.testing.assert_allclose(step.product(codes, matrix), want, atol=1e-4)


def test_mistakes_are_refused(images):
    params = random_params("pvae-conv")
    with pytest.raises(DataError, match=rf"images are \(60, 53\); the model needs \(N, {M}\)"):
        infer(params, images[:, 1:], [1], model="pvae-conv", image_shape=SHAPE)
    with pytest.raises(DataError, match=r"steps are \[\]; allowed are numbers of 0 and above"):
        infer(params, images, [], model="pvae-conv", image_shape=SHAPE)
    with pytest.raises(DataError, match=r"steps are \[2\]; pvae-conv infers in one pass"):
        infer(params, images, [2], model="pvae-conv", image_shape=SHAPE)
    with pytest.raises(DataError, match="image_shape is None; pvae-conv needs"):
        infer(params, images, [1], model="pvae-conv")


def test_an_error_ends_all_batches_at_their_next_step(images):
    """Ctrl-C is not delayed by batches that other threads are running."""
    params, shown = random_params("ipvae"), []

    def watch(t, codes):
        shown.append(t)
        time.sleep(0.005)
        if len(shown) >= 9:  # two threads may append before either looks
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        infer(params, images, [400], batch_size=len(images) // 3, threads=3, watch=watch)
    assert len(shown) < 200
