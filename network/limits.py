"""Limits of Loihi 2 and the memory model that turns a network into cores.

Numbers that Intel has published are marked so; the memory model is fitted to
compiler logs in public lava-dl tutorials and is not an Intel figure
(tutorials/lava/lib/dl/netx/*/run.ipynb).
"""

import math
from dataclasses import dataclass

USABLE_CORES = 120
"""Cores that public programs use of a chip's 128 (Loihi 2 technology brief, Intel, 2021)."""
CORE_SYNAPSE_WORDS = 16_000
"""64-bit words of synaptic memory per core, 128 KB (brief; compiler logs)."""
CORE_NEURON_WORDS = 4_095
"""64-bit words of neuron state per core (compiler logs)."""
CORE_NEURONS = 8_192
"""Neurons per core (brief)."""
PAYLOAD_BITS_MAX = 16
"""Widest graded spike shown in public work on the chip; Lava's models allow 24, the brief 32."""
WEIGHT_BITS = 8
NEURON_STATE_WORDS = 4
"""State of a Poisson neuron: 8 words of 24 bits (docs/arithmetic.md, section 7), two to a
64-bit word."""
GRADED_STATE_WORDS = 1
"""State of a graded neuron: potential and drive, 24 bits each."""


@dataclass(frozen=True)
class CorePlan:
    """Cores for dense layers, as a range: the model has one free parameter."""

    low: int
    high: int

    def __add__(self, other: "CorePlan") -> "CorePlan":
        return CorePlan(self.low + other.low, self.high + other.high)


def dense_words(n_in: int, n_out: int, bits: int) -> int:
    """64-bit words of a dense block: weight and target index per synapse, header per axon."""
    return n_in * math.ceil((n_out * bits + 32) / 64)


def _neurons_per_core(n_in: int, n_out: int, state_words: int, index_bits: int | None) -> int:
    """Most neurons of one core whose incoming synapses fit its memory; 0 if not even one."""
    most = min(n_out, CORE_NEURONS, CORE_NEURON_WORDS // state_words)
    for n in range(most, 0, -1):
        index = math.ceil(math.log2(n + 1)) if index_bits is None else index_bits
        if dense_words(n_in, n, WEIGHT_BITS + index) <= CORE_SYNAPSE_WORDS:
            return n
    return 0


def recurrent_cores(n_neurons: int) -> CorePlan | None:
    """Cores of a K x K recurrent layer of Poisson neurons: `layer_cores`."""
    return layer_cores(n_neurons, n_neurons, NEURON_STATE_WORDS)


def layer_cores(n_in: int, n_out: int, state_words: int) -> CorePlan | None:
    """Cores of a layer and its synapses, split by output neuron.

    Parameters
    ----------
    n_in : int
        Neurons that it hears, 0 for none.
    n_out : int
        Its own.
    state_words : int
        64-bit words of each neuron's state.

    Returns
    -------
    CorePlan or None
        None if one neuron's fan-in exceeds a core's synaptic memory. `low` packs the
        target index as tightly as it can be; `high` takes 12 bits for it.
    """
    counts = [_neurons_per_core(n_in, n_out, state_words, bits) for bits in (None, 12)]
    if 0 in counts:
        return None
    return CorePlan(*(math.ceil(n_out / count) for count in counts))
