"""Lava's Sigma with a port for recorded variables."""

from typing import Any

from lava.magma.core.process.ports.ports import OutPort
from lava.proc.sdn.process import Sigma


class ObservedSigma(Sigma):
    """Lava's Sigma, whose model sends recorded variables after every step.

    Parameters
    ----------
    record : tuple of str
        a_in, sigma.
    shape, options
        As for Sigma.

    Ports
    -----
    trace : (variables, *shape)
    """

    def __init__(self, *, record: tuple[str, ...], shape: tuple[int, ...], **options: Any) -> None:
        super().__init__(shape=shape, **options)
        self.proc_params["record"] = record
        self.trace = OutPort(shape=(len(record), *shape))
