"""Weights of a path in float: nodes between neurons joined to one convolution or matrix."""

import math
from dataclasses import dataclass, field, replace

import numpy as np

from ipvae.errors import DescriptionError, QuantizationError
from ipvae.export.graphs.paths import Path
from ipvae.float_models.nir_graph import layers
from ipvae.float_models.nir_graph.graph import OUTPUT, SAME, Node
from ipvae.float_models.nir_graph.layers import Shape
from ipvae.float_models.nir_graph.model import NirModel
from ipvae.network.connections import Convolution, Dense, Diagonal, Weights

MOST_WEIGHTS = 2**24
"""Largest matrix that nodes are joined to."""
PLANES = ("Conv2d", "Conv1d", "SumPool2d", "AvgPool2d", "Scale")
"""Nodes that are convolutions, if a scale is equal in each channel."""
_TOLERANCE = 1e-4


@dataclass(frozen=True, eq=False)
class FloatWeights:
    """Weights of a connection before rounding.

    Attributes
    ----------
    weight : float64 array
        (n_out, n_in), (n,), or kernels (C_out, C_in / groups, rows, columns).
    in_shape : (C, H, W) or None
        Of a convolution.
    stride, padding, dilation : (rows, columns)
    groups : int
    out_shape : tuple of int
        Of the receivers, as a layer has it.
    """

    weight: np.ndarray
    out_shape: Shape
    in_shape: Shape | None = None
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (0, 0)
    dilation: tuple[int, int] = (1, 1)
    groups: int = 1
    nodes: tuple[str, ...] = field(default=())

    @property
    def is_conv(self) -> bool:
        """True for kernels."""
        return self.in_shape is not None

    def scaled(self, rows: np.ndarray) -> "FloatWeights | None":
        """Multiply the weights of each receiver; None if a kernel would differ in one channel.

        Parameters
        ----------
        rows : (n_out,) float64
        """
        if self.weight.ndim == 1:
            return replace(self, weight=self.weight * rows)
        if not self.is_conv:
            return replace(self, weight=self.weight * rows[:, None])
        by_channel = rows.reshape(len(self.weight), -1)
        if np.ptp(by_channel, axis=1).max() > 1e-6 * np.abs(by_channel).max():
            return None
        return replace(self, weight=self.weight * by_channel[:, 0].reshape(-1, 1, 1, 1))

    def integers(self, weight: np.ndarray) -> Weights:
        """Return the weights of a network with these integers."""
        if self.weight.ndim == 1:
            return Diagonal(weight)
        if not self.is_conv:
            return Dense(weight)
        assert self.in_shape is not None
        shape: tuple = self.in_shape
        return Convolution(
            weight, shape, self.stride, self.padding, self.dilation, groups=self.groups
        )


def network_shape(shape: Shape) -> Shape:
    """Shape of a layer for a shape in the graph: (n,) or (C, H, W); (C, L) is (C, 1, L)."""
    if len(shape) == 2:
        return shape[0], 1, shape[1]
    return shape if len(shape) in (1, 3) else (math.prod(shape),)


def path_weights(model: NirModel, path: Path, target: str) -> FloatWeights:
    """Return the weights of a path.

    Raises
    ------
    QuantizationError
        If the nodes can only be joined to a matrix, and it is too large.
    """
    source, out = model.shapes[path.source], network_shape(model.shapes[target])
    linear = [node for node in path.nodes if node.kind not in (SAME, OUTPUT, "Flatten")]
    names = tuple(node.name for node in linear)
    if all(node.kind in PLANES for node in linear) and len(network_shape(source)) == 3:
        found = _planes(linear, network_shape(source), out)
        if found is not None and _same(found, path.nodes, source):
            return replace(found, nodes=names)
    if not linear:
        return FloatWeights(np.ones(math.prod(source)), out, nodes=names)
    if len(linear) == 1 and linear[0].kind in ("Affine", "Linear"):
        return FloatWeights(linear[0].array("weight"), out, nodes=names)
    return FloatWeights(_matrix(path.nodes, source, names), out, nodes=names)


def dense_of(model: NirModel, path: Path, target: str) -> FloatWeights:
    """Return the weights of a path as a matrix, in place of a convolution."""
    found = path_weights(model, path, target)
    weight = _matrix(path.nodes, model.shapes[path.source], found.nodes)
    return FloatWeights(weight, found.out_shape, nodes=found.nodes)


def _through(nodes: tuple[Node, ...], x: np.ndarray) -> np.ndarray:
    for node in nodes:
        x = layers.apply(node, x)
    return x


