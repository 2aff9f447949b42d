"""Whether a network fits its target: weight grid, ranges, payload, neurons and memory."""

from dataclasses import asdict, dataclass

from ipvae.network import limits
from ipvae.network.bounds import Bound, bounds
from ipvae.network.description import LAYER, IntNetwork
from ipvae.network.errors import InputError

TARGETS = ("loihi2",)


@dataclass(frozen=True)
class Violation:
    """A limit that the network exceeds."""

    rule: str
    found: int
    allowed: int
    where: str


@dataclass(frozen=True)
class CheckResult:
    """What `ipvae check` reports."""

    target: str
    bounds: list[Bound]
    cores: limits.CorePlan | None
    violations: list[Violation]

    @property
    def ok(self) -> bool:
        """Whether no limit is exceeded."""
        return not self.violations

    def as_dict(self) -> dict:
        """JSON data: the keys of design.md, section 7, and the details behind them."""
        return {
            "ok": self.ok,
            "target": self.target,
            "cores": self.cores.high if self.cores else None,
            "cores_range": [self.cores.low, self.cores.high] if self.cores else None,
            "cores_model": "fitted to public compiler logs, not an Intel figure",
            "violations": [asdict(v) for v in self.violations],
            "overflow_proved": all(b.holds for b in self.bounds),
            "bounds": [b.as_dict() for b in self.bounds],
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
    violations = [
        Violation("overflow", b.reach, b.allowed, f"layer {LAYER}: {b.variable}")
        for b in proofs
        if not b.holds
    ]
    if layer.payload_bits > limits.PAYLOAD_BITS_MAX:
        violations.append(
            Violation(
                "payload_bits", layer.payload_bits, limits.PAYLOAD_BITS_MAX, f"layer {LAYER}: z"
            )
        )
    if plan is None:
        words = limits.dense_words(layer.n_neurons, 1, limits.WEIGHT_BITS + 12)
        violations.append(
            Violation(
                "synapse_words_per_core",
                words,
                limits.CORE_SYNAPSE_WORDS,
                f"layer {LAYER}: fan-in of one neuron",
            )
        )
    elif plan.high > limits.USABLE_CORES:
        violations.append(
            Violation("cores", plan.high, limits.USABLE_CORES, f"layer {LAYER}: weight_rec")
        )
    return CheckResult(target, proofs, plan, violations)
