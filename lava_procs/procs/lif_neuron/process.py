"""LIF neurons with a choice of reset as a Lava process."""

import numpy as np
from lava.magma.core.process.ports.ports import InPort, OutPort
from lava.magma.core.process.process import AbstractProcess
from lava.magma.core.process.variable import Var


class LifNeuron(AbstractProcess):
    """Neurons of a layer of `ipvae.network.kinds.lif.LifNeuron`.

    Parameters
    ----------
    shape : tuple of int
    each : dict of str -> int array of this shape
        Constants of each neuron: current_keep, voltage_keep, bias, current_bias.
    constants : dict of str -> int
        Constants of the kind's program.
    restart : (interval, offset) or None
        Chip steps between two resets of all states, and the step of the first, from 1.
    record : tuple of str
        Variables sent through `trace`: a_in, current, voltage, last.

    Ports
    -----
    a_in, s_out : shape
    trace : (variables, *shape), if there are any
    """

    def __init__(
        self,
        *,
        shape: tuple[int, ...],
        each: dict[str, np.ndarray],
        constants: dict[str, int],
        restart: tuple[int, int] | None = None,
        record: tuple[str, ...] = (),
    ) -> None:
        super().__init__(shape=shape, record=record, constants=constants, restart=restart)
        self.a_in, self.s_out = InPort(shape=shape), OutPort(shape=shape)
        for name in ("current", "voltage", "last"):
            setattr(self, name, Var(shape=shape, init=0))
        self.current_keep = Var(shape=shape, init=each["current_keep"])
        self.voltage_keep = Var(shape=shape, init=each["voltage_keep"])
        self.bias = Var(shape=shape, init=each["bias"])
        self.current_bias = Var(shape=shape, init=each["current_bias"])
        if record:
            self.trace = OutPort(shape=(len(record), *shape))