def _matrix(nodes: tuple[Node, ...], shape: Shape, names: tuple[str, ...]) -> np.ndarray:
    """Matrix of nodes, from their answer to single inputs: (n_out, n_in)."""
    n_in = math.prod(shape)
    zero = _through(nodes, np.zeros((1, *shape), np.float32)).reshape(1, -1)
    if zero.size * n_in > MOST_WEIGHTS:
        raise QuantizationError(
            f"nodes {', '.join(names)}: joined they are a matrix of {zero.size} x {n_in} weights, "
            f"allowed are up to {MOST_WEIGHTS}; put neurons between them"
        )
    single = np.eye(n_in, dtype=np.float32).reshape(n_in, *shape)
    return (_through(nodes, single).reshape(n_in, -1) - zero).T.astype(np.float64)


def _planes(nodes: list[Node], shape: Shape, out: Shape) -> FloatWeights | None:
    """Nodes as one convolution, or None."""
    channels = shape[0]
    found = FloatWeights(np.ones((channels, 1, 1, 1)), out, shape, groups=channels)
    for number, node in enumerate(nodes):
        one = _plane(node, len(found.weight), shape)
        if one is None:
            return None
        joined = one if number == 0 else _joined(found, one)
        if joined is None:
            return None
        found = replace(joined, in_shape=shape, out_shape=out)
    return found


def _plane(node: Node, channels: int, shape: Shape) -> FloatWeights | None:
    if node.kind in ("Conv2d", "Conv1d"):
        stride, padding, dilation, groups = layers.geometry(node)
        kernels = layers.kernels(node)
        return FloatWeights(kernels, shape, shape, stride, padding, dilation, groups)
    if node.kind == "Scale":
        scale = node.array("scale")
        if scale.size > 1 and (scale.ndim != len(shape) or len(scale) != channels):
            return None
        each = scale.reshape(channels, -1) if scale.size > 1 else np.full((channels, 1), scale)
        if np.ptp(each, axis=1).max() > 0:
            return None
        return FloatWeights(each[:, :1, None, None], shape, shape, groups=channels)
    kernel, stride, padding, factor = layers.pooling(node)
    ones = np.full((channels, 1, *kernel), factor)
    return FloatWeights(ones, shape, shape, stride, padding, groups=channels)


def _joined(a: FloatWeights, b: FloatWeights) -> FloatWeights | None:
    """One convolution for `a` and then `b`, of which one has a kernel for each channel alone."""
    first, second = _spread(a), _spread(b)
    if b.groups == len(b.weight) == len(a.weight):
        pairs = [(second[o, 0], first[o]) for o in range(len(first))]
        kernels = [np.stack([_full(k, one, a.stride) for one in of]) for k, of in pairs]
        groups = a.groups
    elif a.groups == len(a.weight) and a.weight.shape[1] == 1:
        width, outs = second.shape[1], len(second) // b.groups
        kernels = [
            np.stack(
                [_full(k, first[o // outs * width + c, 0], a.stride) for c, k in enumerate(of)]
            )
            for o, of in enumerate(second)
        ]
        groups = b.groups
    else:
        return None
    return replace(
        a,
        weight=np.stack(kernels),
        stride=(a.stride[0] * b.stride[0], a.stride[1] * b.stride[1]),
        padding=tuple(p + q * s for p, q, s in zip(a.padding, b.padding, a.stride, strict=True)),
        dilation=(1, 1),
        groups=groups,
    )


def _spread(of: FloatWeights) -> np.ndarray:
    """Kernels with the zeros of their dilation."""
    rows, columns = of.dilation
    height, width = of.weight.shape[2:]
    shape = (*of.weight.shape[:2], rows * (height - 1) + 1, columns * (width - 1) + 1)
    found = np.zeros(shape)
    found[:, :, ::rows, ::columns] = of.weight
    return found


def _full(outer: np.ndarray, inner: np.ndarray, stride: tuple[int, int]) -> np.ndarray:
    """Kernel of `inner` with a stride, then `outer`."""
    shape = [s * (n - 1) + m for s, n, m in zip(stride, outer.shape, inner.shape, strict=True)]
    found = np.zeros(shape)
    height, width = inner.shape
    for (i, j), value in np.ndenumerate(outer):
        y, x = i * stride[0], j * stride[1]
        found[y : y + height, x : x + width] += value * inner
    return found


def _same(found: FloatWeights, nodes: tuple[Node, ...], shape: Shape) -> bool:
    """Compare a joined convolution with its nodes, borders included."""
    assert found.in_shape is not None
    x = np.random.default_rng(0).normal(size=(2, *shape)).astype(np.float32)
    wanted = (_through(nodes, x) - _through(nodes, x * 0)).reshape(2, -1)
    made = layers.convolved(
        x.reshape(2, *found.in_shape),
        found.weight.astype(np.float32),
        *(found.stride, found.padding, found.dilation, found.groups),
    )
    try:
        found.integers(np.ones(found.weight.shape, np.int16))
    except DescriptionError:
        return False
    flat = made.reshape(2, -1)
    scale = max(float(np.abs(wanted).max()), 1e-12)
    return flat.shape == wanted.shape and bool(np.abs(flat - wanted).max() <= _TOLERANCE * scale)
