"""Convolutional decoder in PyTorch: drive, inhibition and their kernels, as pure functions.

Equations: `ipvae.float_models.convolutional.gram`.
"""

import torch.nn.functional as F  # noqa: N812
from torch import Tensor
from torch.nn.grad import conv2d_weight

from ipvae.float_models.convolutional.geometry import Canvas


def padded(x: Tensor, canvas: Canvas) -> Tensor:
    """Return images (B, M) or (B, c, h, w) on canvases of zeros, (B, c, height, width)."""
    top, left, bottom, right = canvas.pads
    return F.pad(x.reshape(-1, *canvas.image), (left, right, top, bottom))


def drive(canvases: Tensor, weighted: Tensor, stride: int) -> Tensor:
    """Return Phi^T D x, (B, C, H, W).

    Parameters
    ----------
    canvases : (B, c, height, width), x
    weighted : (C, c, k, k), D Phi
    stride : s
    """
    return F.conv2d(canvases, weighted, stride=stride)


def gram_kernels(weighted: Tensor, kernels: Tensor, stride: int) -> Tensor:
    """Return the kernels of Phi^T D Phi, (C, C, span, span): receiving map, sending map, place.

    Parameters
    ----------
    weighted, kernels : (C, c, k, k), D Phi and Phi
    stride : s
    """
    reach = -(-kernels.shape[-1] // stride) - 1
    found = F.conv2d(kernels, weighted, stride=stride, padding=stride * reach)
    return found.flip(2, 3).transpose(0, 1)


def inhibition(counts: Tensor, gram: Tensor) -> Tensor:
    """Return Phi^T D Phi z of counts (B, C, H, W); symmetric, so also its own gradient."""
    return F.conv2d(counts, gram, padding=gram.shape[-1] // 2)


def by_gram(change: Tensor, counts: Tensor, span: int) -> Tensor:
    """Return the gradient by the Gram kernels of the sum of change times `inhibition`.

    Parameters
    ----------
    change, counts : (B, C, H, W)
    span : side of a Gram kernel
    """
    maps = counts.shape[1]
    return conv2d_weight(counts, (maps, maps, span, span), change, padding=span // 2)


def by_weighted(canvases: Tensor, change: Tensor, kernel: int, stride: int) -> Tensor:
    """Return the gradient by D Phi of the sum of change (B, C, H, W) times `drive`."""
    shape = (change.shape[1], canvases.shape[1], kernel, kernel)
    return conv2d_weight(canvases, shape, change, stride=stride)
