"""Simulation of the same connectivity and spikes in SANA-FE, for its counts and energy on Loihi.

SANA-FE (package `sanafe`, GPL, not a dependency) supports binary spikes and its own neuron models.
Input neurons therefore replay the messages that each layer receives, one spike for each message of
any size. The layer's neurons receive the spikes and never fire.
"""

import io
from contextlib import redirect_stdout
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

from ipvae.chip.core_memory import CONSERVATIVE, layer_shapes
from ipvae.chip.limits import TARGETS, LimitCheck
from ipvae.chip.placement import Placement, place
from ipvae.energy.models.row import EnergyRow, TimeRow
from ipvae.energy.models.sanafe import SPIKE_OUT_PJ
from ipvae.errors import BackendError, InputError
from ipvae.network.description import IntNetwork
from ipvae.network.schedule import ScheduledLayer
from ipvae.network.traces.activity import activity_of, received_messages
from ipvae.network.traces.trace import Trace

INSTALL = "pip install 'ipvae-loihi[sanafe]'"
NEVER = 1e30
"""Threshold above any potential."""
TILE_CORES = 4


@dataclass(frozen=True)
class Simulated:
    """SANA-FE's counts over all images of the trace.

    Attributes
    ----------
    version : str
    images : int
    synaptic_events : int
    spikes : int
        Spikes of the replaying neurons.
    packets : int
        Messages, counted once for each receiving core.
    updates : int
        Neuron updates, without the replaying neurons.
    energy_j : dict of str -> float
        Energy by unit of the core (synapse, dendrite, soma, network), and the total.
    seconds : float
        Simulated time.
    """

    version: str
    images: int
    synaptic_events: int
    spikes: int
    packets: int
    updates: int
    energy_j: dict[str, float]
    seconds: float

    def rows(self) -> tuple[EnergyRow, TimeRow]:
        """Energy and time of one image."""
        model, chip = f"SANA-FE {self.version} simulation", "Loihi 1"
        source = f"SANA-FE {self.version}, its architecture loihi.yaml, {self.images} images"
        joules, seconds = self.energy_j["total"] / self.images, self.seconds / self.images
        assumed = (
            "dense synapses, every neuron accessed and updated at every row; one time step per row",
            "neurons that replay cost nothing, so the soma's "
            f"{SPIKE_OUT_PJ} pJ per spike are left out: "
            f"{self.spikes * SPIKE_OUT_PJ * 1e-6 / self.images:.3g} uJ per image",
            "cores by the wide reading of the memory model, two to a tile, each beside the core "
            "that replays its neurons",
            "left out: static power, host and I/O, drive, read-out, the draw",
        )
        return (
            EnergyRow(model, "modelled", "dynamic", chip, joules, joules, source, assumed),
            TimeRow(model, "modelled", chip, seconds, seconds, source, assumed),
        )


def require_sanafe() -> ModuleType:
    """Import SANA-FE.

    Raises
    ------
    BackendError
        If it is not installed or cannot start.
    """
    try:
        import sanafe
    except ImportError as error:
        raise BackendError(
            f"sanafe: SANA-FE cannot be imported ({error}); install it with {INSTALL}"
        ) from error
    return sanafe


def simulate(network: IntNetwork, trace: Trace) -> Simulated:
    """Simulate the messages of a trace on SANA-FE's Loihi.

    Parameters
    ----------
    network : IntNetwork
        The network that ran.
    trace : Trace
        Trace with `z` of every presynaptic layer, at every step.

    Raises
    ------
    BackendError
        If SANA-FE is not installed.
    InputError
        If SANA-FE's Loihi is too small for the network.
    """
    sanafe = require_sanafe()
    arch = sanafe.load_loihi()
    placement = _placed(network, trace, len(arch.cores()))
    with redirect_stdout(io.StringIO()):  # SANA-FE prints its progress
        chip = sanafe.SpikingChip(arch)
        try:
            chip.load(_build(sanafe, arch, network, trace, placement))
        except sanafe.HardwareMappingError as error:
            raise InputError(
                f"sanafe: SANA-FE cannot place the network ({error}); omit it"
            ) from error
        n_steps = len(trace.samples) * (trace.steps + 1)
        found = chip.sim(n_steps, timing_model="detailed", processing_threads=1)
    return Simulated(
        version=_version(),
        images=len(trace.samples),
        synaptic_events=found["spikes"],
        spikes=found["neurons_fired"],
        packets=found["packets_sent"],
        updates=found["neurons_updated"] - found["neurons_fired"],
        energy_j=dict(found["energy"]),
        seconds=found["sim_time"],
    )


