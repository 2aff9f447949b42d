"""Connections: weights between a source and the neurons of a layer, with exponent and delay.

Shapes are lava-dl's, channels first: (C, H, W), or (n,). Arrays are flattened in that order.
"""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from ipvae.errors import DescriptionError
from ipvae.network.kinds.base import require_within
from ipvae.network.layers import DRIVE_EXP_RANGE, MAX_PIXELS, frozen

KERNEL_SPAN_MAX, PADDING_MAX = 127, 63
"""Lava's Conv stores these, and twice the padding, in 8 bits and wraps beyond."""
EXPONENT_RANGE = (-8, 14)
DELAY_MAX = 62
"""Longest delay in rows; Loihi 2 has 6 bits, of which public reports use 0..62."""


def require_chip_weights(weight: np.ndarray) -> None:
    """Raise DescriptionError unless an 8-bit synapse can store these weights exactly.

    The range is -128..127, or even numbers in -256..254, for both signs; for one sign it is 0..255
    or -255..0.
    """
    low, high = int(weight.min(initial=0)), int(weight.max(initial=0))
    even = low >= -256 and high <= 254 and not (weight % 2).any()
    one_sign = (low == 0 and high <= 255) or (high == 0 and low >= -255)
    if not (low >= -128 and high <= 127) and not even and not one_sign:
        raise DescriptionError(
            f"weight holds {low}..{high}, allowed in the chip's 8 bits are -128..127, even numbers "
            "in -256..254, 0..255 or -255..0; quantize it in lava-dl before you export it"
        )


class Weights(ABC):
    """Weights of a connection: [receivers, senders] as a matrix, however they are stored.

    Attributes
    ----------
    weight : int16 array
        Stored weights; the shape depends on the class.
    """

    weight: np.ndarray
    kind: str

    def __post_init__(self) -> None:
        for value in (self.weight.min(), self.weight.max()):
            require_within("weight", int(value), -(2**15), 2**15 - 1)
        object.__setattr__(self, "weight", frozen(self.weight, np.int16))

    @property
    @abstractmethod
    def shape(self) -> tuple[int, ...]:
        """Shape of the receiving layer."""

    @property
    @abstractmethod
    def n_in(self) -> int:
        """Number of sending neurons."""

    @property
    def n_out(self) -> int:
        """Number of receiving neurons."""
        return math.prod(self.shape)

    @abstractmethod
    def fan_out(self, *, nonzero: bool = False) -> np.ndarray:
        """Synapses from each sending neuron: (n_in,) int64; with `nonzero` those that are not 0."""

    @property
    @abstractmethod
    def fan_in(self) -> int:
        """Largest number of senders of one receiver."""

    @abstractmethod
    def reach(self) -> np.ndarray:
        """Sums of negative and of positive weights of each receiver: (2, n_out) int64.

        Of a convolution each channel has one sum, of an inner neuron.
        """


@dataclass(frozen=True, eq=False)
class Dense(Weights):
    """Fully connected synapses.

    Attributes
    ----------
    weight : (n_out, n_in) int16
    """

    weight: np.ndarray
    kind = "dense"

    def __post_init__(self) -> None:
        if self.weight.ndim != 2 or 0 in self.weight.shape:
            raise DescriptionError(
                f"weight: found the shape {self.weight.shape}, allowed (neurons, inputs)"
            )
        super().__post_init__()

    @property
    def shape(self) -> tuple[int]:
        """(n_out,)."""
        return (self.weight.shape[0],)

    @property
    def n_in(self) -> int:
        """Number of sending neurons."""
        return self.weight.shape[1]

    @property
    def fan_in(self) -> int:
        """All senders."""
        return self.n_in

    def fan_out(self, *, nonzero: bool = False) -> np.ndarray:
        """Synapses from each sending neuron: (n_in,) int64."""
        kept = self.weight != 0 if nonzero else np.ones_like(self.weight, dtype=bool)
        return kept.sum(axis=0, dtype=np.int64)

    def reach(self) -> np.ndarray:
        """Sums of negative and of positive weights of each receiver: (2, n_out) int64."""
        return _signed_sums(self.weight, (1,))


