"""Nodes of NIR without a state, on arrays (n, *shape); and the shape that each makes."""

import math

import numpy as np

from ipvae.errors import FormatError
from ipvae.float_models.nir_graph.graph import INPUT, OUTPUT, SAME, Node

Shape = tuple[int, ...]


def output_shape(node: Node, shape: Shape) -> Shape:
    """Return the shape of a node's output for the shape of its input.

    Raises
    ------
    FormatError
        If the input does not fit the node.
    """
    return apply(node, np.zeros((1, *shape), np.float32)).shape[1:]


def apply(node: Node, x: np.ndarray) -> np.ndarray:
    """Return the output of a node: (n, *shape) float32 to (n, *shape) float32.

    Raises
    ------
    FormatError
        If the input does not fit the node.
    """
    kind = node.kind
    if kind in (INPUT, OUTPUT, SAME):
        return x
    if kind in ("Affine", "Linear"):
        return _dense(node, x)
    if kind in ("Conv2d", "Conv1d"):
        return _convolution(node, x)
    if kind in ("SumPool2d", "AvgPool2d"):
        return _pooled(node, x)
    if kind == "Flatten":
        return _flat(node, x)
    return _scaled(node, x)


def _wrong(node: Node, shape: Shape, allowed: str) -> FormatError:
    return FormatError(
        f"node {node.name} ({node.kind}): receives the shape {shape}, allowed {allowed}; check the "
        "edges, or add a Flatten"
    )


def _dense(node: Node, x: np.ndarray) -> np.ndarray:
    weight = node.array("weight").astype(np.float32)
    if weight.ndim == 2 and x.ndim > 2 and x[0].size == weight.shape[1] != x.shape[-1]:
        x = x.reshape(len(x), -1)  # some tools leave out the Flatten, or count the batch as an axis
    if weight.ndim != 2 or x.shape[1:] != weight.shape[1:]:
        raise _wrong(node, x.shape[1:], f"{weight.shape[1:]}")
    found = x @ weight.T
    return found + node.array("bias").astype(np.float32) if node.kind == "Affine" else found


def geometry(node: Node) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int], int]:
    """Stride, padding, dilation and groups of a convolution; of Conv1d the second axis."""
    weight = node.array("weight")
    one = node.kind == "Conv1d"
    stride, dilation = node.pair("stride"), node.pair("dilation")
    if one:
        stride, dilation = (1, stride[1]), (1, dilation[1])
    padding = node.values.get("padding")
    kernel = (1, weight.shape[-1]) if one else weight.shape[-2:]
    if isinstance(padding, str):
        found = _named_padding(node, padding, kernel, dilation)
    else:
        found = node.pair("padding")
        found = (0, found[1]) if one else found
    return stride, found, dilation, int(node.array("groups").ravel()[0])


def _named_padding(node: Node, text: str, kernel: Shape, dilation: Shape) -> tuple[int, int]:
    if text == "valid":
        return 0, 0
    spans = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
    if text != "same" or any(span % 2 for span in spans):
        raise FormatError(
            f"node {node.name} ({node.kind}): padding '{text}', allowed are numbers, 'valid', and "
            "'same' with kernels of odd length; give numbers"
        )
    return spans[0] // 2, spans[1] // 2


def kernels(node: Node) -> np.ndarray:
    """Weights of a convolution with two axes: (C_out, C_in / groups, rows, columns) float64."""
    weight = node.array("weight")
    return weight[:, :, None] if node.kind == "Conv1d" else weight


def _convolution(node: Node, x: np.ndarray) -> np.ndarray:
    one = node.kind == "Conv1d"
    if x.ndim != (3 if one else 4):
        raise _wrong(node, x.shape[1:], "(C, L)" if one else "(C, H, W)")
    weight = kernels(node).astype(np.float32)
    stride, padding, dilation, groups = geometry(node)
    planes = x[:, :, None] if one else x
    if planes.shape[1] != weight.shape[1] * groups:
        raise _wrong(node, x.shape[1:], f"{weight.shape[1] * groups} channels")
    found = convolved(planes, weight, stride, padding, dilation, groups)
    if found.shape[2] < 1 or found.shape[3] < 1:
        raise _wrong(node, x.shape[1:], f"at least the kernel, {weight.shape[2:]}")
    found = found + node.array("bias").astype(np.float32).reshape(1, -1, 1, 1)
    return found[:, :, 0] if one else found


def convolved(
    x: np.ndarray, weight: np.ndarray, stride: Shape, padding: Shape, dilation: Shape, groups: int
) -> np.ndarray:
    """Correlate planes with kernels: (n, C_out, H', W')."""
    padded = np.pad(x, ((0, 0), (0, 0), *((p, p) for p in padding)))
    spans = [d * (k - 1) + 1 for k, d in zip(weight.shape[2:], dilation, strict=True)]
    if any(size < span for size, span in zip(padded.shape[2:], spans, strict=True)):
        return np.zeros((len(x), len(weight), 0, 0), np.float32)
    windows = np.lib.stride_tricks.sliding_window_view(padded, spans, axis=(2, 3))
    windows = windows[:, :, :: stride[0], :: stride[1], :: dilation[0], :: dilation[1]]
    parts = [
        np.einsum("nchwij,ocij->nohw", part, kernel, optimize=True)
        for part, kernel in zip(
            np.split(windows, groups, 1), np.split(weight, groups, 0), strict=True
        )
    ]
    return np.concatenate(parts, 1)


def pooling(node: Node) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int], float]:
    """Kernel, stride and padding of a pooling, and the factor on the sum."""
    kernel = node.pair("kernel_size")
    factor = 1 / math.prod(kernel) if node.kind == "AvgPool2d" else 1.0
    padding = node.pair("padding") if "padding" in node.values else (0, 0)
    return kernel, node.pair("stride"), padding, factor


def _pooled(node: Node, x: np.ndarray) -> np.ndarray:
    kernel, stride, padding, factor = pooling(node)
    if x.ndim != 4:
        raise _wrong(node, x.shape[1:], "(C, H, W)")
    channels = x.shape[1]
    ones = np.full((channels, 1, *kernel), factor, np.float32)
    found = convolved(x, ones, stride, padding, (1, 1), channels)
    if found.shape[2] < 1:
        raise _wrong(node, x.shape[1:], f"at least the window, {kernel}")
    return found


def _flat(node: Node, x: np.ndarray) -> np.ndarray:
    shape = x.shape[1:]
    first, last = (int(node.array(key).ravel()[0]) for key in ("start_dim", "end_dim"))
    first, last = (n + len(shape) if n < 0 else n for n in (first, last))
    if not 0 <= first <= last < len(shape):
        raise _wrong(node, shape, f"axes {first} to {last}")
    return x.reshape(len(x), *shape[:first], -1, *shape[last + 1 :])


def _scaled(node: Node, x: np.ndarray) -> np.ndarray:
    scale = node.array("scale").astype(np.float32)
    try:
        found = x * scale
    except ValueError:
        raise _wrong(node, x.shape[1:], f"{scale.shape}") from None
    if found.shape != x.shape:
        raise _wrong(node, x.shape[1:], f"{scale.shape}")
    return found
