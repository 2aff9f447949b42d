"""Neurons of NIR as one update rule with the convention of a simulator.

i = current_keep i + current_gain x          i = x without a current
v = keep v + gain i + constant
spikes = v > threshold (or >=); reset now, or in the next step after the decay
"""

from dataclasses import dataclass

import numpy as np

from ipvae.errors import FormatError
from ipvae.float_models.nir_graph.conventions import NONE, SUBTRACT, ZERO, Convention
from ipvae.float_models.nir_graph.graph import RELU, Node

CURRENT = ("CubaLI", "CubaLIF")
SPIKING = ("IF", "LIF", "CubaLIF", "Threshold")


@dataclass(frozen=True, eq=False)
class NeuronRule:
    """Update of the neurons of a node; arrays are float32 and broadcast to its shape.

    Attributes
    ----------
    current_keep, current_gain : array or None
        Factors of the current and of its input; None for neurons without a current.
    keep, gain, constant : array
        Factors of the potential and of the current, and what is added in each step.
    threshold, reset_value, start : array
    reset : 'zero' (to `reset_value`), 'subtract' or 'none'
    reset_delay, reaches : bool
        As of `Convention`.
    most : int
        Most spikes in a step.
    spiking : bool
        False: the potential is sent.
    rechecks : bool
        True if a potential that is above the threshold after its reset needs one threshold more
        for the next spike (snnTorch without reset_delay).
    rectified : bool
        True if max(potential, 0) is sent: the activation ReLU, whose potential is its input.
    """

    current_keep: np.ndarray | None
    current_gain: np.ndarray | None
    keep: np.ndarray
    gain: np.ndarray
    constant: np.ndarray
    threshold: np.ndarray
    reset_value: np.ndarray
    start: np.ndarray
    reset: str
    reset_delay: bool
    reaches: bool
    most: int
    spiking: bool
    rechecks: bool = False
    rectified: bool = False


State = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Current, potential, and spikes of the step before: (n, *shape) float32 each."""


def start(rule: NeuronRule, n: int, shape: tuple[int, ...]) -> State:
    """Return the state before the first step."""
    zeros = np.zeros((n, *shape), np.float32)
    return zeros, zeros + rule.start, zeros


def step(rule: NeuronRule, x: np.ndarray, state: State) -> tuple[np.ndarray, State]:
    """Compute one step: what is sent, and the new state.

    Parameters
    ----------
    x : (n, *shape) float32
    """
    i, v, before = state
    i = x if rule.current_keep is None else rule.current_keep * i + rule.current_gain * x
    above = rule.rechecks & (v > rule.threshold)
    v = rule.keep * v + rule.gain * i + rule.constant
    if rule.reset_delay:
        v = _reset(rule, v, before)
    if not rule.spiking:
        return np.maximum(v, 0) if rule.rectified else v, (i, v, before)
    z = _spikes(rule, v - above * rule.threshold if rule.rechecks else v)
    if not rule.reset_delay:
        v = _reset(rule, v, z)
    return z, (i, v, z)


def _spikes(rule: NeuronRule, v: np.ndarray) -> np.ndarray:
    over = v >= rule.threshold if rule.reaches else v > rule.threshold
    if rule.most == 1:
        return over.astype(np.float32)
    number = np.clip(np.floor(v / rule.threshold), 1, rule.most)
    return np.where(over, number, 0).astype(np.float32)


def _reset(rule: NeuronRule, v: np.ndarray, z: np.ndarray) -> np.ndarray:
    if rule.reset == NONE:
        return v
    if rule.reset == SUBTRACT:
        return v - z * rule.threshold
    return np.where(z > 0, rule.reset_value, v)


def rule_of(node: Node, convention: Convention, recurrent: bool = False) -> NeuronRule:
    """Return the rule of a node's neurons.

    Parameters
    ----------
    node : Node
    convention : Convention
    recurrent : bool
        Whether the node closes a loop, as snnTorch's RLeaky.

    Raises
    ------
    FormatError
        If a parameter is missing, or the step's time is needed and unknown.
    """
    if node.kind == "Threshold":
        return _threshold(node, convention)
    if node.kind == RELU:
        return _relu()
    spiking = node.kind in SPIKING
    tool = convention.origin
    if tool == "rockpool":
        factors = _rockpool(node)
    elif tool == "sinabs":
        factors = _sinabs(node, convention)
    elif tool == "norse":
        factors = _norse(node, convention)
    else:
        factors = _euler(node, convention)
    threshold = node.array("v_threshold") if spiking else np.ones(1)
    reset_value = node.array("v_reset") if spiking and "v_reset" in node.values else np.zeros(1)
    if tool in ("snntorch", "sinabs", "rockpool", "norse"):  # none of these writes it
        reset_value = reset_value * 0
    begins = {ZERO: np.zeros(1), "reset": reset_value, "leak": _begin(node)}
    # snnTorch's Leaky resets before the decay, which spikes as a reset at once does
    at_once = (
        tool == "snntorch" and convention.reset == ZERO and not (recurrent or node.kind in CURRENT)
    )
    delayed = convention.reset_delay and not at_once
    current_keep, current_gain, *others = factors
    keep, gain, constant = (factor.astype(np.float32) for factor in others)
    return NeuronRule(
        current_keep=None if current_keep is None else current_keep.astype(np.float32),
        current_gain=None if current_gain is None else current_gain.astype(np.float32),
        keep=keep,
        gain=gain,
        constant=constant,
        threshold=threshold.astype(np.float32),
        reset_value=reset_value.astype(np.float32),
        start=begins[convention.begins].astype(np.float32),
        reset=convention.reset,
        reset_delay=delayed,
        reaches=convention.reaches,
        most=convention.most,
        spiking=spiking,
        rechecks=tool == "snntorch" and not delayed and convention.reset == SUBTRACT,
    )


Factors = tuple["np.ndarray | None", "np.ndarray | None", "np.ndarray", "np.ndarray", "np.ndarray"]
"""current_keep, current_gain, keep, gain, constant."""


def _threshold(node: Node, convention: Convention) -> NeuronRule:
    zero, one = np.zeros(1, np.float32), np.ones(1, np.float32)
    threshold = node.array("threshold").astype(np.float32)
    return NeuronRule(
        *(None, None, zero, one, zero, threshold, zero, zero),
        *(NONE, False, convention.reaches, 1, True),
    )


def _relu() -> NeuronRule:
    zero, one = np.zeros(1, np.float32), np.ones(1, np.float32)
    return NeuronRule(
        *(None, None, zero, one, zero, one, zero, zero),
        *(NONE, False, False, 1, False),
        rectified=True,
    )


def _time(node: Node, key: str) -> np.ndarray:
    found = node.array(key)
    if (found <= 0).any():
        raise FormatError(
            f"node {node.name} ({node.kind}): {key} must be above 0, found {found.min():g}; "
            "export it again"
        )
    return found


def _dt(node: Node, convention: Convention) -> float:
    if convention.dt is None:
        raise FormatError(
            f"node {node.name} ({node.kind}): the time of a step is unknown; name the tool that "
            f"wrote the graph, or add dt=, as in origin='{convention.origin},dt=1e-4'"
        )
    return convention.dt


def _leak(node: Node) -> np.ndarray:
    return node.array("v_leak") if "v_leak" in node.values else np.zeros(1)


def _begin(node: Node) -> np.ndarray:
    return np.zeros(1) if node.kind in ("I", "IF") else _leak(node)


def _times(node: Node) -> tuple["np.ndarray | None", "np.ndarray | None", np.ndarray]:
    """Time constants of current and potential, and the factor on the input of the current."""
    if node.kind in CURRENT:
        w_in = node.array("w_in") if "w_in" in node.values else np.ones(1)
        return _time(node, "tau_syn"), _time(node, "tau_mem"), w_in
    return None, None if node.kind in ("I", "IF") else _time(node, "tau"), np.ones(1)


def _euler(node: Node, convention: Convention) -> Factors:
    """Euler's method: NIR's equations with a step of dt."""
    dt, r = _dt(node, convention), node.array("r")
    tau_syn, tau, w_in = _times(node)
    if tau is None:
        return None, None, np.ones(1), r * dt, np.zeros(1)
    endless = np.isinf(tau)  # snnTorch's beta of 1, with r = tau / dt
    gain = np.where(endless, 1.0, np.where(endless, 1.0, r) * dt / tau)
    current: tuple = (None, None)
    if tau_syn is not None:
        endless = np.isinf(tau_syn)
        current: tuple = (
            1 - dt / tau_syn,
            np.where(endless, 1.0, np.where(endless, 1.0, w_in) * dt / tau_syn),
        )
    return *current, 1 - dt / tau, gain, _leak(node) * dt / tau


def _norse(node: Node, convention: Convention) -> Factors:
    """Norse's steps: as Euler's, but an integrator adds its input itself.

    `norse.to_nir` writes tau = dt / tau_inv where dt is the step's time, not 1 / tau_inv. A time
    constant below the step's time is therefore read as that. The input of such a neuron's current
    is a jump (LIFCell); `norse.from_nir` makes a leaky integrator of it.
    """
    dt, r = _dt(node, convention), node.array("r")
    tau_syn, tau, w_in = _times(node)
    if tau is None:
        return None, None, np.ones(1), r, np.zeros(1)

    def rate(tau: np.ndarray) -> np.ndarray:
        return np.where(tau < dt, dt * dt / tau, dt / tau)

    current: tuple = (None, None)
    if tau_syn is not None:
        current = 1 - rate(tau_syn), w_in * np.where(tau_syn < dt, 1.0, dt / tau_syn)
    return *current, 1 - rate(tau), rate(tau) * r, rate(tau) * _leak(node)


def _sinabs(node: Node, convention: Convention) -> Factors:
    """Exponential decays; the time constants are in steps."""
    dt, r = _dt(node, convention), node.array("r")
    tau_syn, tau, w_in = _times(node)
    if tau is None:
        return None, None, np.ones(1), r, np.zeros(1)
    keep = np.exp(-dt / tau)
    current: tuple = (None, None)
    if tau_syn is not None:
        current = np.exp(-dt / tau_syn), np.exp(-dt / tau_syn) * w_in
    normed = node.kind != "LI" if convention.norm_input is None else convention.norm_input
    gain = (1 - keep if normed else 1.0) * r
    return *current, keep, gain, (1 - keep) * _leak(node)


def _rockpool(node: Node) -> Factors:
    """Exponential decays; r = tau exp(-dt / tau) / dt contains the step's time."""
    tau_syn, tau, w_in = _times(node)
    if tau is None:
        return None, None, np.ones(1), node.array("r"), np.zeros(1)
    dt = tau * _solved(node.array("r"))
    keep = np.exp(-dt / tau)
    if tau_syn is None:
        gain = keep if node.kind == "LI" else np.ones(1)
        return None, None, keep, gain, np.zeros(1)
    current_keep = np.exp(-dt / tau_syn)
    return current_keep, current_keep * w_in, keep, np.ones(1), np.zeros(1)


def _solved(ratio: np.ndarray) -> np.ndarray:
    """Solve exp(-x) / x = ratio for x > 0 by Newton's method on log x + x = -log ratio."""
    x = 1 / (1 + ratio)
    for _ in range(50):
        x = x - (np.log(x) + x + np.log(ratio)) / (1 / x + 1)
        x = np.maximum(x, 1e-12)
    return x