@dataclass(frozen=True, eq=False)
class Diagonal(Weights):
    """One synapse from each sender to the receiver of the same index.

    Attributes
    ----------
    weight : (n,) int16
    """

    weight: np.ndarray
    kind = "diagonal"

    def __post_init__(self) -> None:
        if self.weight.ndim != 1 or not self.weight.size:
            raise DescriptionError(f"weight: found the shape {self.weight.shape}, allowed (n,)")
        super().__post_init__()

    @property
    def shape(self) -> tuple[int]:
        """(n,)."""
        return (len(self.weight),)

    @property
    def n_in(self) -> int:
        """Number of sending neurons."""
        return len(self.weight)

    @property
    def fan_in(self) -> int:
        """1."""
        return 1

    def fan_out(self, *, nonzero: bool = False) -> np.ndarray:
        """One synapse from each sender, or none where its weight is 0: (n,) int64."""
        return (self.weight != 0 if nonzero else np.ones(self.n_in)).astype(np.int64)

    def reach(self) -> np.ndarray:
        """The weight as negative or positive sum: (2, n) int64."""
        return _signed_sums(self.weight[:, None], (1,))


@dataclass(frozen=True, eq=False)
class Convolution(Weights):
    """A convolution (a correlation, as in PyTorch).

    Attributes
    ----------
    weight : (C_out, C_in / groups, kernel height, kernel width) int16
    in_shape : (C_in, height, width)
    stride, padding, dilation : (of rows, of columns)
    groups : int
    """

    weight: np.ndarray
    in_shape: tuple[int, int, int]
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (0, 0)
    dilation: tuple[int, int] = (1, 1)
    groups: int = 1
    kind = "conv"

    def __post_init__(self) -> None:
        if self.weight.ndim != 4 or 0 in self.weight.shape:
            raise DescriptionError(
                f"weight: found the shape {self.weight.shape}, allowed (C_out, C_in, height, width)"
            )
        super().__post_init__()
        c_out, c_in = self.weight.shape[:2]
        if self.groups < 1 or c_out % self.groups or self.in_shape[0] != c_in * self.groups:
            raise DescriptionError(
                f"weight has {c_out} x {c_in} channels in {self.groups} groups, allowed are "
                f"multiples of the groups for {self.in_shape[0]} channels of input"
            )
        for axis, name in enumerate(("height", "width")):
            require_within(f"stride ({name})", self.stride[axis], 1, KERNEL_SPAN_MAX)
            require_within(f"padding ({name})", self.padding[axis], 0, PADDING_MAX)
            require_within(f"dilation ({name})", self.dilation[axis], 1, KERNEL_SPAN_MAX)
            require_within(f"span of the kernel ({name})", self.span(axis), 1, KERNEL_SPAN_MAX)
        for axis, name in enumerate(("height", "width")):
            if self.shape[axis + 1] < 1:
                raise DescriptionError(
                    f"kernel spans {self.span(axis)} in {name}, allowed up to "
                    f"{self.in_shape[axis + 1] + 2 * self.padding[axis]}, its padded input"
                )

    def span(self, axis: int) -> int:
        """Distance from the first to the last input of one output; axis 0 is height."""
        return self.dilation[axis] * (self.weight.shape[2 + axis] - 1) + 1

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C_out, height, width)."""
        height, width = (
            (self.in_shape[axis + 1] + 2 * self.padding[axis] - self.span(axis))
            // self.stride[axis]
            + 1
            for axis in (0, 1)
        )
        return self.weight.shape[0], height, width

    @property
    def n_in(self) -> int:
        """Number of sending neurons."""
        return math.prod(self.in_shape)

    @property
    def fan_in(self) -> int:
        """Inputs that a kernel covers."""
        return math.prod(self.weight.shape[1:])

    def fan_out(self, *, nonzero: bool = False) -> np.ndarray:
        """Outputs whose kernel covers each sender, in the channels of its group: (n_in,) int64.

        Senders at the borders have fewer.
        """
        kept = self.weight != 0 if nonzero else np.ones_like(self.weight, dtype=bool)
        _, height, width = self.in_shape
        rows = self._covered(0, height, self.shape[1])
        columns = self._covered(1, width, self.shape[2])
        by_group = kept.reshape(self.groups, -1, *kept.shape[1:]).sum(axis=1, dtype=np.int64)
        by_channel = by_group.reshape(self.in_shape[0], *kept.shape[2:])
        return np.einsum("yk,ckl,xl->cyx", rows, by_channel, columns, optimize=True).reshape(-1)

    def _covered(self, axis: int, n_in: int, n_out: int) -> np.ndarray:
        """Input and kernel positions of one axis that meet in an output: (n_in, kernel), 0 or 1."""
        inputs = np.arange(n_in)[:, None] + self.padding[axis]
        offsets = np.arange(self.weight.shape[2 + axis]) * self.dilation[axis]
        outputs, between = np.divmod(inputs - offsets, self.stride[axis])
        return ((between == 0) & (outputs >= 0) & (outputs < n_out)).astype(np.int64)

    def reach(self) -> np.ndarray:
        """Sums of negative and of positive weights of each output channel: (2, C_out) int64."""
        return _signed_sums(self.weight, (1, 2, 3))


def sum_pooling(
    in_shape: tuple[int, int, int], kernel: tuple[int, int], stride: tuple[int, int]
) -> Convolution:
    """Return the fixed convolution that adds up each channel over a window."""
    channels = in_shape[0]
    ones = np.ones((channels, 1, *kernel), np.int16)
    return Convolution(ones, in_shape, stride=stride, groups=channels)


def _signed_sums(weight: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    wide = weight.astype(np.int64)
    return np.stack([np.minimum(wide, 0).sum(axis=axes), np.maximum(wide, 0).sum(axis=axes)])


@dataclass(frozen=True, eq=False)
class Connection:
    """Synapses from one source to a layer.

    The receivers get 2**exponent times the weighted sum of a row's messages, rounded down, `delay`
    rows after the row in which they were sent. Delay 0 is within a row: the source updates first.

    Attributes
    ----------
    source : str
        Id of the sending layer; '0' is the input.
    weights : Weights
    exponent : int in -8..14
    delay : int in 0..62, or (n_out,) int array with one for each receiver of dense weights
    """

    source: str
    weights: Weights
    exponent: int = 0
    delay: "int | np.ndarray" = 0

    def __post_init__(self) -> None:
        require_chip_weights(self.weights.weight)
        require_within("exponent", self.exponent, *EXPONENT_RANGE)
        if isinstance(self.delay, np.ndarray):
            if not isinstance(self.weights, Dense):
                raise DescriptionError(
                    f"delay: found one for each neuron, allowed one number for {self.weights.kind} "
                    "weights; dense ones can have several"
                )
            if self.delay.shape != (self.weights.n_out,):
                raise DescriptionError(
                    f"delay: found the shape {self.delay.shape}, allowed one number, or one for "
                    f"each of {self.weights.n_out} neurons"
                )
            delays = frozen(self.delay, np.int64)
            equal = (delays == delays[0]).all()
            object.__setattr__(self, "delay", int(delays[0]) if equal else delays)
        for value in (self.least_delay, self.longest_delay):
            require_within("delay", value, 0, DELAY_MAX)

    @property
    def least_delay(self) -> int:
        """Shortest delay of a receiver, in rows."""
        return int(np.min(self.delay))

    @property
    def longest_delay(self) -> int:
        """Longest delay of a receiver, in rows."""
        return int(np.max(self.delay))


@dataclass(frozen=True, eq=False)
class Drive:
    """Weights from the image's pixels, which the host applies once for each image.

    It costs no operation on the chip (docs/spec/network.md).

    Attributes
    ----------
    weights : Weights
        Of 16 bits.
    exponent : int in -24..14
        Sums are multiplied by 2**exponent, rounded down.
    """

    weights: Weights
    exponent: int = 0

    def __post_init__(self) -> None:
        require_within("exponent", self.exponent, *DRIVE_EXP_RANGE)
        require_within("pixels that a neuron receives", self.weights.fan_in, 1, MAX_PIXELS)
