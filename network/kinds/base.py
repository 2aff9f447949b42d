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


class NeuronKind(ABC):
    """Kind of neuron with the parameters that all neurons of a layer share.

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
    """

    name: ClassVar[str]
    states: ClassVar[tuple[str, ...]]
    potential: ClassVar[str]
    datasets: ClassVar[dict[str, str]]
    restarts: ClassVar[bool]
    state_words: ClassVar[int]

    @property
    def variables(self) -> tuple[str, ...]:
        """Variables of a trace, in the order of computation."""
        return ("a_in", *self.states, "z")

    @property
    @abstractmethod
    def message_bits(self) -> int:
        """Width of a message; 0 for spikes, which are 0 or 1."""

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

    @abstractmethod
    def text(self) -> str:
        """Name and parameters in a few words."""

    def require_bias(self, bias: np.ndarray) -> None:
        """Raise DescriptionError unless the kind can have this bias."""
        if self.bias_range is None:
            raise DescriptionError(f"bias must be absent: {self.name} neurons have none.")
        for value in (bias.min(), bias.max()):
            require_within("bias", int(value), *self.bias_range)
