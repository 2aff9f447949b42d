"""Cost models: from what was counted to joules, each with its source and what it assumes."""

from ipvae.energy.models.loihi1 import (
    LOIHI1_SOURCE,
    LOIHI1_SYNAPTIC_OP_PJ,
    LOIHI1_UPDATE_ACTIVE_PJ,
    LOIHI1_UPDATE_INACTIVE_PJ,
    loihi1,
)
from ipvae.energy.models.row import EnergyRow, TimeRow, summed

MODELS = (loihi1,)
"""Models of the counts alone, for any network; `energy.models.table` has those of our networks."""

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
