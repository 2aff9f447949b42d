"""Stand-in for a member's package: models of our neurons, and some that are wrong."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
from lava.magma.core.decorator import implements, requires, tag
from lava.magma.core.model.nc.model import AbstractNcProcessModel
from lava.magma.core.model.nc.type import LavaNcType, NcInPort, NcOutPort, NcVar
from lava.magma.core.resources import CPU, Loihi2NeuroCore
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol
from lava.proc.lif.process import LIF

from ipvae.lava_procs.procs.graded_neuron.process import GradedNeuron
from ipvae.lava_procs.procs.poisson_neuron.process import PoissonNeuron

_SPEC = importlib.util.spec_from_file_location(
    "spec_models", Path(__file__).resolve().parents[1] / "spec_models.py"
)
assert _SPEC is not None and _SPEC.loader is not None
_models = importlib.util.module_from_spec(_SPEC)
sys.modules["spec_models"] = _models
_SPEC.loader.exec_module(_models)


class _Neuron(AbstractNcProcessModel):
    a_in = LavaNcType(NcInPort, np.int32, precision=24)
    s_out = LavaNcType(NcOutPort, np.int32, precision=24)
    u = LavaNcType(NcVar, np.int32, precision=24)
    z = LavaNcType(NcVar, np.int32, precision=24)
    drive = LavaNcType(NcVar, np.int32, precision=24)
    step = LavaNcType(NcVar, np.int32, precision=24)
    received = LavaNcType(NcVar, np.int32, precision=24)


@implements(proc=PoissonNeuron, protocol=LoihiProtocol)
@requires(Loihi2NeuroCore)
@tag("ucoded")
class NcPoisson(_Neuron):
    image_key = LavaNcType(NcVar, np.int32, precision=24)
    given = LavaNcType(NcVar, np.int32, precision=24)
    stand_in = _models.PyPoissonFromSpecification


@implements(proc=GradedNeuron, protocol=LoihiProtocol)
@requires(Loihi2NeuroCore)
@tag("ucoded")
class NcGraded(_Neuron):
    stand_in = _models.PyGradedFromSpecification


@implements(proc=PoissonNeuron, protocol=LoihiProtocol)
@requires(Loihi2NeuroCore)
class NcUntagged(_Neuron):
    pass


@implements(proc=PoissonNeuron, protocol=LoihiProtocol)
@requires(CPU)
@tag("ucoded")
class NcForTheCpu(_Neuron):
    pass


@implements(proc=PoissonNeuron, protocol=LoihiProtocol)
@requires([Loihi2NeuroCore, CPU])
@tag("ucoded")
class NcNarrow(_Neuron):
    z = LavaNcType(NcVar, np.int32, precision=16)


@implements(proc=PoissonNeuron, protocol=LoihiProtocol)
@requires(Loihi2NeuroCore)
@tag("ucoded")
class NcWithoutKey(_Neuron):
    given = LavaNcType(NcVar, np.int32, precision=24)


@implements(proc=LIF, protocol=LoihiProtocol)
@requires(Loihi2NeuroCore)
@tag("ucoded")
class NcOfAnotherProcess(_Neuron):
    pass


PyOnTheCpu = _models.PyPoissonFromSpecification
NOT_A_MODEL = 7
