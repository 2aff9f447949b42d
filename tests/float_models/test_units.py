"""A model in the units of its images does what the one in training's units does."""

import dataclasses
import math

import numpy as np
import pytest

from ipvae.float_models.checkpoint import Checkpoint, load_checkpoint
from ipvae.float_models.config import TrainConfig, preset_config
from ipvae.float_models.data import DataInfo
from ipvae.float_models.figures import figures
from ipvae.float_models.inference.infer import infer
from ipvae.float_models.units import in_real_units, in_training_units, unit_of
from ipvae.float_models.zoo import DENSE, MODEL_SPECS

SHAPE, K, N = (8, 8), 10, 30


@pytest.fixture
def images(rng):
    return rng.uniform(0, 1, (N, 64)).astype(np.float32)


def model(name, rng):
    shapes = MODEL_SPECS[name].shapes(SHAPE, K)
    params = {n: rng.normal(0, 0.2, s).astype(np.float32) for n, s in shapes.items()}
    return {n: np.asarray(a, np.float32) for n, a in params.items()}


def checkpoint(name, params):
    config: TrainConfig = preset_config("digits", model=name, latents=K)
    return Checkpoint(params, config, DataInfo("arrays", 16, SHAPE, N, 0, 1.0))


@pytest.mark.parametrize("unit", [16.0, 256.0, 0.125])
@pytest.mark.parametrize("name", DENSE)
def test_codes_are_the_same_and_figures_are_in_the_units_of_the_images(name, unit, images, rng):
    """Powers of two are exact; log sigma is not, and beliefs differ by float32's rounding."""
    params, member = model(name, rng), MODEL_SPECS[name]
    real = in_real_units(params, member, unit)
    steps = 1 if member.inference == "amortized" else 3
    given = {"seed": 1, "model": name, "image_shape": SHAPE}
    one = infer(params, images, [steps], **given)[steps]
    two = infer(real, images * np.float32(unit), [steps], **given)[steps]
    for a, b in zip(one.belief, two.belief, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-3)
    if member.inference == "amortized":
        np.testing.assert_array_equal(one.counts, two.counts)
    plain = figures(checkpoint(name, params), images, one)
    scaled = figures(checkpoint(name, real), images * np.float32(unit), one)
    assert scaled.nll == pytest.approx(plain.nll + 64 * math.log(unit), rel=1e-4)
    assert scaled.kl == plain.kl


@pytest.mark.parametrize("name", DENSE)
def test_the_way_back_is_exact(name, rng):
    params = model(name, rng)
    real = in_real_units(params, MODEL_SPECS[name], 2.0**13)
    assert unit_of(real) == 2.0**13
    back, unit = in_training_units(real, MODEL_SPECS[name])
    assert unit == 2.0**13
    assert back.keys() == params.keys()
    assert all(np.array_equal(back[n], params[n]) for n in params)
    same, one = in_training_units(params, MODEL_SPECS[name])
    assert one == 1.0 and same == params
    assert in_real_units(params, MODEL_SPECS[name], 1.0) == params


def test_the_unit_is_stored_with_the_model(tmp_path, rng):
    params = in_real_units(model("ipvae", rng), MODEL_SPECS["ipvae"], 16.0)
    checkpoint("ipvae", params).save(tmp_path)
    assert unit_of(load_checkpoint(tmp_path).params) == 16.0
    wrong = {**params, "log_unit": np.zeros(3, np.float32)}
    with pytest.raises(ValueError, match=r"log_unit: found float32 \(3,\), allowed float32 \(\)"):
        dataclasses.replace(checkpoint("ipvae", wrong)).save(tmp_path / "other")
