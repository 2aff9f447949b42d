"""Cost models from operation counts to joules, each with its source and its assumptions."""

from ipvae.energy.models.loihi1 import (
    LOIHI1_SOURCE,
    LOIHI1_SYNAPTIC_OP_PJ,
    LOIHI1_UPDATE_ACTIVE_PJ,
    LOIHI1_UPDATE_INACTIVE_PJ,
    loihi1,
)
from ipvae.energy.models.row import EnergyRow, TimeRow, summed

MODELS = (loihi1,)
"""Models that need only counts, for any network; `energy.models.table` adds the other models."""

__all__ = [
    "LOIHI1_SOURCE",
    "LOIHI1_SYNAPTIC_OP_PJ",
    "LOIHI1_UPDATE_ACTIVE_PJ",
    "LOIHI1_UPDATE_INACTIVE_PJ",
    "MODELS",
    "EnergyRow",
    "TimeRow",
    "loihi1",
    "summed",
]
