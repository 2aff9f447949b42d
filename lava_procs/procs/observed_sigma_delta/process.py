"""Lava's SigmaDelta with a port for recorded variables."""

from typing import Any

from lava.magma.core.process.ports.ports import OutPort
from lava.proc.sdn.process import SigmaDelta


class ObservedSigmaDelta(SigmaDelta):
    """Lava's SigmaDelta, whose model sends recorded variables after every step.

    Parameters
    ----------
    record : tuple of str
        a_in, sigma, residue, reference.
    shape, options
        As for SigmaDelta.

    Ports
    -----
    trace : (variables, *shape)
    """

    def __init__(self, *, record: tuple[str, ...], shape: tuple[int, ...], **options: Any) -> None:
        super().__init__(shape=shape, **options)
        self.proc_params["record"] = record
        self.trace = OutPort(shape=(len(record), *shape))
