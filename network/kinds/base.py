"""Common interface of all kinds of neurons."""

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np

from ipvae.errors import DescriptionError
from ipvae.network.kinds.program import Program


def require_within(what: str, found: int, low: int, high: int) -> None:
    """Raise DescriptionError unless `found` is in low..high."""
    if not low <= found <= high:
        raise DescriptionError(f"{what} is {found}, allowed {low}..{high}")


def of_each(value: "int | np.ndarray", n: int) -> np.ndarray:
    """One number for all of n neurons, or one for each map or neuron, as (n,) int64."""
    values = np.asarray(value, np.int64).reshape(-1)
    return np.repeat(values, n // len(values))


class NeuronKind(ABC):
    """Kind of neuron with the parameters of a layer.

    A neuron receives the integer `a_in` at every row, updates its state and sends `z`. Backends
    register an implementation for each kind.

    Attributes
    ----------
    name : str
        Name in tables, files and messages.
    states : tuple of str
        Variables between `a_in` and `z`, in the order of their update.
    potential : str
        State variable that a decision is read from where the neuron sends nothing.
    datasets : dict of str -> str
        Parameter -> its dataset in the group `neuron` of a file, spelled as lava-dl does.
    restarts : bool
        True if the neuron can be reset between images on a running chip.
    state_words : int
        64-bit words of a neuron's state on the chip.
    driven : bool
        True if the host computes a drive for each neuron once for each image. A network with such
        a layer has the rows 0..T, of which row 0 follows the reset.
    draws : bool
        True if neurons draw from the random source.
    """

    name: ClassVar[str]
    states: ClassVar[tuple[str, ...]]
    potential: ClassVar[str]
    datasets: ClassVar[dict[str, str]]
    restarts: ClassVar[bool]
    state_words: ClassVar[int]
    driven: ClassVar[bool] = False
    draws: ClassVar[bool] = False

    @property
    def variables(self) -> tuple[str, ...]:
        """Variables of a trace, in the order of computation."""
        return ("a_in", *self.states, "z")

    @property
    @abstractmethod
    def message_bits(self) -> int:
        """Width of a message; 0 for spikes, which are 0 or 1."""

    @property
    def sent(self) -> tuple[int, int]:
        """Smallest and largest message of the declared width."""
        if self.message_bits == 0:
            return 0, 1
        most = 1 << (self.message_bits - 1)
        return -most, most - 1

    @property
    @abstractmethod
    def bias_range(self) -> tuple[int, int] | None:
        """Smallest and largest bias; None if the kind has none."""

    @abstractmethod
    def program(self) -> Program:
        """Return one step of the neuron as a program; all neurons of the class share it."""

    @abstractmethod
    def constants(self) -> dict[str, int]:
        """Values of the program's `constants` for these parameters."""

    def neuron_constants(self, biases: np.ndarray) -> dict[str, np.ndarray]:  # noqa: ARG002
        """Values of the program's `neuron_constants`: (n,) int64 each.

        Parameters
        ----------
        biases : (n,) int array
            Bias of each neuron, not used by a kind without one.
        """
        return {}

    def start(self, n: int) -> dict[str, np.ndarray]:  # noqa: ARG002
        """States of n neurons after a reset that are not 0: (n,) int64 each."""
        return {}

    def require_shape(self, shape: tuple[int, ...]) -> None:  # noqa: B027
        """Raise DescriptionError unless the parameters fit a layer of this shape."""

    @abstractmethod
    def text(self) -> str:
        """Name and parameters in a few words."""

    def require_bias(self, bias: np.ndarray) -> None:
        """Raise DescriptionError unless the kind can have this bias."""
        if self.bias_range is None:
            raise DescriptionError(f"bias must be absent: {self.name} neurons have none.")
        for value in (bias.min(), bias.max()):
            require_within("bias", int(value), *self.bias_range)
