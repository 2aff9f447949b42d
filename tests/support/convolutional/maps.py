"""Convolutional models without training: kernels of cosines with both signs, and smooth images."""

import numpy as np

from ipvae.float_models.checkpoint import Checkpoint
from ipvae.float_models.config import TrainConfig
from ipvae.float_models.convolutional.geometry import Canvas
from ipvae.float_models.convolutional.gram import gram_kernels, largest_eigenvalue
from ipvae.float_models.data import DataInfo
from ipvae.network.pixels import Pixels

SCALE = 1 / 64
LIMIT = 255


def tensors(canvas, seed=0):
    """Tensors of a model whose step size is a quarter of the largest stable one."""
    rng = np.random.default_rng(seed)
    places = np.arange(canvas.kernel) + 0.5
    waves = np.cos(np.pi * np.outer(np.arange(canvas.kernel), places) / canvas.kernel)
    order = sorted(np.ndindex(canvas.kernel, canvas.kernel), key=sum)
    kernels = np.empty((canvas.maps, canvas.image[0], canvas.kernel, canvas.kernel))
    for m in range(canvas.maps):
        y, x = order[m // 2 % len(order)]
        wave = (-1) ** m * np.outer(waves[y], waves[x])
        kernels[m] = wave * rng.normal(1, 0.2, (canvas.image[0], 1, 1))
        kernels[m] *= 0.4 / np.sqrt((kernels[m] ** 2).sum() / len(kernels[m]))
    found = {
        "kernels": kernels,
        "u0": rng.normal(-1, 0.2, canvas.maps),
        "log_bias": rng.normal(-2, 0.2, canvas.maps),
        "log_lr": np.array(0.0),
        "log_sigma_raw": rng.normal(-1, 0.1, canvas.image[0]),
    }
    params = {name: np.asarray(value, np.float32) for name, value in found.items()}
    largest = largest_eigenvalue(gram_kernels(params, canvas.stride))
    return params | {"log_lr": np.asarray(np.log(0.25 / largest), np.float32)}


def checkpoint(canvas, seed=0):
    """A model of a user's own images."""
    config = TrainConfig(
        "arrays", "conv-ipvae", latents=canvas.maps, kernel_size=canvas.kernel, stride=canvas.stride
    )
    channels, *shape = canvas.image
    data = DataInfo("arrays", LIMIT, tuple(shape), 9, -LIMIT, SCALE, channels)
    return Checkpoint(tensors(canvas, seed), config, data)


def pixels(image, n, seed=1):
    """Smooth images, whose channels are nearly the same: (n, c, h, w) int."""
    rng = np.random.default_rng(seed)
    found = rng.normal(size=(n, 1, *image[1:])) + 0.1 * rng.normal(size=(n, *image))
    for axis in (2, 3):
        for _ in range(2):
            found = found + np.roll(found, 1, axis) + np.roll(found, -1, axis)
    found *= 1 / (SCALE * found.std())
    return np.clip(np.rint(found), -LIMIT, LIMIT).astype(int)


def model(canvas, seed=0):
    """Arguments of the exporter."""
    from ipvae.export.exporters.convolutional import ConvolutionalModel

    return ConvolutionalModel(tensors(canvas, seed), canvas, Pixels(-LIMIT, LIMIT, SCALE))


__all__ = ["Canvas", "checkpoint", "model", "pixels", "tensors"]
