"""LCA against the optimality conditions of the LASSO and scikit-learn's solver."""

import numpy as np
import pytest
from sklearn.linear_model import Lasso

from ipvae.errors import DataError
from ipvae.float_models.lca import lca, lca_codes

M, K, N = 20, 35, 6
STEPS = 20_000


@pytest.fixture(params=[False, True], ids=["signed", "nonnegative"])
def solved(request):
    rng = np.random.default_rng(8)
    phi = rng.normal(size=(M, K)) * rng.uniform(0.1, 5.0, K)
    phi[:, 4] = 0.0  # a dead atom
    images = rng.normal(size=(N, M))
    solver = lca(phi, 0.3, nonnegative=request.param)
    return solver, images, lca_codes(solver, images, [0, 50, STEPS])


def test_fixed_point_satisfies_the_optimality_conditions(solved):
    """A^T r = L sign(a) where a is not 0, |A^T r| <= L elsewhere; nonnegative: A^T r <= L."""
    solver, images, codes = solved
    a = codes[STEPS]
    pull = (images - a @ solver.atoms.T) @ solver.atoms
    active = a != 0
    assert 0.05 < active.mean() < 0.9
    assert np.abs(pull - solver.threshold * np.sign(a))[active].max() < 1e-6
    bound = pull if solver.nonnegative else np.abs(pull)
    assert bound[~active].max() < solver.threshold + 1e-6
    if solver.nonnegative:
        assert a.min() >= 0
    else:
        assert (a < 0).any()


def test_objective_is_that_of_scikit_learns_lasso(solved):
    solver, images, codes = solved
    lasso = Lasso(
        alpha=solver.threshold / M,  # scikit-learn divides the squares by 2 M
        fit_intercept=False,
        positive=solver.nonnegative,
        tol=1e-12,
        max_iter=100_000,
    )
    want = np.stack([lasso.fit(solver.atoms, image).coef_ for image in images])
    found, best = (solver.objective(images, a) for a in (codes[STEPS], want))
    assert np.allclose(found, best, rtol=1e-8)
    assert (solver.objective(images, codes[50]) > best).all()


def test_codes_begin_at_zero_and_a_dead_atom_stays_silent(solved):
    _, _, codes = solved
    assert not codes[0].any()
    assert not codes[STEPS][:, 4].any()


def test_atoms_have_length_one_whatever_the_dictionary():
    phi = np.random.default_rng(0).normal(size=(M, K)).astype(np.float32)
    solver = lca(phi, 0.1)
    assert np.allclose(np.linalg.norm(solver.atoms, axis=0), 1.0)
    assert np.allclose(solver.atoms, lca(1e-3 * phi, 0.1).atoms)


@pytest.mark.parametrize("threshold", [0.0, -1.0, float("nan"), float("inf")])
def test_threshold_must_be_above_zero(threshold):
    with pytest.raises(DataError, match="threshold is .*; allowed are numbers above 0"):
        lca(np.eye(3), threshold)


@pytest.mark.parametrize(
    ("shape", "steps", "text"),
    [
        ((2, 4), [1], r"images are \(2, 4\); the dictionary needs \(N, 3\)"),
        ((3,), [1], r"images are \(3,\)"),
        ((2, 3), [], r"steps are \[\]; allowed are numbers of 0 and above"),
        ((2, 3), [-1, 4], r"steps are \[-1, 4\]"),
    ],
)
def test_what_does_not_fit_is_refused(shape, steps, text):
    with pytest.raises(DataError, match=text):
        lca_codes(lca(np.eye(3), 0.1), np.zeros(shape), steps)
