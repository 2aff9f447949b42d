"""Stability of the updates against dense matrices and long runs."""

import numpy as np
import pytest

from ipvae.float_models.convolutional.geometry import Canvas
from ipvae.float_models.convolutional.stability import (
    DIVERGED,
    LARGEST_LATE,
    LONG,
    largest_load,
    load,
    settled_rates,
    stabilized,
    with_step,
)
from ipvae.float_models.convolutional.steps import Prepared

CANVAS = Canvas((1, 9, 12), 4, 5, 2)


def tensors(step_size=0.1, seed=4):
    rng = np.random.default_rng(seed)
    found = {
        "kernels": rng.normal(0, 0.25, (4, 1, 5, 5)),
        "u0": np.full(4, -2.0),
        "log_bias": np.full(4, -3.0),
        "log_lr": np.log(step_size),
        "log_sigma_raw": np.array([-0.7]),
    }
    return {name: np.asarray(value, np.float32) for name, value in found.items()}


def pictures(n=4, contrast=1.5):
    return contrast * np.random.default_rng(1).normal(size=(n, *CANVAS.image)).astype(np.float32)


def dense_inhibition(prepared):
    units = np.eye(prepared.canvas.neurons, dtype=np.float32)
    columns = [prepared.received(unit.reshape(prepared.canvas.grid)).ravel() for unit in units]
    return np.array(columns, dtype=np.float64)


def test_load_is_the_largest_eigenvalue():
    prepared = Prepared.of(tensors(), CANVAS)
    rates = np.random.default_rng(2).exponential(size=CANVAS.grid)
    root = np.sqrt(rates.ravel())
    exact = np.linalg.eigvalsh(root[:, None] * dense_inhibition(prepared) * root)[-1]
    assert 0.98 * exact < load(prepared, rates) < 1.0001 * exact
    assert load(prepared, np.zeros(CANVAS.grid)) == 0.0


def test_load_is_proportional_to_the_step_size():
    rates = np.random.default_rng(2).exponential(size=CANVAS.grid)
    loads = [load(Prepared.of(tensors(a), CANVAS), rates) for a in (0.1, 0.3)]
    assert loads[1] == pytest.approx(3 * loads[0], rel=1e-4)


@pytest.mark.parametrize(("rho", "grows"), [(1.8, False), (2.2, True)])
def test_mean_rates_diverge_above_2(rho, grows):
    """Deviations of the log-rates from a fixed point, by the updates without draws."""
    prepared = Prepared.of(tensors(), CANVAS)
    inhibition = dense_inhibition(prepared)
    rates = np.random.default_rng(2).exponential(size=CANVAS.neurons) + 0.1
    root = np.sqrt(rates)
    largest = np.linalg.eigvalsh(root[:, None] * inhibition * root)[-1]
    inhibition *= rho / largest
    drive = inhibition @ rates
    u = np.log(rates) + 1e-6 * np.random.default_rng(3).normal(size=CANVAS.neurons)
    sizes = []
    for _ in range(200):
        u = u + drive - inhibition @ np.exp(u)
        sizes.append(np.abs(u - np.log(rates)).max())
    assert (sizes[-1] > 100 * sizes[0]) == grows


def test_a_stabilized_model_has_the_largest_load_at_most():
    """Rates of another step size are other draws of the same means: within 20 %."""
    params, x = tensors(0.6), pictures()
    before = largest_load(params, CANVAS, x)
    assert before > 1.5
    after = stabilized(params, CANVAS, x, 1.0)
    assert set(after) == set(params)
    assert float(after["log_lr"] - params["log_lr"]) == pytest.approx(-np.log(before), abs=1e-5)
    assert largest_load(after, CANVAS, x) == pytest.approx(1.0, rel=0.2)


def test_a_stable_model_is_unchanged():
    params = tensors(0.01)
    found = stabilized(params, CANVAS, pictures(2, 0.5), 1.0)
    assert all(np.array_equal(found[name], params[name]) for name in params)


def test_a_diverging_model_stays_bounded_for_1000_steps_once_stabilized():
    params, x = tensors(2.0), pictures(2, 3.0)
    assert settled_rates(Prepared.of(params, CANVAS), x[0]) is None
    prepared = Prepared.of(stabilized(params, CANVAS, x, 1.0), CANVAS)
    for index, image in enumerate(x):
        most = max(z.max() for _, z, _ in prepared.trajectory(image, 1000, seed=3, index=index))
        assert most < DIVERGED / 4


def test_step_factor():
    params = tensors()
    assert np.exp(with_step(params, 0.25)["log_lr"]) == pytest.approx(0.025)


def test_slow_growth_is_found_by_the_long_test():
    """Two kernels that almost cancel: rates grow for hundreds of steps to explain the rest."""
    params, x = tensors(0.3), pictures(2, 3.0)
    kernels = params["kernels"]
    kernels[1] = -kernels[0] + 0.05 * kernels[1]
    kernels[3] = -kernels[2] + 0.05 * kernels[3]
    params["log_bias"][:] = -12.0
    short = with_step(params, 1.0 / largest_load(params, CANVAS, x))
    late = [
        load(Prepared.of(short, CANVAS), rates)
        for index, image in enumerate(x)
        if (rates := settled_rates(Prepared.of(short, CANVAS), image, index, LONG)) is not None
    ]
    assert len(late) < len(x) or max(late) > 1.2 * LARGEST_LATE
    found = stabilized(params, CANVAS, x, 1.0)
    assert found["log_lr"] < short["log_lr"]
    prepared = Prepared.of(found, CANVAS)
    for index, image in enumerate(x):
        rates = settled_rates(prepared, image, index, LONG)
        assert rates is not None
        assert load(prepared, rates) <= LARGEST_LATE
