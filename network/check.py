"""Whether a network fits its target: weight grid, ranges, payload, neurons and memory."""

from dataclasses import asdict, dataclass

import numpy as np

from ipvae.network import limits
from ipvae.network.bounds import Bound, bounds
from ipvae.network.description import LAYER, IntNetwork
from ipvae.network.errors import InputError

TARGETS = ("loihi2",)

WIDEST = ("q + bias", "a_in", "b - g - own", "u + d")
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
    layer = network.layer
    proofs = bounds(network)
    plan = limits.recurrent_cores(layer.n_neurons)
    lines = [
        Line("weight_magnitude", _reach(layer.weight_rec), 128, f"layer {LAYER}: weight_rec"),
        Line("payload_bits", layer.payload_bits, limits.PAYLOAD_BITS_MAX, f"layer {LAYER}: z"),
        *(
            Line("overflow", b.reach, b.allowed, f"layer {LAYER}: {b.variable}")
            for b in proofs
            if b.variable in WIDEST or not b.holds
        ),
    ]
    if plan is None:
        words = limits.dense_words(layer.n_neurons, 1, limits.WEIGHT_BITS + 12)
        where = f"layer {LAYER}: fan-in of one neuron"
        lines.append(Line("synapse_words_per_core", words, limits.CORE_SYNAPSE_WORDS, where))
    else:
        per_core = -(-layer.n_neurons // plan.low)
        where = f"layer {LAYER}: {layer.n_neurons} neurons on {plan.low} to {plan.high} cores"
        lines.append(Line("neurons_per_core", per_core, limits.CORE_NEURONS, where))
        words = limits.dense_words(layer.n_neurons, -(-layer.n_neurons // plan.high), 20)
        lines.append(Line("synapse_words_per_core", words, limits.CORE_SYNAPSE_WORDS, where))
        lines.append(Line("cores", plan.high, limits.USABLE_CORES, f"layer {LAYER}: one chip"))
    return CheckResult(target, lines, proofs, plan)


def _reach(weight: np.ndarray) -> int:
    return int(np.abs(weight.astype(np.int64)).max())
