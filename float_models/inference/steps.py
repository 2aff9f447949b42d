"""One step of each float model, as pure functions of float32 arrays.

An iterative model repeats `poisson_step` or `gaussian_step` from its prior or from an encoder's
posterior; an amortized model needs only `encode`. `ipvae.train.models.dynamics`, `.iterative`,
`.latents` and `.encoders` have the same equations in PyTorch, with gradients. Sparse coding is in
`.lca`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ipvae.float_models.inference import kernels
from ipvae.float_models.inference.draws import normal, poisson
from ipvae.float_models.zoo import PRIORS, ModelSpec

LOG_RATE_MIN = -8.0
"""Hard lower limit of iterated log-rates and of their changes, nats."""
LIMIT = 10.0
"""C of a trained model's soft clamp: upper limit of iterated log-rates and their changes, nats."""
LOG_RATE_MAX = 5.0
"""Soft upper limit of an amortized log-rate, as in the authors' P-VAE, nats."""
LOG_SCALE_MAX = 5.3
"""Soft bound of the magnitude of an amortized log standard deviation."""
MEAN_MAX, MEAN_STEP_MAX = 7.0, 7.0
"""Soft bounds of the magnitude of an iterated mean and of its change."""
SCALE_MAX, SCALE_STEP_MAX = 2.0, 3.0
"""Soft bounds of the magnitude of an iterated log standard deviation and of its change."""

Belief = tuple[np.ndarray, ...]
"""Posterior or prior parameters, (B, K) float32 each. Poisson: log-rate. Gaussian: mean and log
deviation."""
Params = Mapping[str, np.ndarray]
"""Parameters by name, see `ipvae.float_models.zoo.ModelSpec.tensors`."""


