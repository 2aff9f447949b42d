"""Dynamic energy model of Loihi 1 with Intel's published constants."""

from ipvae.energy.counting.counts import Counts
from ipvae.energy.models.row import PICO, EnergyRow

LOIHI1_SYNAPTIC_OP_PJ = 23.6
LOIHI1_UPDATE_ACTIVE_PJ = 81.0
LOIHI1_UPDATE_INACTIVE_PJ = 52.0
LOIHI1_SOURCE = (
    "Davies et al., IEEE Micro 38(1), 2018, table 2: pre-silicon estimates at 0.75 V; "
    "minimum per synaptic operation; spike transport, static power and I/O are left out"
)
LOIHI1_ASSUMPTIONS = (
    "low: all neuron updates inactive; high: all active; updates of the rows alone, not of the "
    "chip's steps between the rows of a loop of two hops",
    "left out: spike transport, barriers, static power, host and I/O, drive, read-out, the draw",
    "Loihi 1 has neither graded spikes nor our neurons: what the counts weigh in its currency",
)


def loihi1(counts: Counts) -> EnergyRow:
    """Dynamic energy of one image with Loihi 1's published constants.

    The ends of the band assume that all neuron updates are inactive (low) or active (high).
    """
    synapses = counts.synaptic_ops * LOIHI1_SYNAPTIC_OP_PJ
    low = synapses + counts.neuron_updates * LOIHI1_UPDATE_INACTIVE_PJ
    high = synapses + counts.neuron_updates * LOIHI1_UPDATE_ACTIVE_PJ
    return EnergyRow(
        model="Loihi 1 constants",
        kind="modelled",
        part="dynamic",
        chip="Loihi 1",
        low_j=low * PICO,
        high_j=high * PICO,
        source=LOIHI1_SOURCE,
        assumptions=LOIHI1_ASSUMPTIONS,
    )
