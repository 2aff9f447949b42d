"""Delay line: passes messages on after a number of chip steps, of one layer for each element."""

import numpy as np
from lava.magma.core.process.ports.ports import InPort, OutPort
from lava.magma.core.process.process import AbstractProcess


class DelayLine(AbstractProcess):
    """Delay of whole chip steps for every element of a message.

    ::

        out[i] at step s = inp[i] at step s - delays[i]; 0 in the first delays[i] steps

    Parameters
    ----------
    delays : int array, shape of the messages
        Chip steps, 0 or more.

    Ports
    -----
    inp, out : messages
    """

    def __init__(self, *, delays: np.ndarray) -> None:
        super().__init__(delays=delays)
        self.inp = InPort(shape=delays.shape)
        self.out = OutPort(shape=delays.shape)
