"""A small random model, images of its size, their classes, and its integer network."""

import numpy as np
import pytest

import ipvae
from ipvae.export.importers.arrays import to_parameters
from ipvae.float_models.checkpoint import Checkpoint
from ipvae.float_models.data import DataInfo
from ipvae.network.description import FloatNetwork

SIDE, K, N = 4, 10, 30
"""Sides of an image, neurons, images."""


@pytest.fixture(scope="module")
def model():
    rng = np.random.default_rng(7)
    m = SIDE * SIDE
    network = FloatNetwork(
        phi=rng.normal(0, 0.3, (m, K)),
        sigma=np.ones(m),
        step_size=0.1,
        bias=np.full(K, 0.1),
        u0=np.full(K, -1.0),
    )
    return Checkpoint(to_parameters(network), None, DataInfo("arrays", 255, (SIDE, SIDE), 0))


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(8).integers(0, 256, (N, SIDE, SIDE))


@pytest.fixture(scope="module")
def labels(images):
    return (images[:, :2].mean(axis=(1, 2)) > images[:, 2:].mean(axis=(1, 2))).astype(int)


@pytest.fixture(scope="module")
def net(model, images):
    return ipvae.quantize(model, images, most_loss=9.0).network
