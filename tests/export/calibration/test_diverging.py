# pyright: reportArgumentType=false
"""A float model that diverges, and values that are not numbers, are refused as such."""

import dataclasses
import types
import warnings

import numpy as np
import pytest

import ipvae
from ipvae.errors import QuantizationError
from ipvae.export.calibration.float_baseline import FloatBaseline, require_convergence
from ipvae.export.rounding.power_of_two_scale import (
    recurrent_grid,
    smallest_exponent,
    to_grid,
    within,
)
from ipvae.float_models.checkpoint import Checkpoint, save_checkpoint
from ipvae.float_models.data import DataInfo

M, K = 12, 5


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize(
    "round_it",
    [
        lambda v: within(v, 100, "bias"),
        lambda v: smallest_exponent(v, 127, (-9, 9), "bias"),
        lambda v: to_grid(v, 8, (-9, 9), "bias"),
        lambda v: recurrent_grid(v, 8, (-9, 9), "bias"),
    ],
)
def test_numbers_that_are_not_finite_do_not_pass_for_being_in_range(round_it, wrong):
    round_it(np.array([1.0, 2.0, 3.0]))
    with pytest.raises(QuantizationError, match="bias: 1 of 3 values are no finite numbers"):
        round_it(np.array([1.0, wrong, 3.0]))


def baseline(codes, inference="iterative"):
    codes = np.asarray(codes, dtype=np.float64)
    decoder = np.full((M, codes.shape[1]), 0.1)
    by_step = {1: np.zeros_like(codes), 9: codes}
    made = FloatBaseline(np.zeros((len(codes), M)), by_step, decoder, 0, 0, np.zeros(M), 0.0)
    return made, types.SimpleNamespace(inference=inference)


@pytest.mark.parametrize("codes", [[[511, 0]], [[1000, 1], [20, 1]], np.zeros((3, 2))])
def test_counts_that_a_payload_holds_on_average_are_allowed(codes):
    require_convergence(*baseline(codes), "run")


@pytest.mark.parametrize(
    ("codes", "found"),
    [
        ([[1, 512]], "512"),
        ([[np.nan, 1]], "nan"),
        ([[np.inf, 1]], "nan|inf"),
        ([[9e9, 1]], "9e.09"),
    ],
)
def test_counts_beyond_every_payload_are_a_model_that_diverges(codes, found):
    message = f"run: the float model itself diverges .* after 9 steps a neuron sends {found} "
    with pytest.raises(QuantizationError, match=message):
        require_convergence(*baseline(codes), "run")


def test_codes_of_lca_are_no_counts_but_finite():
    require_convergence(*baseline([[1000.0, 1]], "lca"), "run")
    with pytest.raises(QuantizationError, match="diverges"):
        require_convergence(*baseline([[np.nan, 1]], "lca"), "run")


@pytest.mark.parametrize("change", [{"phi": 1e30}, {"log_lr": 1000.0}, {"u0": 1e30}])
def test_a_model_that_diverges_is_refused_before_it_is_rounded(tmp_path, change):
    rng = np.random.default_rng(0)
    shapes = {"phi": (M, K), "u0": (K,), "log_bias": (K,), "log_lr": (), "log_sigma_raw": (M,)}
    params = {name: np.asarray(rng.normal(size=s), np.float32) for name, s in shapes.items()}
    for name, factor in change.items():
        params[name] = params[name] * np.float32(factor)
    model = Checkpoint(params, None, DataInfo("arrays", 16, (3, 4), 9))
    save_checkpoint(tmp_path / "run", dataclasses.replace(model))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(QuantizationError, match="run: the float model itself diverges"):
            ipvae.quantize(tmp_path / "run", images=rng.integers(0, 17, (3, M)).astype(np.int16))
