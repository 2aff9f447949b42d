"""Convolutional LCA against the dense algorithm on the matrix of all atoms."""

import numpy as np
import pytest

from ipvae.errors import DataError
from ipvae.float_models.convolutional.geometry import Canvas
from ipvae.float_models.convolutional.lca import ConvolutionalLca
from ipvae.float_models.convolutional.steps import decode
from ipvae.float_models.lca import lca

CANVAS = Canvas((2, 9, 12), 5, 5, 2)


def kernels():
    return np.random.default_rng(0).normal(size=(5, 2, 5, 5)).astype(np.float32)


def images(n=3):
    return np.random.default_rng(1).normal(size=(n, *CANVAS.image))


def atoms(unit):
    """Dense dictionary of the canvas: the decoder of each neuron, padding included."""
    maps, rows, columns = CANVAS.grid
    phi = np.zeros((2, *CANVAS.size, maps, rows, columns))
    for m in range(maps):
        for r in range(rows):
            for q in range(columns):
                phi[:, 2 * r : 2 * r + 5, 2 * q : 2 * q + 5, m, r, q] = unit[m]
    return phi.reshape(-1, CANVAS.neurons)


def test_codes_are_those_of_dense_atoms():
    """The dense algorithm in float64 with the same step; 40 steps of float32 keep 1e-4."""
    solver = ConvolutionalLca(kernels(), CANVAS, 0.4)
    assert np.allclose(np.square(solver.kernels).sum(axis=(1, 2, 3)), 1.0)
    dense = lca(atoms(solver.kernels), 0.4, nonnegative=True)
    assert dense.step_size >= solver.step_size > 0.8 * dense.step_size
    x = images()
    flat = CANVAS.pad(x).reshape(3, -1)
    drive, u = flat @ dense.atoms, np.zeros((3, CANVAS.neurons))
    competition = dense.atoms.T @ dense.atoms - np.eye(CANVAS.neurons)
    expected = {}
    for step in range(41):
        expected[step] = dense.code(u)
        u = u + solver.step_size * (drive - u - expected[step] @ competition)
    found = solver.codes(x.reshape(3, -1), [0, 7, 40])
    for step, codes in found.items():
        assert np.allclose(codes, expected[step], atol=1e-4)
    assert 0.2 < (found[40] == 0).mean() < 0.98


def test_the_objective_falls():
    solver, x = ConvolutionalLca(kernels(), CANVAS, 0.3), images()
    found, objective = solver.codes(x, [1, 5, 20, 200]), []
    for codes in found.values():
        shown = atoms(solver.kernels) @ codes.T
        error = np.square(CANVAS.pad(x).reshape(3, -1) - shown.T).sum(axis=1)
        objective.append(float((0.5 * error + 0.3 * codes.sum(axis=1)).mean()))
    assert objective == sorted(objective, reverse=True)


def test_codes_reconstruct_by_the_decoder():
    """Images of few atoms, which a small threshold explains almost wholly."""
    solver = ConvolutionalLca(kernels(), CANVAS, 0.05)
    sparse = np.random.default_rng(2).poisson(0.05, (3, CANVAS.neurons))
    x = decode({"kernels": solver.kernels}, CANVAS, 3.0 * sparse)
    shown = decode({"kernels": solver.kernels}, CANVAS, solver.codes(x, [300])[300])
    assert 1 - np.square(x - shown).sum() / np.square(x).sum() > 0.9


@pytest.mark.parametrize(
    ("threshold", "steps", "text"),
    [(0.0, [1], "threshold is 0.0; allowed are numbers above 0"), (0.1, [-2], r"found \[-2\]")],
)
def test_wrong_arguments_are_refused(threshold, steps, text):
    with pytest.raises(DataError, match=text):
        ConvolutionalLca(kernels(), CANVAS, threshold).codes(images(), steps)
