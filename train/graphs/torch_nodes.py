"""Modules and functions of PyTorch as nodes of a graph, in evaluation mode."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ipvae.errors import InputError
from ipvae.float_models.nir_graph.graph import RELU, Node

Shape = tuple[int, ...]

NEAREST = {
    "MaxPool": "AvgPool2d, or a Conv2d with a stride, in its place",
    "AdaptiveMaxPool": "AdaptiveAvgPool2d in its place",
    "LeakyReLU": "ReLU in its place",
    "GELU": "ReLU in its place",
    "SiLU": "ReLU in its place",
    "ELU": "ReLU in its place",
    "ReLU6": "ReLU in its place; integers keep larger activations",
    "Sigmoid": "ReLU in its place",
    "Tanh": "ReLU in its place",
    "Softmax": "it does not change which output is largest, omit it",
    "LogSoftmax": "it does not change which output is largest, omit it",
    "LayerNorm": "BatchNorm2d or BatchNorm1d in its place",
    "GroupNorm": "BatchNorm2d in its place",
}
"""Replacements of modules that cannot be kept."""
KEPT = "Linear, Conv2d, BatchNorm, AvgPool2d, AdaptiveAvgPool2d, ReLU, Flatten, Dropout, Identity"
PASSED = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Identity)
"""Modules that pass values on in evaluation mode."""


def refused(where: str, kind: str, found: str = "") -> InputError:
    """Return the error for a module or function that cannot be kept, with what works."""
    nearest = next((text for name, text in NEAREST.items() if kind.startswith(name)), None)
    if found:
        return InputError(f"module {where} ({kind}): found {found}")
    remedy = f"use {nearest}" if nearest and "omit" not in nearest else nearest
    return InputError(
        f"module {where} ({kind}): cannot be kept exactly, allowed are {KEPT} and sums of them; "
        f"{remedy or 'replace it and train again'}"
    )


def array(values: Tensor | None, n: int = 0) -> np.ndarray:
    """Return a parameter as float32, zeros (n,) for a missing one."""
    return np.zeros(n, np.float32) if values is None else values.detach().numpy().copy()


def node_of(name: str, module: nn.Module, shape: Shape) -> Node | None:
    """Return the node of a module; None if it passes values on.

    Parameters
    ----------
    name : str
    module : nn.Module
    shape : shape of its input without the batch

    Raises
    ------
    InputError
        If the module cannot be kept exactly.
    """
    if isinstance(module, PASSED):
        return None
    for kind, make in _MAKERS.items():
        if type(module) is kind:
            return make(name, module, shape)
    raise refused(name, type(module).__name__)


def _linear(name: str, module: Any, shape: Shape) -> Node:
    if len(shape) != 1:
        raise refused(name, "Linear", f"an input {shape}, allowed (n,); add a Flatten before it")
    return affine(name, array(module.weight), array(module.bias, module.out_features))


def affine(name: str, weight: np.ndarray, bias: np.ndarray) -> Node:
    """Return a node Affine."""
    return Node(name, "Affine", {"weight": weight, "bias": bias})


def _conv(name: str, module: Any, _: Shape) -> Node:
    if module.padding_mode != "zeros":
        raise refused(name, "Conv2d", f"padding '{module.padding_mode}', allowed is zeros")
    padding = module.padding if isinstance(module.padding, str) else np.array(module.padding)
    values = {
        "weight": array(module.weight),
        "bias": array(module.bias, module.out_channels),
        "stride": np.array(module.stride),
        "padding": padding,
        "dilation": np.array(module.dilation),
        "groups": np.array(module.groups),
    }
    return Node(name, "Conv2d", values)


def _norm(name: str, module: Any, shape: Shape) -> Node:
    """Batch normalization of its running moments: a factor and an offset of each channel."""
    if module.running_mean is None:
        raise refused(name, "BatchNorm", "no running moments; train with track_running_stats")
    factor = 1 / np.sqrt(array(module.running_var).astype(np.float64) + module.eps)
    factor = factor if module.weight is None else factor * array(module.weight)
    bias = -array(module.running_mean) * factor
    bias = (bias if module.bias is None else bias + array(module.bias)).astype(np.float32)
    factor = factor.astype(np.float32)
    if len(shape) == 1:
        return affine(name, np.diag(factor), bias)
    one, zero, channels = np.array([1, 1]), np.array([0, 0]), len(factor)
    values = {"weight": factor.reshape(-1, 1, 1, 1), "bias": bias, "stride": one, "padding": zero}
    return Node(name, "Conv2d", {**values, "dilation": one, "groups": np.array(channels)})


def pool(name: str, kernel: Any, stride: Any, padding: Any) -> Node:
    """Return a node AvgPool2d."""

    def pair(value: Any) -> np.ndarray:
        return np.array([value, value] if isinstance(value, int) else value)

    values = {"kernel_size": pair(kernel), "stride": pair(stride), "padding": pair(padding)}
    return Node(name, "AvgPool2d", values)


def _average(name: str, module: Any, _: Shape) -> Node:
    padded = np.max(module.padding) > 0 and not module.count_include_pad
    if module.ceil_mode or padded or module.divisor_override is not None:
        raise refused(
            name,
            "AvgPool2d",
            "ceil_mode, divisor_override or count_include_pad=False with padding, allowed are "
            "equal windows; pool without them",
        )
    return pool(name, module.kernel_size, module.stride, module.padding)


def _adaptive(name: str, module: Any, shape: Shape) -> Node:
    size = module.output_size
    sizes = (size, size) if isinstance(size, int) else tuple(size)
    wanted = [n if s is None else s for n, s in zip(shape[-2:], sizes, strict=True)]
    if any(n % s for n, s in zip(shape[-2:], wanted, strict=True)):
        raise refused(
            name, "AdaptiveAvgPool2d", f"{wanted} from {shape[-2:]}, allowed are equal windows"
        )
    kernel = [n // s for n, s in zip(shape[-2:], wanted, strict=True)]
    return pool(name, kernel, kernel, 0)


def flat(name: str, start: int, end: int, shape: Shape) -> Node:
    """Return a node Flatten; PyTorch counts the batch as axis 0."""
    first, last = (n + len(shape) + 1 if n < 0 else n for n in (start, end))
    if first < 1:
        raise refused(name, "Flatten", "the batch among the axes, allowed from axis 1 on")
    return Node(name, "Flatten", {"start_dim": np.array(first - 1), "end_dim": np.array(last - 1)})


def _flatten(name: str, module: Any, shape: Shape) -> Node:
    return flat(name, module.start_dim, module.end_dim, shape)


def _relu(name: str, _: Any, __: Shape) -> Node:
    return Node(name, RELU)


_MAKERS: dict[type, Callable[[str, Any, Shape], Node]] = {
    nn.Linear: _linear,
    nn.Conv2d: _conv,
    nn.BatchNorm1d: _norm,
    nn.BatchNorm2d: _norm,
    nn.AvgPool2d: _average,
    nn.AdaptiveAvgPool2d: _adaptive,
    nn.Flatten: _flatten,
    nn.ReLU: _relu,
}


def function_node(name: str, target: Any, given: tuple, named: dict, shape: Shape) -> Node | None:
    """Return the node of a function or method; None if it passes values on.

    Parameters
    ----------
    name : str
    target : function, or name of a method
    given, named : its arguments after the first
    shape : shape of its input without the batch

    Raises
    ------
    InputError
        If it cannot be kept exactly.
    """
    functional = nn.functional
    if target in (functional.relu, torch.relu, "relu", "relu_"):
        return Node(name, RELU)
    if target in (functional.dropout, "contiguous"):
        return None
    if target in (torch.flatten, "flatten"):
        ends = [*given, *[None] * 2][:2]
        start, end = (
            named.get(key, usual if value is None else value)
            for key, value, usual in zip(("start_dim", "end_dim"), ends, (0, -1), strict=True)
        )
        return flat(name, start, end, shape)
    if target in ("view", "reshape", torch.reshape) and (sizes := given[-1:]):
        last = sizes[0][-1] if isinstance(sizes[0], (tuple, list)) else sizes[0]
        whole = last == -1 or last == math.prod(shape)
        count = len(sizes[0]) if isinstance(sizes[0], (tuple, list)) else len(given)
        if whole and count == 2:
            return flat(name, 1, -1, shape)
    raise refused(name, getattr(target, "__name__", str(target)))
