"""Stand-in: nothing is built for embedded CPUs."""

from lava.magma.compiler.builders.interfaces import AbstractProcessBuilder


class CProcessBuilder(AbstractProcessBuilder):
    """Stand-in."""
