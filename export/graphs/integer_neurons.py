"""Integer neurons as nodes of NIR.

A decay of 12 bits is a time constant: keep = 1 - dt / tau. A decay of 0 is a time constant so long
that float32 keeps all. Neurons without a current have R = 1, as Norse and SpikingJelly need it.
Their input is then multiplied by dt / tau, and so are the potential and the threshold.
"""

from dataclasses import dataclass
from typing import Any

import nir
import numpy as np

from ipvae.errors import InputError
from ipvae.network.kinds import CubaNeuron, LifNeuron, NeuronKind
from ipvae.network.kinds.base import of_each
from ipvae.network.kinds.cuba import BIAS_MAX, DECAY_BITS, DECAY_UNITY, STATE_LIMIT, STATE_SHIFT

DT = 1e-4
"""Time of a step in seconds: the one that snnTorch assumes."""
ENDLESS = 2.0**40
"""Steps of the time constant of a neuron without decay: 1 - 2^-40 is 1 in float32."""
STATE_WIDTH = 24
Array = np.ndarray


@dataclass(frozen=True, eq=False)
class NeuronTerms:
    """Common terms of the kinds of neurons that have a NIR node.

    Attributes
    ----------
    kind : str
    current_decay, voltage_decay : (n,) int64 of 0..4096
    least : int
        Least voltage that sends a spike.
    silent : bool
        True if no voltage of 24 bits reaches it.
    reset : 'zero', 'subtract' or 'none'
    amount : int
        What a reset by subtraction subtracts.
    next_row : bool
    most : int
    shift : int
        Left shift of the synaptic input.
    bias : (n,) float64, in units of the potential
    bias_to_current : bool
    mantissas : dict
        Integers of the neuron as the chip has them, for the metadata.
    """

    kind: str
    current_decay: Array
    voltage_decay: Array
    least: int
    silent: bool
    reset: str
    amount: int
    next_row: bool
    most: int
    shift: int
    bias: Array
    bias_to_current: bool
    mantissas: dict[str, Any]

    @property
    def has_current(self) -> bool:
        """True if a part of the synaptic input remains for the next step."""
        return bool((self.current_decay < DECAY_UNITY).any())

    @property
    def convention(self) -> "tuple[str, bool, int, bool | None] | None":
        """Reset, whether it is one step late, most spikes, and whether >= spikes; None: no reset.

        The last is None where half a unit below the threshold makes > and >= the same.
        """
        if self.silent or self.reset == "none":
            return None
        reaches = None if self.most == 1 else True
        if self.reset == "subtract":
            reaches = self.least == self.amount
        return self.reset, self.next_row, self.most, reaches

    @property
    def scale(self) -> Array:
        """Potential of the node for a voltage of 1: (n,) float64."""
        own = np.ones(len(self.bias)) if self.has_current else 1 / _steps(self.voltage_decay)
        return own / 2.0**self.shift

    @property
    def rounds(self) -> bool:
        """True if a product of a decay is rounded."""
        decays = np.concatenate([self.current_decay, self.voltage_decay])
        return bool(((decays > 0) & (decays < DECAY_UNITY)).any())

    @property
    def bound(self) -> float:
        """Largest distance of the voltage from the float node's, until a spike differs.

        A product is off by less than 1, and a part of it remains with each decay.
        """
        if not self.rounds:
            return 0.0
        current, voltage = (
            DECAY_UNITY / np.maximum(d, 1) for d in (self.current_decay, self.voltage_decay)
        )
        endless = ((self.voltage_decay == 0) | (self.has_current & (self.current_decay == 0))).any()
        if endless:
            return float("inf")
        return float((voltage * (1 + current * self.has_current)).max())


def neuron_terms(where: str, kind: NeuronKind, biases: Array) -> NeuronTerms:
    """Return the terms of a layer's neurons.

    Parameters
    ----------
    where : str
        Layer, for messages.
    kind : NeuronKind
    biases : (n,) int

    Raises
    ------
    InputError
        If NIR has no node for the kind, with the nearest thing that works.
    """
    n = len(biases)
    if isinstance(kind, CubaNeuron):
        least = (kind.threshold << STATE_SHIFT) + 1
        return NeuronTerms(
            *(kind.name, of_each(kind.current_decay, n), of_each(kind.voltage_decay, n)),
            *(least, least >= STATE_LIMIT, "zero", 0, False, 1, STATE_SHIFT),
            biases.astype(np.float64),
            bias_to_current=False,
            mantissas={
                "threshold": kind.threshold,
                "threshold_exponent": STATE_SHIFT,
                "bias_exponent": STATE_SHIFT,
            },
        )
    if isinstance(kind, LifNeuron):
        reset = kind.reset if kind.reset == "zero" or kind.amount else "none"
        return NeuronTerms(
            *(kind.name, of_each(kind.current_decay, n), of_each(kind.voltage_decay, n)),
            *(kind.threshold, kind.threshold >= STATE_LIMIT, reset, kind.amount, kind.next_row),
            *(kind.most, kind.shift, biases * 2.0 ** (kind.bias_shift - kind.shift)),
            bias_to_current=kind.bias_to_current,
            mantissas={
                "threshold": kind.threshold,
                "threshold_exponent": 0,
                "amount": kind.amount,
                "bias_exponent": kind.bias_shift,
            },
        )
    raise InputError(f"{where} ({kind.name}): {_nearest(kind)}")


