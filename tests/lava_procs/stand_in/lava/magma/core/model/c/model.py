"""Stand-in for the bases of models on embedded CPUs; no such model is here."""

from lava.magma.core.model.model import AbstractProcessModel


class AbstractCProcessModel(AbstractProcessModel):
    """Stand-in."""


class CLoihiProcessModel(AbstractCProcessModel):
    """Stand-in."""
