"""Lava's model of LIFReset, observed."""

# Lava declares ports by assigning a LavaPyType to them.
# pyright: reportAssignmentType=false

import numpy as np
from lava.magma.core.decorator import implements, requires, tag
from lava.magma.core.model.py.ports import PyOutPort
from lava.magma.core.model.py.type import LavaPyType
from lava.magma.core.resources import CPU
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol
from lava.proc.lif.models import PyLifResetModelBitAcc

from ipvae.lava_procs.models.observed import CubaObserver
from ipvae.lava_procs.procs.observed_lif_reset.process import ObservedLifReset


@implements(proc=ObservedLifReset, protocol=LoihiProtocol)
@requires(CPU)
@tag("bit_accurate_loihi", "fixed_pt")
class PyObservedLifReset(CubaObserver, PyLifResetModelBitAcc):
    """Steps of Lava's own model, each followed by a message of recorded variables."""

    trace: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int32, precision=24)