@dataclass(frozen=True, eq=False)
class Blocks:
    """Matrix (N, K) arranged for `kernels.product`, reusable for any number of products.

    Attributes
    ----------
    blocks : (ceil(K / 64), N, 64) float32
    n_columns : K
    """

    blocks: np.ndarray
    n_columns: int

    @classmethod
    def of(cls, matrix: np.ndarray) -> "Blocks":
        """Arrange a matrix."""
        n, k = matrix.shape
        blocks = np.zeros((-(-k // kernels.COLUMNS), n, kernels.COLUMNS), dtype=np.float32)
        for i, block in enumerate(blocks):
            part = matrix[:, i * kernels.COLUMNS : (i + 1) * kernels.COLUMNS]
            block[:, : part.shape[1]] = part
        return cls(blocks, k)


def product(codes: np.ndarray, matrix: np.ndarray | Blocks) -> np.ndarray:
    """Return codes (B, N) @ matrix (N, K), float32, rows independent; zeros are skipped."""
    arranged = matrix if isinstance(matrix, Blocks) else Blocks.of(matrix)
    codes = np.require(codes, np.float32, ["C", "W"])
    n, columns = len(codes), len(arranged.blocks) * kernels.COLUMNS
    work = (np.empty((n, codes.shape[1] + 1), dtype) for dtype in (np.int32, np.float32))
    out = np.empty((n, columns), dtype=np.float32)
    kernels.product(codes, arranged.blocks, *work, out)
    return np.ascontiguousarray(out[:, : arranged.n_columns])


def log_sigma(params: Params) -> np.ndarray:
    """Return log sigma = 3.45 tanh(raw / 3.45) of each pixel, natural logarithm, (M,).

    `log_unit` is added for a model trained with a pixel unit other than 1.
    """
    found = 3.45 * np.tanh(params["log_sigma_raw"] / 3.45)
    return found + params["log_unit"] if "log_unit" in params else found


def precision(params: Params) -> np.ndarray:
    """Return D's diagonal, 1 / sigma^2 of each pixel, (M,)."""
    return np.exp(-2.0 * log_sigma(params))


def ceiling(v: np.ndarray, limit: float) -> np.ndarray:
    """Limit values smoothly from above: C - softplus(C - v)."""
    below = limit - v
    return limit - (np.maximum(below, 0.0) + np.log1p(np.exp(-np.abs(below))))


def soft_clamp(v: np.ndarray, limit: float = LIMIT) -> np.ndarray:
    """Limit log-rates to [-8, limit], smoothly from above: SC(v) = C - softplus(C - max(v, -8)).

    References
    ----------
    arXiv 2410.19315, released code (main/layers.py).
    """
    return ceiling(np.maximum(v, LOG_RATE_MIN), limit)


def bounded(v: np.ndarray, limit: float) -> np.ndarray:
    """Limit values smoothly to +-C: B(v) = C tanh(v / C)."""
    return limit * np.tanh(v / limit)


def poisson_step(
    u: np.ndarray,
    z: np.ndarray,
    drive: np.ndarray,
    gram: np.ndarray | Blocks,
    *,
    key: int,
    first: int = 0,
) -> tuple[np.ndarray, np.ndarray]:
    """Update log-rates and draw counts, in one compiled pass.

    u' = SC( u + SC( b - G z ) ),  z' ~ Poisson(exp(u'))

    Parameters
    ----------
    u, z : (B, K) float32, log-rates in nats and counts before the update
    drive : (B, K) float32, b = a (Phi^T D x - exp(c)), computed once for each image
    gram : (K, K) float32, G = a Phi^T D Phi, computed once for each network
    key, first : stream of the draws and index of the first element, see `draws.poisson`

    Returns
    -------
    u', z' : (B, K) float32

    References
    ----------
    arXiv 2410.19315, online update with one inner iteration; Gram form: docs/training.md.
    """
    after = np.empty_like(u)
    kernels.update(u, product(z, gram), drive, np.float32(LIMIT), after)
    return after, poisson(after, key, first=first)


def gaussian_step(belief: Belief, z: np.ndarray, pull: np.ndarray, params: Params) -> Belief:
    """Update mean m and log deviation s of a normal posterior with the draw z = m + e^s n.

    m' = B( m + B( a_m (e^2s pull - e^c) ) ),  s' = B( s + B( a_s n e^s pull / 2 ) )

    Parameters
    ----------
    belief : m and s, (B, K) float32 each
    z : (B, K) float32, drawn from the posterior
    pull : (B, K) float32, code'(z) Phi^T D (x - Phi code(z))
    params : log_bias c and the logarithms of a_m and a_s

    References
    ----------
    arXiv 2410.19315, iG-VAE, by the released code (main/layers.py, GaussianLayer).
    """
    mean, log_scale = belief
    scale = np.exp(log_scale)
    noise = (z - mean) / scale
    to_mean = np.exp(params["log_lr_mean"]) * (scale * scale * pull - np.exp(params["log_bias"]))
    to_scale = np.exp(params["log_lr_scale"]) * np.float32(0.5) * noise * scale * pull
    return (
        bounded(mean + bounded(to_mean, MEAN_STEP_MAX), MEAN_MAX),
        bounded(log_scale + bounded(to_scale, SCALE_STEP_MAX), SCALE_MAX),
    )


def draw(latent: str, belief: Belief, *, key: int, first: int = 0) -> np.ndarray:
    """Draw z (B, K) from a posterior: z ~ Poisson(e^u), or z = m + e^s n with n ~ N(0, 1)."""
    if latent == "poisson":
        return poisson(belief[0], key, first=first)
    mean, log_scale = belief
    return mean + np.exp(log_scale) * normal(mean.shape, key, first=first)


def code(latent: str, z: np.ndarray) -> np.ndarray:
    """Return the decoder's input, (B, K): z, or max(z, 0) for rectified latents."""
    return np.maximum(z, 0.0) if latent == "rectified" else z


def slope(latent: str, z: np.ndarray) -> np.ndarray:
    """Return the derivative of `code` with respect to z, (B, K) float32."""
    return (z > 0).astype(np.float32) if latent == "rectified" else np.ones_like(z)


def prior(member: ModelSpec, params: Params, n: int) -> Belief:
    """Return n copies of the prior."""
    return tuple(np.tile(params[name], (n, 1)) for name in PRIORS[member.latent])


def encode(
    member: ModelSpec, params: Params, x: np.ndarray, image_shape: tuple[int, int]
) -> Belief:
    """Return an encoder's posterior for images: the prior, shifted by the encoder's output.

    Poisson: u = C - softplus(C - (u_0 + e)), C = 5. Gaussian: m = m_0 + e_m,
    s = B(s_0 + e_s), bound 5.3.

    Parameters
    ----------
    member : model of the zoo with an encoder
    params : parameters of the model
    x : (B, M) float32 images
    image_shape : (height, width), required by convolutional encoders

    References
    ----------
    Poisson: arXiv 2405.14473. Gaussian: arXiv 1312.6114.
    """
    features = {"linear": _pixels, "mlp": _residual, "conv": _convolved}[member.encoder or ""]
    change = _linear(params, "encoder", features(params, x, image_shape))
    parts = np.split(change, len(PRIORS[member.latent]), axis=1)
    shifted = [a + b for a, b in zip(prior(member, params, len(x)), parts, strict=True)]
    if member.latent == "poisson":
        return (ceiling(shifted[0], LOG_RATE_MAX),)
    return shifted[0], bounded(shifted[1], LOG_SCALE_MAX)


def _linear(params: Params, layer: str, x: np.ndarray) -> np.ndarray:
    """Return W x + b of each row, for weights (outputs, ...) of any further dimensions."""
    weight = params[f"{layer}_weight"]
    return product(x, weight.reshape(len(weight), -1).T) + params[f"{layer}_bias"]


def _swish(x: np.ndarray) -> np.ndarray:
    """Return x sigmoid(x)."""
    return x * (0.5 + 0.5 * np.tanh(0.5 * x))


def _pixels(_: Params, x: np.ndarray, __: tuple[int, int]) -> np.ndarray:
    return x


def _residual(params: Params, x: np.ndarray, _: tuple[int, int]) -> np.ndarray:
    """Return x + V swish(U x + c) + d, the dense residual layer of arXiv 2405.14473's code."""
    return x + _linear(params, "residual", _swish(_linear(params, "hidden", x)))


def _convolved(params: Params, x: np.ndarray, image_shape: tuple[int, int]) -> np.ndarray:
    """Return two 3x3 convolutions with swish, each halving height and width, flattened."""
    h = x.reshape(-1, *image_shape, 1)
    for layer in ("conv1", "conv2"):
        _, height, width, channels = h.shape
        padded = np.pad(h, ((0, 0), (1, 1), (1, 1), (0, 0)))
        taps = [
            padded[:, row : row + height : 2, column : column + width : 2]
            for row in range(3)
            for column in range(3)
        ]
        windows = np.stack(taps, axis=-1)  # (B, half height, half width, channels, 9)
        rows = windows.reshape(-1, 9 * channels)
        h = _swish(_linear(params, layer, rows)).reshape(*windows.shape[:3], -1)
    return np.moveaxis(h, -1, 1).reshape(len(x), -1)
