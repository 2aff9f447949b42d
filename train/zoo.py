"""The models that can be trained, under the path that it had before `ipvae.float_models`."""

from ipvae.float_models.zoo import (
    ENCODERS,
    MEMBERS,
    PRIORS,
    RELAXATIONS,
    STEP_SIZES,
    Member,
)

__all__ = [
    "ENCODERS",
    "MEMBERS",
    "PRIORS",
    "RELAXATIONS",
    "STEP_SIZES",
    "Member",
]
