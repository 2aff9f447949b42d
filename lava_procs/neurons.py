"""Lava's neuron process for each kind of neuron, with a port for recorded variables if asked."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lava.proc.lif.process import LIF, LIFReset
from lava.proc.sdn.process import ActivationMode, Sigma, SigmaDelta

from ipvae.errors import BackendError
from ipvae.lava_procs.procs.graded_neuron.process import GradedNeuron as GradedProcess
from ipvae.lava_procs.procs.lif_neuron.process import LifNeuron as LifProcess
from ipvae.lava_procs.procs.observed_lif.process import ObservedLif
from ipvae.lava_procs.procs.observed_lif_reset.process import ObservedLifReset
from ipvae.lava_procs.procs.observed_sigma.process import ObservedSigma
from ipvae.lava_procs.procs.observed_sigma_delta.process import ObservedSigmaDelta
from ipvae.lava_procs.procs.poisson_neuron.process import PoissonNeuron as PoissonProcess
from ipvae.lava_procs.schedule import EveryFrame
from ipvae.network.kinds import (
    CubaNeuron,
    GradedNeuron,
    LifNeuron,
    NeuronKind,
    PoissonNeuron,
    SigmaDeltaNeuron,
    SigmaNeuron,
)
from ipvae.network.kinds.cuba import STATE_SHIFT
from ipvae.network.kinds.sigma_delta import MESSAGE_FRACTION, RELU, STATE_FRACTION
from ipvae.network.network import Layer
from ipvae.network.traces.selection import LayerRecord

NO_END = 2**24
"""Chip steps of an image after which no other follows."""


@dataclass(frozen=True)
class Reset:
    """Times at which a layer is reset, in Lava's chip steps, which begin at 1.

    Attributes
    ----------
    interval, offset : int
        Steps between two resets, and the step of the first.
    drives : int
        Drives of an image, of a driven layer: 1, or one for each row.
    """

    interval: int
    offset: int
    drives: int = 1


def neurons(layer: Layer, reset: Reset | None, record: tuple[str, ...]) -> Any:
    """Return the neurons of a layer as a Lava process.

    Parameters
    ----------
    layer : Layer
    reset : Reset or None
        None for neurons that run on. Driven neurons begin with it, at their row 0.
    record : tuple of str
        Variables of the layer's kind, other than `z`, that the process sends through `trace`.

    Raises
    ------
    BackendError
        If Lava has no process for this kind.
    """
    return BUILDERS[require_kind(layer)](layer, reset, record)


def require_kind(layer: Layer) -> type[NeuronKind]:
    """Return the kind of a layer; raise BackendError if Lava has no process for it."""
    kind = type(layer.neuron)
    if kind not in BUILDERS:
        raise BackendError(f"backend 'lava' has no {kind.name} neurons (layer {layer.id})")
    return kind


def port_shape(layer: Layer) -> tuple[int, ...]:
    """Shape of the messages of a layer's process; (C, H, W) is in Lava's order there."""
    return (layer.n_neurons,) if layer.neuron.driven else layer.shape


def lava_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Convert (C, H, W) to Lava's order (W, H, C); a flat shape stays the same."""
    return tuple(int(n) for n in shape[::-1])


def _options(layer: Layer, name: str) -> dict[str, Any]:
    """Shape of the neurons, and their bias under the name of Lava's parameter."""
    biases = layer.biases.reshape(layer.shape).transpose()
    bias: Any = 0 if layer.bias is None else biases
    return {"shape": lava_shape(layer.shape), name: bias}


def _cuba(layer: Layer, reset: Reset | None, record: tuple[str, ...]) -> LIF:
    neuron: Any = layer.neuron
    options = {
        **_options(layer, "bias_mant"),
        "vth": neuron.threshold,
        "du": neuron.current_decay - 1,  # Lava adds 1
        "dv": neuron.voltage_decay,
        "bias_exp": STATE_SHIFT,
    }
    if reset is None:
        return ObservedLif(record=record, **options) if record else LIF(**options)
    options |= {"reset_interval": reset.interval, "reset_offset": reset.offset}
    return ObservedLifReset(record=record, **options) if record else LIFReset(**options)


def _sigma_delta(layer: Layer, _: Reset | None, record: tuple[str, ...]) -> SigmaDelta:
    neuron: Any = layer.neuron
    relu = neuron.activation == RELU
    options = {
        **_options(layer, "bias"),
        "vth": neuron.threshold,
        "act_mode": ActivationMode.RELU if relu else ActivationMode.UNIT,
        "spike_exp": MESSAGE_FRACTION,
        "state_exp": STATE_FRACTION - MESSAGE_FRACTION,
    }
    return ObservedSigmaDelta(record=record, **options) if record else SigmaDelta(**options)


def _sigma(layer: Layer, _: Reset | None, record: tuple[str, ...]) -> Sigma:
    shape = lava_shape(layer.shape)
    return ObservedSigma(record=record, shape=shape) if record else Sigma(shape=shape)


def _schedule(of: Reset | None) -> EveryFrame:
    """Rows of a driven layer, which begin where others are reset."""
    assert of is not None
    return EveryFrame(of.interval - 1, length=NO_END, phase=of.offset - 1, lag=0, drives=of.drives)


def _recorded(layer: Layer, record: tuple[str, ...]) -> LayerRecord | None:
    return LayerRecord(record, 1, layer.n_neurons) if record else None


def _poisson(layer: Layer, reset: Reset | None, record: tuple[str, ...]) -> PoissonProcess:
    neuron: Any = layer.neuron
    made = neuron.layer(layer.biases)
    options = {"record": _recorded(layer, record), "key_layer": neuron.key_layer}
    return PoissonProcess.of(made, _schedule(reset), **options)


def _graded(layer: Layer, reset: Reset | None, record: tuple[str, ...]) -> GradedProcess:
    neuron: Any = layer.neuron
    made = neuron.layer(layer.biases)
    return GradedProcess(layer=made, schedule=_schedule(reset), record=_recorded(layer, record))


def _lif(layer: Layer, reset: Reset | None, record: tuple[str, ...]) -> LifProcess:
    neuron: Any = layer.neuron
    each = {
        name: values.reshape(layer.shape).transpose()
        for name, values in neuron.neuron_constants(layer.biases).items()
    }
    return LifProcess(
        shape=lava_shape(layer.shape),
        record=record,
        restart=None if reset is None else (reset.interval, reset.offset),
        each=each,
        constants=neuron.constants(),
    )


BUILDERS: dict[type[NeuronKind], Callable[[Layer, Reset | None, tuple[str, ...]], Any]] = {
    CubaNeuron: _cuba,
    GradedNeuron: _graded,
    LifNeuron: _lif,
    PoissonNeuron: _poisson,
    SigmaDeltaNeuron: _sigma_delta,
    SigmaNeuron: _sigma,
}
"""Function that makes the process, by kind. A new kind is added here."""
