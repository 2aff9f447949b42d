"""Stand-in for the base of neuro-core models."""

from lava.magma.core.model.model import AbstractProcessModel


class AbstractNcProcessModel(AbstractProcessModel):
    """A model whose `stand_in` is the CPU model that the stand-in's compiler runs in its place."""
