"""Fixtures shared by all tests: small random networks, the oracle, the seed."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

from ipvae.network.description import InputFormat, IntNetwork, PoissonLayer

SEED = 20261121


@pytest.fixture
def rng():
    return np.random.default_rng(SEED)


@pytest.fixture(scope="session")
def make_network():
    """Build a random valid network; keyword arguments replace parts of its layer."""

    def make(k=16, m=12, seed=0, n_images=5, **layer_parts) -> IntNetwork:
        rng = np.random.default_rng(seed)
        parts = {
            "weight": rng.integers(-3000, 3000, (k, m)).astype(np.int16),
            "weight_rec": rng.integers(-128, 128, (k, k)).astype(np.int8),
            "bias": rng.integers(-3000, 3000, k).astype(np.int32),
            "self_weight": rng.integers(0, 4000, k).astype(np.int32),
            "u_init": rng.integers(-9000, 20000, k).astype(np.int32),
            "drive_exp": -9,
            "weight_exp": 4,
            "u_min": -47274,
            "u_max": 32768,
            "du_min": -47274,
            "du_max": 59093,
            "payload_bits": 8,
        }
        return IntNetwork(
            InputFormat(0, 255, 1 / 255, (m, 1)),
            PoissonLayer(**{**parts, **layer_parts}),
            rng.normal(size=(m, k)),
            rng.integers(0, 256, (n_images, m)).astype(np.int16),
            np.full(n_images, -1, dtype=np.int16),
            {"made": "at random"},
        )

    return make


@pytest.fixture(scope="session")
def oracle():
    """The slow independent implementation, tests/oracle.py."""
    spec = importlib.util.spec_from_file_location("oracle", Path(__file__).parent / "oracle.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["oracle"] = module
    spec.loader.exec_module(module)
    return module
