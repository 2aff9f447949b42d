"""Lava's model of SigmaDelta, observed."""

# Lava declares ports by assigning a LavaPyType to them.
# pyright: reportAssignmentType=false

import numpy as np
from lava.magma.core.decorator import implements, requires, tag
from lava.magma.core.model.py.ports import PyOutPort
from lava.magma.core.model.py.type import LavaPyType
from lava.magma.core.resources import CPU
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol
from lava.proc.sdn.models import PySigmaDeltaModelFixed

from ipvae.lava_procs.models.observed import SigmaObserver
from ipvae.lava_procs.procs.observed_sigma_delta.process import ObservedSigmaDelta


@implements(proc=ObservedSigmaDelta, protocol=LoihiProtocol)
@requires(CPU)
@tag("bit_accurate_loihi", "fixed_pt")
class PyObservedSigmaDelta(SigmaObserver, PySigmaDeltaModelFixed):
    """Steps of Lava's own model, each followed by a message of recorded variables."""

    trace: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int32, precision=24)
