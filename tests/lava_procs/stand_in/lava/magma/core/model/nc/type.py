"""Stand-in for the types of ports and variables of neuro-core models."""

from dataclasses import dataclass


class NcInPort:
    """Stand-in."""


class NcOutPort:
    """Stand-in."""


class NcVar:
    """Stand-in."""


@dataclass
class LavaNcType:
    """What a port or variable is."""

    cls: type
    d_type: type
    precision: int
