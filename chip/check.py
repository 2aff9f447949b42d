"""Check of a network against its target: weight grid, ranges, payload, neurons and memory."""

from dataclasses import asdict, dataclass

import numpy as np

from ipvae.chip import limits
from ipvae.chip.core_memory import (
    CONSERVATIVE,
    MODEL,
    READINGS,
    LayerShape,
    core_lines,
    layer_shapes,
    least_cores,
)
from ipvae.chip.limits import LimitCheck
from ipvae.chip.network_check import network_lines, overflow_lines
from ipvae.network.description import IntNetwork
from ipvae.network.layers import PoissonLayer
from ipvae.network.network import Network
from ipvae.network.proof.bounds import Bound, bounds
from ipvae.network.proof.kind_intervals import kind_bounds
from ipvae.network.schedule import AnyLayer

WIDEST = ("q + bias", "a_in", "b - g - own", "b + g - own", "u + d", "total - u", "y + half")
"""Intervals closest to the limits of their ranges: shown even where they hold."""


@dataclass(frozen=True)
class CoreRange:
    """Number of cores under the optimistic and the conservative memory model."""

    low: int
    high: int


@dataclass(frozen=True)
class CheckResult:
    """Result of `ipvae check`."""

    target: str
    lines: list[LimitCheck]
    bounds: list[Bound]
    cores: CoreRange | None

    @property
    def violations(self) -> list[LimitCheck]:
        """Limits that are exceeded."""
        return [line for line in self.lines if not line.holds]

    @property
    def ok(self) -> bool:
        """True if no limit is exceeded."""
        return not self.violations

    @property
    def overflow_proved(self) -> bool:
        """True if no variable and no intermediate can leave its range."""
        return all(bound.holds for bound in self.bounds)

    def as_dict(self) -> dict:
        """JSON data: the keys documented for the command line, and the details behind them."""
        return {
            "ok": self.ok,
            "target": self.target,
            "cores": self.cores.high if self.cores else None,
            "cores_range": [self.cores.low, self.cores.high] if self.cores else None,
            "cores_model": MODEL,
            "violations": [asdict(line) for line in self.violations],
            "overflow_proved": self.overflow_proved,
            "limits": [asdict(line) for line in self.lines],
            "intervals": [asdict(bound) for bound in self.bounds],
        }


def check(network: IntNetwork | Network, target: str = "loihi2") -> CheckResult:
    """Check a network against a target's limits.

    Raises
    ------
    InputError
        If the target is unknown.
    """
    board = limits.target_named(target)
    if isinstance(network, Network):
        memory, cores = _memory(layer_shapes(network), board)
        proofs = kind_bounds(network)  # of CUBA and sigma-delta neurons they may wrap, as in Lava
        lines = [*network_lines(network), *overflow_lines(network, proofs), *memory]
        return CheckResult(target, lines, proofs, cores)
    proofs = bounds(network)
    lines: list[LimitCheck] = []
    for name, layer in network.layers.items():
        where = f"layer {name}"
        if layer.weight_rec is not None:
            reach = _reach(layer.weight_rec)
            lines.append(LimitCheck("weight_magnitude", reach, 128, f"{where}: weight_rec"))
        payload = _payload_bits(layer)
        lines.append(LimitCheck("payload_bits", payload, limits.PAYLOAD_BITS_MAX, f"{where}: z"))
        lines += [
            LimitCheck("overflow", b.reach, b.allowed, f"{where}: {b.variable}")
            for b in proofs
            if b.layer == name and (b.variable in WIDEST or not b.holds)
        ]
    memory, cores = _memory(layer_shapes(network), board)
    return CheckResult(target, lines + memory, proofs, cores)


SHOWN = ("neurons_per_core", "synapse_words_per_core", "shared_words_per_core")
"""Limits of a core that are always shown; others only where they are the closest."""


def _memory(
    shapes: tuple[LayerShape, ...], board: limits.Target
) -> tuple[list[LimitCheck], CoreRange | None]:
    """Usage of each layer's fullest core under the conservative model, and the number of cores."""
    lines: list[LimitCheck] = []
    low = high = 0
    for shape in shapes:
        fewest, most = (least_cores(shape, reading) for reading in READINGS)
        if isinstance(most, LimitCheck):
            return [*lines, most], None
        assert not isinstance(fewest, LimitCheck)  # the optimistic model needs less
        low, high = low + fewest, high + most
        cores = f"{most} core{'s' if most > 1 else ''}"
        if fewest < most:
            cores = f"{fewest} to {cores}"
        where = f"layer {shape.name}: {shape.neurons} neurons on {cores}"
        held = core_lines(shape, -(-shape.neurons // most), CONSERVATIVE, where)
        fullest = max(held, key=lambda line: line.share)
        lines += [line for line in held if line.rule in SHOWN or line is fullest]
    names = [shape.name for shape in shapes]
    where = f"layer {names[0]}" if len(names) == 1 else f"layers {names[0]} to {names[-1]}"
    lines.append(LimitCheck("cores", high, board.cores, f"{where}: {board.title}"))
    return lines, CoreRange(low, high)


def _payload_bits(layer: AnyLayer) -> int:
    """Bits of a message, sign included."""
    if isinstance(layer, PoissonLayer):
        return layer.payload_bits
    low, high = layer.sent
    return max(high, -low - 1).bit_length() + (low < 0)


def _reach(weight: np.ndarray) -> int:
    return int(np.abs(weight.astype(np.int64)).max())
