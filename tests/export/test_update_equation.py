"""The update equation as README and docs/guides/model.md print it, with the names of the arrays."""

import numpy as np

from ipvae.export.importers.arrays import to_parameters
from ipvae.float_models.inference.infer import infer
from ipvae.network.description import FloatNetwork

PIXELS, NEURONS = 6, 4


def soft_limit(v):
    return 10 - np.log(1 + np.exp(10 - np.maximum(v, -8)))


def test_a_step_is_what_the_documents_define(rng):
    arrays = FloatNetwork(
        phi=rng.normal(0, 0.3, (PIXELS, NEURONS)),
        sigma=rng.uniform(0.5, 2, PIXELS),
        step_size=0.2,
        bias=rng.uniform(0.1, 0.5, NEURONS),
        u0=rng.normal(size=NEURONS),
    )
    x = rng.uniform(0, 1, (3, PIXELS)).astype(np.float32)
    states = infer(to_parameters(arrays), x, [1, 2], seed=0)
    u, z = states[1].belief[0], states[1].counts
    pull = ((x - z @ arrays.phi.T) / arrays.sigma**2) @ arrays.phi
    after = soft_limit(u + soft_limit(arrays.step_size * (pull - arrays.bias)))
    assert z.any()
    np.testing.assert_allclose(states[2].belief[0], after, rtol=0, atol=1e-5)
