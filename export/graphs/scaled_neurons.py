"""Neurons of a node in units of their threshold: what remains is kept exactly by any scale."""

import math
from dataclasses import dataclass

import numpy as np

from ipvae.errors import QuantizationError
from ipvae.float_models.nir_graph.conventions import NONE, ZERO
from ipvae.float_models.nir_graph.graph import Node
from ipvae.float_models.nir_graph.model import NirModel

DECAY = 4096


@dataclass(frozen=True, eq=False)
class ScaledNeurons:
    """Neurons whose threshold is 1 and whose reset potential is 0, in float.

    Attributes
    ----------
    name : str
    n : int
    rows : (n,) float64
        Factor on the weights of each neuron: gains, divided by the distance of threshold and reset.
    current_decay, voltage_decay : (n,) int64
        Decays of 12 bits.
    current_error, voltage_error : float
        Largest rounding of a factor of decay.
    current_bias, voltage_bias : (n,) float64
    reset : 'zero' or 'subtract'
    amount : float
        What a spike subtracts, 1, or 0 without a reset.
    next_row, reaches : bool
        As of the rule.
    most : int
    spiking : bool
    notes : tuple of str
        What the integers do not keep.
    """

    name: str
    n: int
    rows: np.ndarray
    current_decay: np.ndarray
    voltage_decay: np.ndarray
    current_error: float
    voltage_error: float
    current_bias: np.ndarray
    voltage_bias: np.ndarray
    reset: str
    amount: float
    next_row: bool
    reaches: bool
    most: int
    spiking: bool
    notes: tuple[str, ...] = ()

    @property
    def uniform(self) -> bool:
        """True if all neurons have the same decays."""
        decays = (self.current_decay, self.voltage_decay)
        return all((decay == decay[0]).all() for decay in decays)

    @property
    def hard(self) -> bool:
        """True if a CUBA neuron of the chip computes exactly these spikes."""
        plain = self.reset == ZERO and not self.next_row and not self.reaches and self.most == 1
        return (plain or not self.spiking) and self.uniform and not self.current_bias.any()


def scaled_neurons(
    model: NirModel, name: str, constant: np.ndarray, threshold: str | None = None
) -> ScaledNeurons:
    """Return the neurons of a node.

    Parameters
    ----------
    model : NirModel
    name : node with neurons
    constant : input that they receive in every step, array of their shape
    threshold : node Threshold that reads their potential, optional

    Raises
    ------
    QuantizationError
        If a neuron of the chip cannot do what the node does, with the node's name.
    """
    rule, node, shape = model.rules[name], model.graph.nodes[name], model.shapes[name]
    n = math.prod(shape)

    def each(values: np.ndarray) -> np.ndarray:
        return np.broadcast_to(values, shape).reshape(n).astype(np.float64)

    last = rule if threshold is None else model.rules[threshold]
    zero = rule.reset == ZERO and threshold is None and rule.spiking
    base, height = potential_range(model, name, threshold)
    if (height <= 0).any():
        raise _refusal(node, f"threshold {height.min() + base[height.argmin()]:g} at its reset")
    keep, gain = each(rule.keep), each(rule.gain) / height
    _require_decays(node, keep)
    current_keep, received = np.zeros(n), gain
    if rule.current_keep is not None and rule.current_gain is not None:
        current_keep, received = each(rule.current_keep), gain * each(rule.current_gain)
        _require_decays(node, current_keep)
    voltage_bias = (each(rule.constant) + (keep - 1) * base) / height
    bias = received * constant.reshape(n)
    remembers = bool(current_keep.any())
    current_bias = bias if remembers else np.zeros(n)
    voltage_bias = voltage_bias if remembers else voltage_bias + bias
    if np.abs(current_bias).max() > 0 and np.abs(voltage_bias).max() > 0:
        raise _refusal(node, "a bias of the input and a leak potential at the same time")
    decays = [np.rint(DECAY * (1 - k)).astype(np.int64) for k in (current_keep, keep)]
    current_error, voltage_error = (
        float(np.abs(1 - decay / DECAY - k).max())
        for decay, k in zip(decays, (current_keep, keep), strict=True)
    )
    return ScaledNeurons(
        threshold or name,
        n,
        received,
        *decays,
        current_error=current_error,
        voltage_error=voltage_error,
        current_bias=current_bias,
        voltage_bias=voltage_bias,
        reset=ZERO if zero else "subtract",
        amount=0.0 if last.reset == NONE or threshold is not None else 1.0,
        next_row=rule.reset_delay and threshold is None,
        reaches=last.reaches,
        most=last.most,
        spiking=last.spiking,
        notes=_notes(model, name, each(rule.start) - base, height),
    )


def potential_range(
    model: NirModel, name: str, threshold: str | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the potential that is 0 in integers, and its distance to the threshold: (n,) float64.

    Parameters
    ----------
    model : NirModel
    name : node with neurons
    threshold : node Threshold that reads their potential, optional
    """
    rule, shape = model.rules[name], model.shapes[name]
    last = rule if threshold is None else model.rules[threshold]
    n = math.prod(shape)

    def each(values: np.ndarray) -> np.ndarray:
        return np.broadcast_to(values, shape).reshape(n).astype(np.float64)

    zero = rule.reset == ZERO and threshold is None and rule.spiking
    base = each(rule.reset_value) if zero else np.zeros(n)
    return base, each(last.threshold) - base if last.spiking else np.ones(n)


def _notes(model: NirModel, name: str, start: np.ndarray, height: np.ndarray) -> tuple[str, ...]:
    found = []
    most = float(np.abs(start / height).max(initial=0))
    if most > 0:
        found.append(f"begins at 0; {model.convention.origin} begins {most:.3g} thresholds away")
    if model.rules[name].rechecks:
        found.append(
            "a potential above the threshold after a reset spikes at once in the next step, where "
            "snnTorch needs one threshold more; reset_delay=yes, its default, is exact"
        )
    early = model.convention.early_bias
    if not early and any(
        b == name and "bias" in model.graph.nodes[a].values for a, b in model.graph.feedback
    ):
        found.append("the bias of its feedback acts from the first step on, not from the second")
    return tuple(found)


def _require_decays(node: Node, keep: np.ndarray) -> None:
    if (keep < 0).any() or (keep > 1).any():
        wrong = float(keep[(keep < 0) | (keep > 1)][0])
        raise _refusal(node, f"a factor of decay of {wrong:g}", "0 to 1; check dt= and the tool")


def _refusal(node: Node, found: str, allowed: str = "one of them only") -> QuantizationError:
    return QuantizationError(
        f"node {node.name} ({node.kind}): found {found}, allowed {allowed}; change it in the tool "
        "that trained the network"
    )
