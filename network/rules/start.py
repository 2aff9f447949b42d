"""Log-rates at reset that depend on the image: docs/spec/neurons/poisson.md."""

import numpy as np

from ipvae.errors import InputError
from ipvae.network.description import IntNetwork
from ipvae.network.layers import AffineStart, PoissonLayer
from ipvae.network.rules.arithmetic import clip
from ipvae.network.rules.drive import image_product


def start_of(network: IntNetwork) -> AffineStart | None:
    """Return the start of the network's code, None for a code that starts from constants."""
    return network.layer.start if isinstance(network.layer, PoissonLayer) else None


def start_log_rates(
    network: IntNetwork, images: np.ndarray, hold: int | None = None
) -> np.ndarray | None:
    """Compute the log-rates of the code at row 0, for each image.

    Parameters
    ----------
    network : IntNetwork
    images : (N, M) int, or with `hold` (N, F, M)
        Pixels in the declared range. A stream starts from its first frame.
    hold : int, optional
        As for `ipvae.network.rules.stream.stream_drives`.

    Returns
    -------
    (N, K) int32 within u_min..u_max, or None for a code that starts from constants
    """
    start, layer = start_of(network), network.layer
    if start is None:
        return None
    first = np.asarray(images) if hold is None else np.asarray(images)[:, 0]
    v = image_product(start.weight, start.exponent, first) + start.bias
    v = np.where(v < start.threshold, v - start.margin, v)
    return clip(v, layer.u_min, layer.u_max).astype(np.int32)


def require_start(network: IntNetwork, start: np.ndarray | None) -> None:
    """Raise InputError unless these can be the log-rates of the code at row 0, (K,)."""
    layer, needed = network.layer, start_of(network) is not None
    if needed != (start is not None):
        raise InputError(
            f"start: must be {'given' if needed else 'omitted'}, since the network starts "
            f"{'from the image' if needed else 'from constants'}; take it from start_log_rates"
        )
    if start is None:
        return
    whole = start.dtype.kind in "iu" and start.shape == (layer.n_neurons,)
    if not whole or start.min() < layer.u_min or start.max() > layer.u_max:
        raise InputError(
            f"start: shape {start.shape} of {start.dtype}, allowed ({layer.n_neurons},) of "
            f"integers within {layer.u_min}..{layer.u_max}; take it from start_log_rates"
        )
