"""Limits of Loihi 2 and of its boards.

Numbers that Intel has published are marked (brief: Loihi 2 technology brief, 2021). The limits of
a core's memory come from tables that Intel's compiler printed into public tutorials of lava-dl
(tutorials/lava/lib/dl/netx/*/run.ipynb and benchmark.ipynb). They are not published by Intel.
"""

from dataclasses import dataclass

from ipvae.errors import InputError

USABLE_CORES = 120
"""Cores that public programs use out of a chip's 128 (brief)."""
CORE_AXON_WORDS = 16_000
"""64-bit words per core of each table of axons: AxonIn, AxonMap, AxonMem (compiler logs)."""
CORE_SYNAPSE_WORDS = 16_000
"""64-bit words of synaptic memory per core, 128 KB (brief; compiler logs)."""
CORE_NEURON_WORDS = 4_095
"""64-bit words of neuron state per core (compiler logs)."""
CORE_SHARED_WORDS = 20_000
"""64-bit words of the pool shared by all of these: the logs' column Total, within 0.006 %."""
CORE_NEURONS = 8_192
"""Neurons per core (brief)."""
CORE_NEURON_GROUPS = 8
"""Neuron groups per core (compiler logs)."""
PAYLOAD_BITS_MAX = 16
"""Widest graded spike in public work on the chip; Lava's models allow 24 bits, the brief 32."""
WEIGHT_BITS = 8
NEURON_STATE_WORDS = 4
"""State of a Poisson neuron: 8 words of 24 bits (docs/spec/neuron_cost.md), two to a
64-bit word."""
GRADED_STATE_WORDS = 1
"""State of a graded neuron: potential and drive, 24 bits each."""
DRAW_TABLE_BYTES = 10_462
"""Size of the sampler's table on every core that draws (docs/spec/neuron_cost.md)."""


@dataclass(frozen=True)
class Target:
    """A board of Loihi 2 chips."""

    name: str
    title: str
    chips: int

    @property
    def cores(self) -> int:
        """Usable cores of all chips."""
        return self.chips * USABLE_CORES


TARGETS = {
    target.name: target
    for target in (
        Target("loihi2", "one chip", 1),
        Target("kapoho-point", "Kapoho Point, 8 chips", 8),
        Target("hala-point", "Hala Point, 1,152 chips", 1152),
    )
}
"""Targets by name. Chips of Hala Point: Intel, press release of April 2024."""


def target_named(name: str) -> Target:
    """Return a target by its name.

    Raises
    ------
    InputError
        If there is no target of this name.
    """
    if name not in TARGETS:
        raise InputError(f"target: found '{name}', allowed {', '.join(TARGETS)}")
    return TARGETS[name]


@dataclass(frozen=True)
class LimitCheck:
    """One limit and the network's usage of it."""

    rule: str
    found: int
    allowed: int
    where: str

    @property
    def holds(self) -> bool:
        """True if the usage is within the limit."""
        return self.found <= self.allowed

    @property
    def share(self) -> float:
        """Used fraction of the limit; above 1 where it is exceeded."""
        return self.found / self.allowed
