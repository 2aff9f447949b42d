"""Drive: constant input of each neuron during one image, computed once on the host."""

import numpy as np

from ipvae.errors import InputError
from ipvae.network.description import IntNetwork, check_pixels
from ipvae.network.rules.arithmetic import TERM_MAX, clip, shift
from ipvae.network.schedule import AnyLayer


def drive(network: IntNetwork, images: np.ndarray, layer: str | None = None) -> np.ndarray:
    """Compute b = clip(shift(W_ff x, drive_exp) + bias) for each image.

    Parameters
    ----------
    network : IntNetwork
    images : (N, M) int
        Pixels within the network's declared range.
    layer : str, optional
        Number of the layer; the code if not given.

    Returns
    -------
    (N, K) int32, the layer's unit, within +-TERM_MAX

    Raises
    ------
    InputError, DescriptionError
        If the images have another shape, another dtype or pixels out of range.
    """
    images = _checked(network, images)
    return _drive(network.layer if layer is None else network.layers[layer], images)


def drives(network: IntNetwork, images: np.ndarray) -> dict[str, np.ndarray]:
    """Compute the drives of all layers, by number; see `drive`."""
    images = _checked(network, images)
    return {name: _drive(layer, images) for name, layer in network.layers.items()}


def _checked(network: IntNetwork, images: np.ndarray) -> np.ndarray:
    images = np.asarray(images)
    m = network.n_pixels
    if images.ndim != 2 or images.shape[1] != m:
        raise InputError(f"images: shape {images.shape}, the network takes (n, {m})")
    if not np.issubdtype(images.dtype, np.integer):
        raise InputError(f"images: dtype {images.dtype}, the network takes integer pixels")
    check_pixels(images, network.input, "images")
    return images


def _drive(layer: AnyLayer, images: np.ndarray) -> np.ndarray:
    if layer.weight is None:
        return np.broadcast_to(layer.bias, (len(images), layer.n_neurons)).copy()
    total = image_product(layer.weight, layer.drive_exp, images) + layer.bias
    return clip(total, -TERM_MAX, TERM_MAX).astype(np.int32)


def image_product(weight: np.ndarray, exponent: int, images: np.ndarray) -> np.ndarray:
    """Compute shift(W x, exponent) for each image.

    Parameters
    ----------
    weight : (K, M) int16, or (K,) for one pixel per neuron
    exponent : int
    images : (N, M) int, 16 bits with a sign

    Returns
    -------
    (N, K) int64
    """
    # A product is below 2**30, a sum of M < 2**19 products below 2**49: float64 is exact,
    # and a hundred times faster than an integer product.
    weights, pixels = weight.astype(np.float64), images.astype(np.float64)
    product = pixels * weights if weights.ndim == 1 else pixels @ weights.T
    return shift(product.astype(np.int64), exponent)
