"""Convolutional decoder in PyTorch: drive, inhibition and their kernels, as pure functions.

Equations: `ipvae.float_models.convolutional.gram`.
"""

import torch
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


def blocked(kernels: Tensor, stride: int) -> Tensor:
    """Return kernels of stride 1 on blocks of s x s pixels, (C, c s s, q, q), q = ceil(k / s).

    A place of the grid is one block further than its neighbour, and a block's pixels are channels.
    """
    maps, channels, k, _ = kernels.shape
    q = -(-k // stride)
    whole = F.pad(kernels, (0, q * stride - k, 0, q * stride - k))
    parts = whole.view(maps, channels, q, stride, q, stride).permute(0, 1, 3, 5, 2, 4)
    return parts.reshape(maps, channels * stride * stride, q, q)


def factored_inhibition(counts: Tensor, kernels: Tensor, weighted: Tensor) -> Tensor:
    """Return `inhibition` as a decoder and a drive, for dense kernels with fewer operations.

    Parameters
    ----------
    counts : (B, C, H, W)
    kernels, weighted : `blocked` forms of Phi and D Phi
    """
    return F.conv2d(F.conv_transpose2d(counts, kernels), weighted)


def by_factors(change: Tensor, counts: Tensor, kernels: Tensor, weighted: Tensor) -> Tensor:
    """Return the gradients of the sum of change times `factored_inhibition`, (2, C, c s s, q, q).

    The first is by the blocked kernels, the second by the blocked D Phi.

    Parameters
    ----------
    change, counts : (B, C, H, W)
    kernels, weighted : as in `factored_inhibition`
    """
    shape = kernels.shape
    by_kernels = conv2d_weight(F.conv_transpose2d(change, weighted), shape, counts)
    by_weighted = conv2d_weight(F.conv_transpose2d(counts, kernels), shape, change)
    return torch.stack([by_kernels, by_weighted])


def by_weighted(canvases: Tensor, change: Tensor, kernel: int, stride: int) -> Tensor:
    """Return the gradient by D Phi of the sum of change (B, C, H, W) times `drive`."""
    shape = (change.shape[1], canvases.shape[1], kernel, kernel)
    return conv2d_weight(canvases, shape, change, stride=stride)