def _nearest(kind: NeuronKind) -> str:
    if kind.name in ("sigma-delta", "delta", "sigma"):
        return (
            "NIR has no neurons that send changes. lava-dl's .net file holds them; "
            "network.save('net.h5') keeps all"
        )
    return (
        "NIR has no neurons that draw counts or send graded codes. ipvae.save_nir of the trained "
        "model writes its float equations (docs/nir_proposal.md)"
    )


def require_threshold(where: str, terms: NeuronTerms) -> None:
    """Raise InputError where one threshold cannot be both the level and what is subtracted."""
    found = terms.convention
    if terms.reset == "none" and terms.most > 1:
        raise InputError(
            f"{where}: sends up to {terms.most} spikes without a reset, allowed is 1, as NIR's "
            "Threshold sends; network.save('net.h5') keeps it"
        )
    if found is None or terms.reset == "zero":
        return
    if terms.least not in (terms.amount, terms.amount + 1):
        raise InputError(
            f"{where}: spikes at {terms.least} and subtracts {terms.amount}, allowed is one number "
            "for both, as NIR has one threshold; network.save('net.h5') keeps it"
        )


def nodes_of(
    name: str, terms: NeuronTerms, shape: tuple[int, ...], leak: bool
) -> dict[str, nir.NIRNode]:
    """Return the nodes of a layer's neurons; the first receives, the one called `name` sends.

    Parameters
    ----------
    name : str
    terms : NeuronTerms
    shape : shape of the layer in the graph
    leak : bool
        True to write the bias as leak potential.
    """

    def each(values: "Array | float") -> Array:
        return np.broadcast_to(values, terms.bias.shape).astype(np.float64).reshape(shape)

    steps = [_steps(decay) for decay in (terms.current_decay, terms.voltage_decay)]
    values = {"r": each(1.0), "v_leak": each(terms.bias * leak)}
    if terms.has_current:
        values = {key: value * each(steps[1]) for key, value in values.items()}
        values |= {"tau_syn": each(steps[0] * DT), "tau_mem": each(steps[1] * DT)}
        values |= {"w_in": each(steps[0])}
    else:
        values |= {"tau": each(steps[1] * DT)}
    facts = _metadata(terms)
    if terms.silent or terms.reset == "none":
        potential: Any = nir.CubaLI if terms.has_current else nir.LI
        if terms.silent:
            return {name: potential(**values, metadata=facts)}
        return {
            f"{name}_potential": potential(**values, metadata=facts),
            name: nir.Threshold(each(_level(terms))),
        }
    spiking: Any = nir.CubaLIF if terms.has_current else nir.LIF
    return {name: spiking(**values, v_threshold=each(_level(terms)), metadata=facts)}


def _level(terms: NeuronTerms) -> Array:
    """Threshold of the potential: half a unit below the least voltage that spikes, if it may be."""
    found = terms.convention
    if found is None or found[3] is None:
        return (terms.least - 0.5) * terms.scale
    return (terms.least if terms.reset == "zero" else terms.amount) * terms.scale


def _steps(decay: Array) -> Array:
    """Time constants in steps."""
    return np.where(decay > 0, DECAY_UNITY / np.maximum(decay, 1), ENDLESS)


def _metadata(terms: NeuronTerms) -> dict[str, Any]:
    return {
        "kind": terms.kind,
        "state_scale": _short(terms.scale),
        "state_width": STATE_WIDTH,
        "state_rounding": "toward zero",
        "decay_bits": DECAY_BITS,
        "current_decay": _short(terms.current_decay),
        "voltage_decay": _short(terms.voltage_decay),
        "bias_width": BIAS_MAX.bit_length() + 1,
        **terms.mantissas,
    }


def _short(values: Array) -> "int | float | Array":
    return values[0].item() if (values == values[0]).all() else values
