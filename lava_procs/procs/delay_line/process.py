"""Delay line: passes messages on after a number of chip steps, of one layer for each element."""

import numpy as np
from lava.magma.core.process.ports.ports import InPort, OutPort
from lava.magma.core.process.process import AbstractProcess


class DelayLine(AbstractProcess):
    """Delay of whole chip steps for every element of a message.

    ::

        out[i] at step s = inp[i] at step s - delays[i], or 0 if that is before step `start`

    Parameters
    ----------
    delays : int array, shape of the messages
        Chip steps, 0 or more.
    start : int
        First chip step, counted from 0, whose messages are passed on.

    Ports
    -----
    inp, out : messages
    """

    def __init__(self, *, delays: np.ndarray, start: int = 0) -> None:
        super().__init__(delays=delays, start=start)
        self.inp = InPort(shape=delays.shape)
        self.out = OutPort(shape=delays.shape)
