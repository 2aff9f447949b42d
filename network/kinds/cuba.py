"""CUBA neuron: leaky integrate-and-fire with synaptic current, as Lava's fixed-point LIF."""

from dataclasses import dataclass

from ipvae.network.kinds.base import NeuronKind, require_within

STATE_LIMIT = 2**23
"""Bound of the magnitude of current and voltage: 24 bits with a sign."""
STATE_SHIFT = 6
"""Left shift of synaptic input, bias and threshold to the scale of the states."""
DECAY_UNITY = 4096
"""A decay of 1: the state is cleared at every step."""
DECAY_BITS = 12
"""Binary digits of `DECAY_UNITY`."""
THRESHOLD_END = 2**18
"""lava-dl writes thresholds up to 2^18 - 1 for neurons that never spike."""
BIAS_MIN, BIAS_MAX = -4096, 4095
"""Bias mantissas: 13 bits with a sign."""


@dataclass(frozen=True)
class CubaNeuron(NeuronKind):
    """Leaky integrate-and-fire neuron with synaptic current; its messages are 0 or 1.

    With decay(x, d) = x (4096 - d) / 4096 rounded toward zero, one row is
    current = wrap(decay(current, current_decay) + 2^6 a_in),
    voltage = clip(decay(voltage, voltage_decay) + current + 2^6 bias) in +-(2^23 - 1),
    z = voltage > 2^6 threshold; a neuron that sends has voltage 0 afterwards.
    `wrap` adds or subtracts 2^24 once where the sum is outside -2^23 + 1 .. 2^23
    (Lava, `lava.proc.lif.models.PyLifModelBitAcc`).

    Attributes
    ----------
    threshold : int in 0..2^18, `vThMant`; in units of 2^6 of the voltage
    current_decay, voltage_decay : int in 0..4096, `iDecay` and `vDecay`
    """

    threshold: int
    current_decay: int
    voltage_decay: int

    name = "CUBA"
    states = ("current", "voltage")
    restarts = True
    state_words = 1

    def __post_init__(self) -> None:
        require_within("vThMant", self.threshold, 0, THRESHOLD_END)
        require_within("iDecay", self.current_decay, 0, DECAY_UNITY)
        require_within("vDecay", self.voltage_decay, 0, DECAY_UNITY)

    @property
    def message_bits(self) -> int:
        """0: messages are spikes."""
        return 0

    @property
    def bias_range(self) -> tuple[int, int]:
        """13 bits with a sign."""
        return BIAS_MIN, BIAS_MAX

    def text(self) -> str:
        """Name, threshold and decays."""
        return (
            f"CUBA, threshold {self.threshold}, decays {self.current_decay} and "
            f"{self.voltage_decay} of 4096"
        )


ACCUMULATOR = CubaNeuron(threshold=2**17, current_decay=0, voltage_decay=DECAY_UNITY)
"""netx's substitute for a dense layer without neurons: integrates its input, never spikes."""
