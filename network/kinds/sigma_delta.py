"""Sigma-delta neurons: layers exchange changes of their activations, as in Lava's fixed point."""

from dataclasses import dataclass

from ipvae.errors import DescriptionError
from ipvae.network.kinds.base import NeuronKind, require_within

MESSAGE_FRACTION = 6
"""Fraction bits of a message (netx's `spike_exp`)."""
STATE_FRACTION = 12
"""Fraction bits of a state: the message's and six more (`state_exp`)."""
VALUE_END = 2**23 >> STATE_FRACTION
"""Bound of the magnitude of image values, biases and thresholds."""
RELU, IDENTITY = "relu", "identity"
ACTIVATIONS = (RELU, IDENTITY)
GRADED_BITS = 16
"""Width of a message that netx declares."""


@dataclass(frozen=True)
class DeltaNeuron(NeuronKind):
    """Input neuron that sends changes of the image of at least `threshold`.

    One row, with the image's value a_in: v = 2^12 a_in, delta = v - reference + residue;
    if |delta| >= 2^12 threshold: z = delta >> 6 and residue = 0, else z = 0 and residue = delta;
    reference = v (Lava, `lava.proc.sdn.models.PyDeltaModelFixed`).

    Attributes
    ----------
    threshold : int, `vThMant`
    """

    threshold: int

    name = "delta"
    states = ("residue", "reference")
    restarts = False
    state_words = 1

    def __post_init__(self) -> None:
        require_within("vThMant", self.threshold, 0, VALUE_END - 1)

    @property
    def message_bits(self) -> int:
        """16 bits, as netx declares."""
        return GRADED_BITS

    @property
    def bias_range(self) -> None:
        """None: it has no bias."""
        return

    def text(self) -> str:
        """Name and threshold."""
        return f"delta, threshold {self.threshold}"


@dataclass(frozen=True)
class SigmaDeltaNeuron(NeuronKind):
    """Integrates changes, applies an activation, and sends changes of at least `threshold`.

    One row: sigma = sigma + a_in, v = activation(sigma + 2^12 bias), then as `DeltaNeuron`
    (Lava, `lava.proc.sdn.models.PySigmaDeltaModelFixed`). Sums are of 32 bits and wrap, as there.

    Attributes
    ----------
    threshold : int, `vThMant`
    activation : 'relu' or 'identity'
    """

    threshold: int
    activation: str = RELU

    name = "sigma-delta"
    states = ("sigma", "residue", "reference")
    restarts = False
    state_words = 2

    def __post_init__(self) -> None:
        require_within("vThMant", self.threshold, 0, VALUE_END - 1)
        if self.activation not in ACTIVATIONS:
            raise DescriptionError(
                f"activation must be {' or '.join(ACTIVATIONS)}, got '{self.activation}'."
            )

    @property
    def message_bits(self) -> int:
        """16 bits, as netx declares."""
        return GRADED_BITS

    @property
    def bias_range(self) -> tuple[int, int]:
        """As wide as values of an image."""
        return 1 - VALUE_END, VALUE_END - 1

    def text(self) -> str:
        """Name, threshold and activation."""
        of = "" if self.activation == RELU else f", {self.activation}"
        return f"sigma-delta, threshold {self.threshold}{of}"


@dataclass(frozen=True)
class SigmaNeuron(NeuronKind):
    """Integrates changes and sends the sum at every row (lava-dl's `sigma_output`).

    One row: sigma = sigma + a_in, z = sigma (Lava, `lava.proc.sdn.models.PySigmaModelFixed`).
    """

    name = "sigma"
    states = ("sigma",)
    restarts = False
    state_words = 1

    @property
    def message_bits(self) -> int:
        """16 bits, as netx declares."""
        return GRADED_BITS

    @property
    def bias_range(self) -> None:
        """None: it has no bias."""
        return

    def text(self) -> str:
        """Return the name."""
        return "sigma"
