"""CPU models that execute docs/loihi2/*.json, for neurons that the host serves.

They replace the neuro-core models that members write from the same files.
"""

# pyright: reportAssignmentType=false, reportAttributeAccessIssue=false
# pyright: reportOptionalMemberAccess=false, reportOptionalSubscript=false

import importlib.util
import sys
from pathlib import Path

import numpy as np
from lava.magma.core.decorator import implements, requires, tag
from lava.magma.core.model.py.model import PyLoihiProcessModel
from lava.magma.core.model.py.ports import PyInPort, PyOutPort
from lava.magma.core.model.py.type import LavaPyType
from lava.magma.core.resources import CPU
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol

from ipvae.lava_procs.procs.graded_neuron.process import GradedNeuron
from ipvae.lava_procs.procs.poisson_neuron.process import PoissonNeuron
from ipvae.lava_procs.register_constants import layer_words, neuron_words

_PATH = Path(__file__).resolve().parents[1] / "support" / "neuron_program.py"
_SPEC = importlib.util.spec_from_file_location("neuron_program", _PATH)
assert _SPEC is not None and _SPEC.loader is not None
neuron_program = importlib.util.module_from_spec(_SPEC)
sys.modules["neuron_program"] = neuron_program
_SPEC.loader.exec_module(neuron_program)


class PyFromSpecification(PyLoihiProcessModel):
    """Copies its variables into the program and back at every step."""

    neuron = ""
    a_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int32, precision=24)
    s_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int32, precision=24)
    u: np.ndarray = LavaPyType(np.ndarray, np.int32, precision=24)
    z: np.ndarray = LavaPyType(np.ndarray, np.int32, precision=24)
    drive: np.ndarray = LavaPyType(np.ndarray, np.int32, precision=24)
    step: np.ndarray = LavaPyType(np.ndarray, np.int32, precision=24)
    received: np.ndarray = LavaPyType(np.ndarray, np.int32, precision=24)

    def __init__(self, proc_params) -> None:
        super().__init__(proc_params)
        layer = proc_params["layer"]
        spec = neuron_program.load(self.neuron)
        replay = proc_params._parameters.get("replay", False)
        words = {**layer_words(layer, proc_params["schedule"], replay), **neuron_words(layer)}
        self._program = neuron_program.Program(spec, layer.n_neurons, words)
        self._states = [s for s in spec["states"] if "var" in s]

    def run_spk(self) -> None:
        program = self._program
        for state in self._states:
            value = getattr(self, state["var"])
            program.values[state["name"]] = program.array(value[state.get("index", slice(None))])
        self.s_out.send(program.step(self.a_in.recv()).astype(np.int32))
        for state in self._states:
            if "index" not in state:
                value = program.values[state["name"]].astype(np.int32)
                setattr(self, state["var"], value[: getattr(self, state["var"]).size])


@implements(proc=PoissonNeuron, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PyPoissonFromSpecification(PyFromSpecification):
    neuron = "poisson_neuron"
    image_key: np.ndarray = LavaPyType(np.ndarray, np.int32, precision=24)
    given: np.ndarray = LavaPyType(np.ndarray, np.int32, precision=24)


@implements(proc=GradedNeuron, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PyGradedFromSpecification(PyFromSpecification):
    neuron = "graded_neuron"


MODELS = {PoissonNeuron: PyPoissonFromSpecification, GradedNeuron: PyGradedFromSpecification}
