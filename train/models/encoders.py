"""Encoders from an image to changes of the prior's parameters, as pure functions."""

from collections.abc import Callable, Mapping

from torch import Tensor
from torch.nn import functional

Encoder = Callable[[Mapping[str, Tensor], Tensor, tuple[int, int]], Tensor]
"""Function from parameters (`ipvae.float_models.zoo.ENCODERS`), images (B, M) and (height, width)
to (B, O)."""


def linear(params: Mapping[str, Tensor], x: Tensor, _: tuple[int, int]) -> Tensor:
    """Return W x + b."""
    return functional.linear(x, params["encoder_weight"], params["encoder_bias"])


def mlp(params: Mapping[str, Tensor], x: Tensor, shape: tuple[int, int]) -> Tensor:
    """Return `linear` of x + V swish(U x + c) + d: one residual block of width H.

    References
    ----------
    arXiv 2405.14473, the released code's dense residual layer.
    """
    hidden = functional.silu(functional.linear(x, params["hidden_weight"], params["hidden_bias"]))
    change = functional.linear(hidden, params["residual_weight"], params["residual_bias"])
    return linear(params, x + change, shape)


def conv(params: Mapping[str, Tensor], x: Tensor, shape: tuple[int, int]) -> Tensor:
    """Return `linear` of two 3x3 convolutions with swish, each halving height and width."""
    h = x.view(-1, 1, *shape)
    for layer in ("conv1", "conv2"):
        weight, bias = params[f"{layer}_weight"], params[f"{layer}_bias"]
        h = functional.silu(functional.conv2d(h, weight, bias, stride=2, padding=1))
    return linear(params, h.flatten(start_dim=1), shape)


ENCODE: dict[str, Encoder] = {"linear": linear, "mlp": mlp, "conv": conv}
