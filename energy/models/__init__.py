"""Cost models from operation counts to joules, each with its source and its assumptions."""

from ipvae.energy.models.loihi1 import (
    LOIHI1_SOURCE,
    LOIHI1_SYNAPTIC_OP_PJ,
    LOIHI1_UPDATE_ACTIVE_PJ,
    LOIHI1_UPDATE_INACTIVE_PJ,
    loihi1,
)
from ipvae.energy.models.row import EnergyRow, TimeRow, summed

__all__ = [
    "LOIHI1_SOURCE",
    "LOIHI1_SYNAPTIC_OP_PJ",
    "LOIHI1_UPDATE_ACTIVE_PJ",
    "LOIHI1_UPDATE_INACTIVE_PJ",
    "EnergyRow",
    "TimeRow",
    "loihi1",
    "summed",
]
