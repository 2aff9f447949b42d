import math
import os

import numpy as np
import pytest

from ipvae.errors import DescriptionError, FormatError, InputError
from ipvae.export.importers.arrays import from_arrays, from_parameters, to_parameters

GOOD = {
    "phi": np.ones((4, 3)),
    "sigma": np.full(4, 0.5),
    "step_size": np.array(0.3),
    "bias": np.full(3, 0.05),
    "u0": np.full(3, -5.0),
}


def saved(tmp_path, **changes):
    arrays = {k: v for k, v in {**GOOD, **changes}.items() if v is not None}
    np.savez(tmp_path / "a.npz", **arrays)
    return tmp_path / "a.npz"


def test_parameters_round_trip(tmp_path):
    network = from_arrays(saved(tmp_path))
    again = from_parameters(to_parameters(network))
    np.testing.assert_allclose(again.sigma, network.sigma, rtol=1e-6)
    np.testing.assert_allclose(again.bias, network.bias, rtol=1e-6)
    np.testing.assert_allclose(again.gram(), network.gram(), rtol=1e-5)
    np.testing.assert_allclose(again.step_size, 0.3, rtol=1e-6)


def test_gram_is_the_equation():
    network = from_parameters(
        to_parameters(from_parameters({**params(), "log_lr": np.array(np.log(0.3), np.float32)}))
    )
    d = np.diag(1 / network.sigma**2)
    np.testing.assert_allclose(network.gram(), 0.3 * network.phi.T @ d @ network.phi, rtol=1e-6)


def params():
    rng = np.random.default_rng(0)
    return {
        "phi": rng.normal(size=(4, 3)).astype(np.float32),
        "u0": np.zeros(3, np.float32),
        "log_bias": np.full(3, -3, np.float32),
        "log_lr": np.array(0, np.float32),
        "log_sigma_raw": rng.normal(size=4).astype(np.float32),
    }


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sigma": None}, r"missing: \['sigma'\]"),
        ({"extra": np.ones(1)}, r"unknown: \['extra'\]"),
        ({"sigma": np.ones(5)}, "phi asks for .*: transpose or repair them"),
        ({"phi": np.ones(4)}, r"allowed \(pixels, neurons\)"),
        ({"sigma": np.zeros(4)}, "not positive"),
        ({"step_size": np.ones(2)}, "allowed one"),
        ({"step_size": np.array(-1.0)}, "step_size"),
        ({"phi": np.full((4, 3), np.nan)}, "not finite"),
        ({"u0": np.array(["a"] * 3)}, "u0.npy.* holds .<U1., allowed are numbers"),
        ({"u0": np.ones(3, bool)}, "allowed real numbers"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(tmp_path, changes, message):
    with pytest.raises((InputError, DescriptionError), match=message):
        from_arrays(saved(tmp_path, **changes))


def test_what_is_no_archive_is_refused(tmp_path):
    (tmp_path / "a.npz").write_bytes(b"PK\x03\x04 no")
    with pytest.raises(InputError, match="not an .npz file"):
        from_arrays(tmp_path / "a.npz")
    with pytest.raises(FormatError, match="No such file"):
        from_arrays(tmp_path / "none.npz")
    os.mkfifo(tmp_path / "pipe.npz")
    with pytest.raises(FormatError, match="it is no regular file"):
        from_arrays(tmp_path / "pipe.npz")


def test_sigma_outside_the_model_is_refused(tmp_path):
    network = from_arrays(saved(tmp_path, sigma=np.full(4, 1e-3)))
    with pytest.raises(InputError, match="sigma"):
        to_parameters(network)


def test_parameters_are_logarithms_and_a_bounded_deviation():
    """log sigma = 3.45 tanh(raw / 3.45); bias and step size from their natural logarithms."""
    raw = [-20.0, -1.0, 0.5, 3.0]
    given = {**params(), "log_sigma_raw": np.array(raw, np.float32)}
    given |= {
        "log_lr": np.array([-0.7], np.float32),
        "log_bias": np.array([-3, 0, 0.5], np.float32),
    }
    network = from_parameters(given)
    wanted = [math.exp(3.45 * math.tanh(value / 3.45)) for value in raw]
    np.testing.assert_allclose(network.sigma, wanted, rtol=1e-6)
    np.testing.assert_allclose(network.bias, [math.exp(v) for v in (-3, 0, 0.5)], rtol=1e-6)
    assert network.step_size == pytest.approx(math.exp(-0.7), rel=1e-6)
    back = to_parameters(from_parameters({**given, "log_sigma_raw": np.array([*raw[1:], 0.0])}))
    np.testing.assert_allclose(back["log_sigma_raw"], [*raw[1:], 0.0], rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(back["log_bias"], [-3, 0, 0.5], rtol=1e-6, atol=1e-7)
    assert float(back["log_lr"]) == pytest.approx(-0.7)


def test_what_the_model_can_express_ends_at_its_limits(tmp_path):
    for log_sigma, fits in ((3.449, True), (-3.449, True), (3.451, False), (-3.451, False)):
        network = from_arrays(saved(tmp_path, sigma=np.full(4, np.exp(log_sigma))))
        if fits:
            to_parameters(network)
            continue
        with pytest.raises(InputError, match=r"sigma: .* allowed 0\.03175..31\.5"):
            to_parameters(network)
    network = from_arrays(saved(tmp_path, bias=np.array([0.1, 0.0, 0.2])))
    with pytest.raises(InputError, match="bias: smallest value 0, allowed above 0. .* 1e-9"):
        to_parameters(network)
