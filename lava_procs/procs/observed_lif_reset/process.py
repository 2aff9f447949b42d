"""Lava's LIFReset with a port for recorded variables."""

from typing import Any

from lava.magma.core.process.ports.ports import OutPort
from lava.proc.lif.process import LIFReset


class ObservedLifReset(LIFReset):
    """Lava's LIFReset, whose model sends recorded variables after every step.

    Parameters
    ----------
    record : tuple of str
        a_in, current, voltage.
    shape, options
        As for LIFReset.

    Ports
    -----
    trace : (variables, *shape)
    """

    def __init__(self, *, record: tuple[str, ...], shape: tuple[int, ...], **options: Any) -> None:
        super().__init__(shape=shape, **options)
        self.proc_params["record"] = record
        self.trace = OutPort(shape=(len(record), *shape))
