"""Moments and divergences of beliefs against their definitions, and against PyTorch's."""

import math

import numpy as np
import pytest
from scipy import integrate, stats

from ipvae.float_models.figures import kl, moments
from ipvae.float_models.inference.steps import code, draw

STARTS = {"poisson": (0.4,), "gaussian": (0.3, -0.5), "rectified": (-0.2, 0.1)}


def test_rectified_moments_equal_integrals():
    for mean, scale in ((0.0, 1.0), (1.5, 0.3), (-1.0, 2.0), (-3.0, 1.0), (4.0, 0.5)):
        top = max(mean, 0.0) + 12 * scale
        first, second = (
            integrate.quad(
                lambda z, p=p, m=mean, s=scale: z**p * stats.norm.pdf(z, m, s),
                0,
                top,
                points=[abs(mean)],
            )[0]
            for p in (1, 2)
        )
        belief = (np.array([[mean]]), np.array([[math.log(scale)]]))
        got = [float(part[0, 0]) for part in moments("rectified", belief)]
        assert got == pytest.approx([first, second - first**2], rel=1e-6, abs=1e-12)


@pytest.mark.parametrize("latent", STARTS)
def test_moments_are_those_of_drawn_codes(latent):
    """Five standard errors of the mean and of the variance of 200,000 draws."""
    n = 200_000
    belief = tuple(np.full((n, 1), value, np.float32) for value in STARTS[latent])
    codes = code(latent, draw(latent, belief, key=3)).astype(np.float64)
    mean, variance = (float(part[0, 0]) for part in moments(latent, belief))
    deviation = float(codes.std())
    assert abs(codes.mean() - mean) < 5 * deviation / math.sqrt(n)
    error = math.sqrt((((codes - codes.mean()) ** 4).mean() - deviation**4) / n)
    assert abs(deviation**2 - variance) < 5 * error


@pytest.mark.parametrize("latent", STARTS)
def test_divergence_is_the_one_of_training(latent, rng):
    import torch

    from ipvae.train.models.latents import LATENTS

    belief, prior = (tuple(rng.uniform(-2, 2, (2, 3, 5))[: len(STARTS[latent])]) for _ in "ab")
    tensors = (tuple(map(torch.from_numpy, parts)) for parts in (belief, prior))
    want = LATENTS[latent].kl(*tensors).numpy()
    np.testing.assert_allclose(kl(latent, belief, prior), want, rtol=1e-12, atol=1e-12)
