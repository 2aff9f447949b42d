"""Lava's neuron process for each kind of neuron, with a port for recorded variables if asked."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lava.proc.lif.process import LIF, LIFReset
from lava.proc.sdn.process import ActivationMode, Sigma, SigmaDelta

from ipvae.errors import BackendError
from ipvae.lava_procs.procs.observed_lif.process import ObservedLif
from ipvae.lava_procs.procs.observed_lif_reset.process import ObservedLifReset
from ipvae.lava_procs.procs.observed_sigma.process import ObservedSigma
from ipvae.lava_procs.procs.observed_sigma_delta.process import ObservedSigmaDelta
from ipvae.network.kinds import CubaNeuron, NeuronKind, SigmaDeltaNeuron, SigmaNeuron
from ipvae.network.kinds.cuba import STATE_SHIFT
from ipvae.network.kinds.sigma_delta import MESSAGE_FRACTION, RELU, STATE_FRACTION
from ipvae.network.network import Layer


@dataclass(frozen=True)
class Reset:
    """Times at which a layer is reset, in Lava's chip steps, which begin at 1.

    Attributes
    ----------
    interval, offset : int
        Steps between two resets, and the step of the first.
    """

    interval: int
    offset: int


def neurons(layer: Layer, reset: Reset | None, record: tuple[str, ...]) -> Any:
    """Return the neurons of a layer as a Lava process.

    Parameters
    ----------
    layer : Layer
    reset : Reset or None
        None for neurons that run on.
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


BUILDERS: dict[type[NeuronKind], Callable[[Layer, Reset | None, tuple[str, ...]], Any]] = {
    CubaNeuron: _cuba,
    SigmaDeltaNeuron: _sigma_delta,
    SigmaNeuron: _sigma,
}
"""Function that makes the process, by kind. A new kind is added here."""
