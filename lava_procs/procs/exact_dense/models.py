"""The block is the sum of its parts; and models of Lava's Dense for its messages."""

# Lava declares ports by assigning a LavaPyType to them.
# pyright: reportAssignmentType=false

import numpy as np
from lava.lib.dl.netx.blocks.models import AbstractPyBlockModel
from lava.magma.core.decorator import implements, requires, tag
from lava.magma.core.model.py.ports import PyInPort
from lava.magma.core.model.py.type import LavaPyType
from lava.magma.core.resources import CPU
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol
from lava.proc.dense.models import AbstractPyDenseModelBitAcc
from lava.proc.dense.process import Dense

from ipvae.lava_procs.event_driven import PyDenseEventDriven
from ipvae.lava_procs.procs.exact_dense.process import ExactDense


@implements(proc=ExactDense, protocol=LoihiProtocol)
class PyExactDenseModel(AbstractPyBlockModel):
    """Sub-process model; the processes inside are built by the block."""


@implements(proc=Dense, protocol=LoihiProtocol)
@requires(CPU)
@tag("bit_accurate_loihi", "fixed_pt")
class PyIntegerDense(PyDenseEventDriven):
    """Our event-driven model, hearing integers.

    Lava declares what its Dense hears as true or false, and a pipe from outside, which takes the
    type of the port it feeds, would turn every message into that.
    """

    s_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int32, precision=24)


@implements(proc=Dense, protocol=LoihiProtocol)
@requires(CPU)
@tag("bit_accurate_loihi", "fixed_pt")
class PyIntegerDenseStock(AbstractPyDenseModelBitAcc):
    """Lava's own model, hearing integers."""

    s_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int32, precision=24)
