"""Stand-in: nothing is built for neuro-cores."""

from lava.magma.compiler.builders.interfaces import AbstractProcessBuilder


class NcProcessBuilder(AbstractProcessBuilder):
    """Stand-in."""
