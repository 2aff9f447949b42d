"""Samples from a model's prior, without an image."""

import numpy as np


def prior_samples(u0: np.ndarray, phi: np.ndarray, n: int, seed: int = 0) -> np.ndarray:
    """Return images Phi z, z ~ Poisson(exp u_0).

    Parameters
    ----------
    u0 : (K,) log-rates in nats before the first update
    phi : (M, K) decoder, real pixel units
    n : number of images
    seed : seed of the draws, with NumPy's generator

    Returns
    -------
    (n, M) float64, real pixel values

    Raises
    ------
    ValueError
        If the shapes do not match, or a log-rate is above 40, where counts would not be exact.

    References
    ----------
    arXiv 2410.19315: the prior of an iterative Poisson VAE is its state before the first update.
    """
    if phi.ndim != 2 or u0.shape != phi.shape[1:] or n < 1:
        raise ValueError(
            f"u0: found {u0.shape}, phi {phi.shape}, n {n}, allowed (K,), (M, K) and 1 or more"
        )
    if not np.all(u0 <= 40):
        raise ValueError(f"u0: found {u0.max()}, allowed up to 40; check the model")
    rng = np.random.default_rng(seed)
    counts = rng.poisson(np.exp(u0.astype(np.float64)), size=(n, len(u0)))
    return counts @ phi.T.astype(np.float64)
