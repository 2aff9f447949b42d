"""Per-image quality measures at one step, as criteria for early stopping of single images.

For drawn counts, a measure is its expectation over the draws of that step, given the log-rates. Its
mean equals the mean of the measure of the counts, and its variance is one twentieth.
"""

from collections.abc import Callable

import numpy as np

from ipvae.errors import InputError
from ipvae.network.description import IntNetwork
from ipvae.network.layers import PoissonLayer
from ipvae.network.pixels import to_real
from ipvae.network.rules.arithmetic import to_nats
from ipvae.network.rules.drive import drive


class FitOfEach:
    """R2 of each image from the code at a step, x^ = Phi z; for drawn counts, the expected R2.

    E |x - Phi z|^2 = |x - Phi r|^2 + sum_k r_k |phi_k|^2 with rates r = exp(u). A constant image
    has no variance to explain; its measure is always 0.

    Parameters
    ----------
    network : IntNetwork
    pixels : (N, M) int
        All images of the run.
    """

    def __init__(self, network: IntNetwork, pixels: np.ndarray) -> None:
        self._images = to_real(pixels, network.input).astype(np.float32)
        self._phi = network.decoder.T.astype(np.float32)
        self._squares = np.square(network.decoder, dtype=np.float64).sum(axis=0)
        self._rates = _rates_of(network)
        self._variation = np.square(
            self._images - self._images.mean(axis=1, keepdims=True), dtype=np.float64
        ).sum(axis=1)

    def __call__(self, images: np.ndarray, u: np.ndarray, z: np.ndarray) -> np.ndarray:
        """Measure (n,) of the images with indices (n,), from u and z (n, K)."""
        if self._rates is None:
            return self.of_codes(images, z)
        rates = self._rates(u)
        return self._explained(images, rates, rates @ self._squares)

    def of_codes(self, images: np.ndarray, codes: np.ndarray) -> np.ndarray:
        """R2 (n,) of the images with indices (n,), from codes (n, K)."""
        return self._explained(images, codes, 0.0)

    def _explained(
        self, images: np.ndarray, codes: np.ndarray, of_draws: np.ndarray | float
    ) -> np.ndarray:
        """R2 from codes, and from the additional squared error of their draws."""
        residual = codes.astype(np.float32) @ self._phi - self._images[images]
        squares = np.square(residual, dtype=np.float64).sum(axis=1) + of_draws
        variation = self._variation[images]
        explained = 1.0 - squares / np.where(variation > 0, variation, 1.0)
        return np.where(variation > 0, explained, 0.0)


class EnergyOfEach:
    """Expected free energy of each image at a step, in nats times the model's step size.

    F(z) = z' G z / 2 - b' z, with the self-inhibition as G's diagonal; its negative gradient is the
    update of the log-rates. F is the squared error, weighted by pixel precisions, plus the cost of
    spikes, without the terms independent of z (arXiv 2410.19315, Gram form). Over the draws E F(z)
    = F(r) + sum_k G_kk r_k / 2 with rates r = exp(u).

    Parameters
    ----------
    network : IntNetwork
        Network with a recurrent Poisson code.
    pixels : (N, M) int
        All images of the run.

    Raises
    ------
    InputError
        If the network is of another kind.
    """

    def __init__(self, network: IntNetwork, pixels: np.ndarray) -> None:
        layer = network.layer
        weights = layer.weight_rec
        if not isinstance(layer, PoissonLayer) or str(layer.source) != network.code:
            raise InputError(
                f"free energy: found {layer.title} {network.code} with source {layer.source}, "
                "allowed is a Poisson code that receives only its own counts; stop by r2"
            )
        assert weights is not None
        self._gram = np.ldexp(weights * (-1.0 * layer.sign), layer.weight_exp)
        self._gram[np.diag_indices_from(self._gram)] += layer.self_weight
        self._own = np.diagonal(self._gram) / 2
        self._drive = drive(network, pixels)
        self._frac_bits = layer.frac_bits

    def __call__(self, images: np.ndarray, u: np.ndarray, z: np.ndarray) -> np.ndarray:
        """Measure (n,) of the images with indices (n,), from u and z (n, K)."""
        del z
        rates = np.exp(to_nats(u, self._frac_bits))
        return self.of_codes(images, rates) + to_nats(rates @ self._own, self._frac_bits)

    def of_codes(self, images: np.ndarray, codes: np.ndarray) -> np.ndarray:
        """Free energy (n,) of the images with indices (n,), from codes (n, K)."""
        codes = codes.astype(np.float64)
        force = codes @ self._gram.T / 2 - self._drive[images]
        return to_nats((codes * force).sum(axis=1), self._frac_bits)


def _rates_of(network: IntNetwork) -> Callable[[np.ndarray], np.ndarray] | None:
    """Function from log-rates to the rates of a drawn code; None for a code that is not drawn."""
    layer = network.layer
    if not isinstance(layer, PoissonLayer):
        return None
    frac_bits = layer.frac_bits
    return lambda u: np.exp(to_nats(u, frac_bits))
