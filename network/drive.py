"""The drive: what one image adds to every log-rate at each step, computed once on the host."""

import numpy as np

from ipvae.network.arithmetic import TERM_MAX, clip, shift
from ipvae.network.description import IntNetwork, check_pixels
from ipvae.network.errors import InputError


def drive(network: IntNetwork, images: np.ndarray) -> np.ndarray:
    """Compute b = clip(shift(W_ff x, drive_exp) + bias) for each image.

    Parameters
    ----------
    network : IntNetwork
    images : (N, M) int
        Pixels within the network's declared range.

    Returns
    -------
    (N, K) int32, Q11.12 octaves, within +-TERM_MAX

    Raises
    ------
    InputError, DescriptionError
        If the images have another shape, another dtype or pixels out of range.
    """
    images = np.asarray(images)
    m = network.layer.n_pixels
    if images.ndim != 2 or images.shape[1] != m:
        raise InputError(f"images: shape {images.shape}, the network takes (n, {m})")
    if not np.issubdtype(images.dtype, np.integer):
        raise InputError(f"images: dtype {images.dtype}, the network takes integer pixels")
    check_pixels(images, network.input, "images")
    # A product is below 2**30, a sum of M < 2**19 of them below 2**49: float64 is exact,
    # and a hundred times faster than an integer product.
    product = images.astype(np.float64) @ network.layer.weight.T.astype(np.float64)
    total = shift(product.astype(np.int64), network.layer.drive_exp) + network.layer.bias
    return clip(total, -TERM_MAX, TERM_MAX).astype(np.int32)
