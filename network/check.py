"""Whether a network fits its target: weight grid, ranges, payload, neurons and memory."""

from dataclasses import asdict, dataclass

import numpy as np

from ipvae.network import limits
from ipvae.network.bounds import Bound, bounds
from ipvae.network.description import IntNetwork
from ipvae.network.errors import InputError
from ipvae.network.layers import PoissonLayer
from ipvae.network.wiring import AnyLayer

TARGETS = ("loihi2",)

WIDEST = ("q + bias", "a_in", "b - g - own", "b + g - own", "u + d", "total - u", "y + half")
"""The intervals that come nearest to their ranges: shown even where they hold."""


@dataclass(frozen=True)
class Line:
    """One limit and what the network needs of it."""

    rule: str
    found: int
    allowed: int
    where: str

    @property
    def holds(self) -> bool:
        """Whether the limit is kept."""
        return self.found <= self.allowed


@dataclass(frozen=True)
class CheckResult:
    """What `ipvae check` reports."""

    target: str
    lines: list[Line]
    bounds: list[Bound]
    cores: limits.CorePlan | None

    @property
    def violations(self) -> list[Line]:
        """Limits that are exceeded."""
        return [line for line in self.lines if not line.holds]

    @property
    def ok(self) -> bool:
        """Whether no limit is exceeded."""
        return not self.violations

    @property
    def overflow_proved(self) -> bool:
        """Whether no variable and no intermediate can leave its range."""
        return all(bound.holds for bound in self.bounds)

    def as_dict(self) -> dict:
        """JSON data: the keys of the command line's contract, and the details behind them."""
        return {
            "ok": self.ok,
            "target": self.target,
            "cores": self.cores.high if self.cores else None,
            "cores_range": [self.cores.low, self.cores.high] if self.cores else None,
            "cores_model": "fitted to public compiler logs, not an Intel figure",
            "violations": [asdict(line) for line in self.violations],
            "overflow_proved": self.overflow_proved,
            "limits": [asdict(line) for line in self.lines],
            "intervals": [asdict(bound) for bound in self.bounds],
        }


def check(network: IntNetwork, target: str = "loihi2") -> CheckResult:
    """Check a network against a target's limits.

    Raises
    ------
    InputError
        If the target is not known.
    """
    if target not in TARGETS:
        raise InputError(f"--target: found '{target}', allowed {', '.join(TARGETS)}")
    proofs = bounds(network)
    lines: list[Line] = []
    plans: list[limits.CorePlan | None] = []
    for name, layer in network.layers.items():
        where = f"layer {name}"
        if layer.weight_rec is not None:
            reach = _reach(layer.weight_rec)
            lines.append(Line("weight_magnitude", reach, 128, f"{where}: weight_rec"))
        payload = _payload_bits(layer)
        lines.append(Line("payload_bits", payload, limits.PAYLOAD_BITS_MAX, f"{where}: z"))
        lines += [
            Line("overflow", b.reach, b.allowed, f"{where}: {b.variable}")
            for b in proofs
            if b.layer == name and (b.variable in WIDEST or not b.holds)
        ]
        memory, plan = _memory(layer, where)
        lines += memory
        plans.append(plan)
    total = None
    if None not in plans:
        total = sum((p for p in plans if p is not None), limits.CorePlan(0, 0))
        where = "layer 1: one chip" if len(plans) == 1 else f"layers 1 to {len(plans)}: one chip"
        lines.append(Line("cores", total.high, limits.USABLE_CORES, where))
    return CheckResult(target, lines, proofs, total)


def _memory(layer: AnyLayer, where: str) -> tuple[list[Line], limits.CorePlan | None]:
    """Cores of one layer, and what the fullest of them holds."""
    n_in = 0 if layer.weight_rec is None else layer.weight_rec.shape[1]
    poisson = isinstance(layer, PoissonLayer)
    words = limits.NEURON_STATE_WORDS if poisson else limits.GRADED_STATE_WORDS
    plan = limits.layer_cores(n_in, layer.n_neurons, words)
    if plan is None:
        found = limits.dense_words(n_in, 1, limits.WEIGHT_BITS + 12)
        place = f"{where}: fan-in of one neuron"
        return [Line("synapse_words_per_core", found, limits.CORE_SYNAPSE_WORDS, place)], None
    most = -(-layer.n_neurons // plan.low)
    place = f"{where}: {layer.n_neurons} neurons on {plan.low} to {plan.high} cores"
    held = limits.dense_words(n_in, -(-layer.n_neurons // plan.high), limits.WEIGHT_BITS + 12)
    return [
        Line("neurons_per_core", most, limits.CORE_NEURONS, place),
        Line("synapse_words_per_core", held, limits.CORE_SYNAPSE_WORDS, place),
    ], plan


def _payload_bits(layer: AnyLayer) -> int:
    """Bits of a message; a signed one has a bit for its sign."""
    if isinstance(layer, PoissonLayer):
        return layer.payload_bits
    low, high = layer.sent
    return max(high, -low - 1).bit_length() + (low < 0)


def _reach(weight: np.ndarray) -> int:
    return int(np.abs(weight.astype(np.int64)).max())
