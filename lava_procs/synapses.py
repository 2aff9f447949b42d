"""Lava's synapse process for each kind of weights, exact within 8 bits, and its delays.

netx's own dense block rewrites the weights (`optimize_weight_bits`) and loses their sign mode.
That fails if all weights are zero, and is silently wrong if all are negative and one is -256. It
also needs nine bits for a synapse if odd weights of both signs exceed 127.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from lava.proc.conv.process import Conv
from lava.proc.dense.process import DelayDense, Dense
from lava.proc.sparse.process import Sparse
from lava.utils.weightutils import SignMode
from scipy.sparse import csr_matrix

from ipvae.errors import BackendError
from ipvae.lava_procs.neurons import lava_shape
from ipvae.lava_procs.procs.delay_line.process import DelayLine
from ipvae.network.connections import Connection, Convolution, Diagonal, Weights
from ipvae.network.connections import Dense as DenseWeights


@dataclass
class Synapse:
    """Processes of one connection.

    Attributes
    ----------
    weights : Dense, Conv, Sparse or DelayDense
    delay_line : DelayLine or None
        Behind the weights.
    """

    weights: Any
    delay_line: Any = None
    out: Any = field(init=False)

    def __post_init__(self) -> None:
        self.out = self.weights.a_out
        if self.delay_line is not None:
            self.out.connect(self.delay_line.inp)
            self.out = self.delay_line.out


def synapse(connection: Connection, bits: int, steps: np.ndarray, stock: bool) -> Synapse:
    """Return the processes of a connection.

    Parameters
    ----------
    connection : Connection
    bits : int
        Width of the messages; 0 for boolean messages.
    steps : (n_out,) int
        Chip steps from sender to receiver, at least 1, of which the weights take one.
    stock : bool
        True for Lava's own DelayDense where delays differ among receivers of dense weights.
    """
    weights = connection.weights
    extra = steps - 1
    options = (weights, bits, connection.exponent)
    if stock and isinstance(weights, DenseWeights) and extra.min() < extra.max():
        own = np.repeat((extra - extra.min())[:, None], weights.n_in, axis=1)
        return Synapse(_dense(*options, delays=own), _delay_line(weights, extra * 0 + extra.min()))
    return Synapse(BUILDERS[type(weights)](*options), _delay_line(weights, extra))


def require_synapse(layer: str, connection: Connection) -> None:
    """Raise BackendError if Lava has no process for a connection of this layer."""
    weights = connection.weights
    if type(weights) not in BUILDERS:
        raise BackendError(f"backend 'lava' has no {weights.kind} connections (layer {layer})")
    if isinstance(weights, Convolution) and connection.exponent:
        raise BackendError(
            f"backend 'lava' has no exponent for convolutions, and layer {layer} has "
            f"{connection.exponent}"
        )


def _delay_line(weights: Weights, steps: np.ndarray) -> DelayLine | None:
    if not steps.any():
        return None
    return DelayLine(delays=np.ascontiguousarray(steps.reshape(weights.shape).transpose()))


def _dense(
    weights: Any, bits: int, exponent: int, delays: np.ndarray | None = None
) -> Dense | DelayDense:
    options = {**fixed_point(weights.weight, exponent), "num_message_bits": bits}
    return Dense(**options) if delays is None else DelayDense(**options, delays=delays.astype(int))


def _diagonal(weights: Any, bits: int, exponent: int) -> Sparse:
    options = fixed_point(weights.weight, exponent)
    n = weights.n_in
    matrix = csr_matrix((options.pop("weights"), (np.arange(n), np.arange(n))), shape=(n, n))
    return Sparse(weights=matrix, num_message_bits=bits, **options)


def _conv(weights: Any, bits: int, _: int) -> Conv:
    """Return a Conv: Lava's kernel is flipped, and its order is (width, height)."""
    kernel = weights.weight.astype(int)[:, :, ::-1, ::-1].transpose(0, 3, 2, 1)
    names = ("stride", "padding", "dilation")
    sizes: Any = {name: lava_shape(getattr(weights, name)) for name in names}
    sizes["input_shape"] = lava_shape(weights.in_shape)
    return Conv(
        weight=kernel,
        groups=weights.groups,
        num_message_bits=bits,
        **sizes,
    )


BUILDERS: dict[type[Weights], Callable[[Any, int, int], Any]] = {
    DenseWeights: _dense,
    Diagonal: _diagonal,
    Convolution: _conv,
}
"""Function that makes the process, by kind of weights. A new kind is added here."""


def fixed_point(weight: np.ndarray, exponent: int = 0) -> dict[str, Any]:
    """Return Lava's options with which 8-bit synapses multiply by exactly these weights.

    With mixed signs Lava's 8-bit synapses keep even numbers only. They therefore get twice the
    weights and half the scale, so that every product is exact. The sign mode is explicit, since
    Lava would otherwise derive it from the values.

    Parameters
    ----------
    weight : int array
        In -128..127, or even and in -256..254, or of one sign and below 256 in magnitude.
    exponent : int
        Lava multiplies the sums by 2**exponent and rounds down.
    """
    wide = np.asarray(weight, dtype=np.int32)
    low, high = int(wide.min()), int(wide.max())
    mode = SignMode.MIXED
    if low >= -128 and high <= 127:
        wide, exponent = 2 * wide, exponent - 1
    elif (wide % 2).any():
        mode = SignMode.EXCITATORY if low >= 0 else SignMode.INHIBITORY
    return {"weights": wide, "weight_exp": exponent, "num_weight_bits": 8, "sign_mode": mode}