def _placed(network: IntNetwork, trace: Trace, cores: int) -> Placement:
    received = activity_of(network, trace, plan=True).received
    found = place(layer_shapes(network), TARGETS["hala-point"], CONSERVATIVE, received)
    if isinstance(found, LimitCheck):
        raise InputError(
            f"sanafe: the memory model does not fit the network ({found.rule} {found.found:,} of "
            f"{found.allowed:,}, {found.where}); omit it"
        )
    if found.total_cores > cores // 2:
        raise InputError(
            f"sanafe: the network takes {found.total_cores} cores, SANA-FE's Loihi has room for "
            f"{cores // 2} beside those that replay; omit it"
        )
    return found


def _build(
    sanafe: ModuleType, arch: Any, network: IntNetwork, trace: Trace, placement: Placement
) -> Any:
    """SANA-FE network: a group for each layer, and one that replays its input."""
    net = sanafe.Network()
    used = [0] * placement.total_cores
    for stage in network.schedule.stages:
        targets = _targets(net, arch, stage, placement)
        if stage.layer.weight_rec is not None:
            senders = _replay(net, arch, stage, trace, placement, used)
            weights = stage.layer.weight_rec.T.astype(float).ravel().tolist()
            senders.connect_neurons_dense(targets, {"weight": weights})
    return net


def _targets(net: Any, arch: Any, stage: ScheduledLayer, placement: Placement) -> Any:
    """Neurons of a layer, which update at every step and never fire."""
    group = net.create_neuron_group(
        f"layer{stage.name}",
        stage.layer.n_neurons,
        model_attributes={"threshold": NEVER, "force_update": True},
        soma_hw_name="loihi_lif",
        default_synapse_hw_name="loihi_dense_synapse",
        default_dendrite_hw_name="loihi_dendrites",
    )
    for neuron, core in zip(group.neurons, _homes(placement, stage.name), strict=True):
        neuron.map_to_core(_core(arch, core, replays=False))
    return group


def _replay(
    net: Any, arch: Any, stage: ScheduledLayer, trace: Trace, placement: Placement, used: list[int]
) -> Any:
    """Input neurons that send the messages a layer receives, image after image.

    Time steps are the rows of the layer; with an input delay, the first row of an image has no
    spikes. `used` counts the input neurons of each core.
    """
    source = str(stage.layer.source)
    inputs = received_messages(trace, source, stage.input_delay)
    spikes = np.pad(inputs, ((0, 0), (stage.input_delay, 0), (0, 0))).reshape(-1, inputs.shape[2])
    group = net.create_neuron_group(f"received{stage.name}", inputs.shape[2])
    for neuron, core, train in zip(group.neurons, _homes(placement, source), spikes.T, strict=True):
        neuron.set_attributes(
            soma_hw_name=f"loihi_inputs[{used[core]}]",
            model_attributes={"spikes": train.tolist()},
        )
        neuron.map_to_core(_core(arch, core, replays=True))
        used[core] += 1
    return group


def _homes(placement: Placement, name: str) -> list[int]:
    """Core of each neuron of a layer, numbered over the whole placement."""
    return [
        i
        for i, core in enumerate(placement.cores)
        if core.layer.name == name
        for _ in range(core.neurons)
    ]


def _core(arch: Any, core: int, replays: bool) -> Any:
    """SANA-FE core for a core of the placement, or the core that replays input to it."""
    tile, first = divmod(2 * core, TILE_CORES)
    return arch.tiles[tile].cores[first + replays]


def _version() -> str:
    from importlib.metadata import version

    return version("sanafe")
