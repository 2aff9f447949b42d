"""Intervals of every variable and intermediate, from a network's own limits.

They are valid for any images, any seed and any number of steps. Overflow is impossible if every
interval lies in its range. The pages of docs/spec/ define the variables; each name here is
an expression in them.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ipvae.errors import UnprovedOverflowError
from ipvae.network.description import IntNetwork
from ipvae.network.kinds import graded, parts, poisson
from ipvae.network.kinds.intervals import Fact, Values, points, ranges
from ipvae.network.layers import GradedLayer, PoissonLayer
from ipvae.network.proof.interval import Interval, between, weighted_sums
from ipvae.network.rules.activations import ceiling_table, swish_table
from ipvae.network.rules.arithmetic import (
    FRAC_BITS,
    STATE_MAX,
    TERM_MAX,
    clip,
    input_clipped,
    shift,
)
from ipvae.network.rules.poisson import (
    LOG_RATE_MIN,
    SPLIT_ABOVE,
    UNIFORM_VALUES,
    largest_draw,
    octaves_above,
    thresholds,
)
from ipvae.network.schedule import AnyLayer
from ipvae.once import once

STATE = (-STATE_MAX, STATE_MAX)
"""A 24-bit signed variable without -2**23."""

HOST = (-(2**63) + 1, 2**63 - 1)
PRODUCT = (-(2**26) + 1, 2**26 - 1)
WORD = (0, UNIFORM_VALUES - 1)

ROWS = between(0, poisson.ROWS_MAX)
GRADED = ("total - u", "(total - u) >> leak", "|u|", "u", "y", "y + half", "z")

_ALLOWED = {
    "partial p": HOST,
    "p": HOST,
    "q": HOST,
    "q + bias": HOST,
    "b": (-TERM_MAX, TERM_MAX),
    "partial p0": HOST,
    "p0": HOST,
    "q0": HOST,
    "q0 + startBias": HOST,
    "v0": HOST,
    "o": (0, 5),
    "v + 49152": (0, 61440),
    "r": (0, 480),
    "f": (0, 127),
    "(A[r+1] - A[r]) * f": PRODUCT,
    "threshold": (0, UNIFORM_VALUES),
    "c": WORD,
    "U": WORD,
}
"""Ranges other than STATE."""


@dataclass(frozen=True)
class Bound:
    """Reachable interval of a variable, over all neurons of a layer, and its allowed range."""

    variable: str
    low: int
    high: int
    allowed_low: int
    allowed_high: int
    layer: str = "1"

    @property
    def holds(self) -> bool:
        """True if the variable stays in its range."""
        return self.allowed_low <= self.low and self.high <= self.allowed_high

    @property
    def reach(self) -> int:
        """Largest magnitude."""
        return max(-self.low, self.high)

    @property
    def allowed(self) -> int:
        """Largest magnitude allowed."""
        return self.allowed_high


def bounds(network: IntNetwork) -> list[Bound]:
    """Bound every variable and intermediate of every layer, in the order of evaluation.

    Computed once for a network.
    """
    return list(_bounds(network))


@once
def _bounds(network: IntNetwork) -> tuple[Bound, ...]:
    return tuple(
        Bound(name, *i.ends, *_allowed(name, stage.layer), layer=stage.name)
        for stage in network.schedule.stages
        for name, i in _layer(network, stage.layer).items()
    )


def _allowed(name: str, layer: AnyLayer) -> tuple[int, int]:
    if name == "z":
        return (0, layer.count_max) if isinstance(layer, PoissonLayer) else layer.sent
    return allowed(name)


def allowed(name: str) -> tuple[int, int]:
    """Range of a variable other than `z`."""
    return _ALLOWED.get(name, STATE)


def _layer(network: IntNetwork, layer: AnyLayer) -> dict[str, Interval]:
    drive = _drive(network, layer)
    received = _received(network, layer, drive["b"])
    total = received.pop("total")
    start = _start(network, layer) if isinstance(layer, PoissonLayer) else {}
    after = updated(layer, total, draws=isinstance(layer, PoissonLayer))
    return {**drive, **start, **received, **after}


def updated(layer: Any, total: Interval, *, draws: bool) -> dict[str, Interval]:
    """Bound everything from `total` to `z`; of a Poisson layer if it draws, else a graded one."""
    return {**_update(layer, total), **_count(layer)} if draws else _graded(layer, total)


def _start(network: IntNetwork, layer: PoissonLayer) -> dict[str, Interval]:
    """Bound log-rates at row 0 that depend on the image, before their clip."""
    start = layer.start
    if start is None:
        return {}
    partial, p = weighted_sums(start.weight, network.input.minimum, network.input.maximum)
    q = p.through(lambda v: shift(v, start.exponent))
    total = q + between(start.bias, start.bias)
    v = total.through(lambda v: np.where(v < start.threshold, v - start.margin, v))
    return {"partial p0": partial, "p0": p, "q0": q, "q0 + startBias": total, "v0": v}


def _drive(network: IntNetwork, layer: AnyLayer) -> dict[str, Interval]:
    """Bound the drive. The format's ranges keep int64 interval ends below 2**63."""
    constant = between(layer.bias, layer.bias)
    if layer.weight is None:
        return {"b": constant}
    rows = layer.weight.reshape(layer.n_neurons, -1)
    partial, p = weighted_sums(rows, network.input.minimum, network.input.maximum)
    q = p.through(lambda v: shift(v, layer.drive_exp))
    total = q + constant
    b = total.through(lambda v: clip(v, -TERM_MAX, TERM_MAX))
    return {"partial p": partial, "p": p, "q": q, "q + bias": total, "b": b}


def _received(network: IntNetwork, layer: AnyLayer, b: Interval) -> dict[str, Interval]:
    """Bound everything up to the sum of drive and input, `total`."""
    if layer.weight_rec is None:
        return {"total": b}
    partial, a_in = weighted_sums(layer.weight_rec, *network.layers[str(layer.source)].sent)
    # Counts start at 0, so no partial sum reaches further than the whole sum.
    partial = (
        {}
        if isinstance(network.layers[str(layer.source)], PoissonLayer)
        else {"partial a_in": partial}
    )
    return {**partial, "a_in": a_in, **scaled_input(layer, a_in, b)}


def scaled_input(layer: AnyLayer, a_in: Interval, b: Interval) -> dict[str, Interval]:
    """Bound everything from `a_in` to `total`."""
    constants = points(parts.input_constants_of(layer))
    program = replace(poisson.program(), statements=parts.total_input())
    exact = ranges(program, {**constants, "received": a_in, "drive": b}).exact
    if layer.weight_exp >= 0:
        scaled = {"clip(a_in)": exact["left_shift.yes/g.clip"]}
        g = exact["left_shift.yes/g.shl"]
    else:
        scaled = {"a_in >> -e": exact["left_shift.no/g.shr"]}
        g = exact["left_shift.no/g.copy"]
    added = layer.sign > 0
    total = exact["added.yes/total.add" if added else "added.no/total.sub"]
    name = "b + g" if added else "b - g"
    return {**scaled, "g": g, name: total, "total": total}


def _update(layer: PoissonLayer, total: Interval) -> dict[str, Interval]:
    """Bound the update of a Poisson neuron."""
    u, largest = between(layer.u_min, layer.u_max), ceiling_table().max()
    values = points({**poisson.constants_of(layer), **poisson.update_constants_of(layer)})
    values |= {"total": total, "u": u, "z": between(0, layer.count_reach), "row": ROWS}
    # An interpolated entry lies between its two rows.
    facts: dict[str, Fact] = {"ceiling.yes/v.sub": lambda v: v["bent"] - between(0, largest)}
    program = replace(poisson.program(), statements=poisson.update())
    exact = ranges(program, values, facts).exact
    sign = "+" if layer.sign > 0 else "-"
    names = {
        "own": "update.yes/own.mul",
        f"b {sign} g - own": "update.yes/change.sub",
        "d": "update.yes/d.clip" if layer.memory else "memory.no/d0.clip",
        "u + d": "update.yes/v.add" if layer.memory else "memory.no/v.add",
        "C - (u + d)": "ceiling.yes/distance.sub",
        "min(u + d, C) - bump": "ceiling.yes/v.sub",
    }
    return {**{name: exact[of] for name, of in names.items() if of in exact}, "u": u}


def _graded(layer: GradedLayer, total: Interval) -> dict[str, Interval]:
    """Bound update and output of a graded neuron."""
    # A potential with a leak starts at 0 and moves towards the input, never beyond it.
    u = between(np.minimum(total.low, 0), np.maximum(total.high, 0))
    values = points(graded.constants_of(layer)) | {"total": total, "u": u, "row": ROWS}
    facts: dict[str, Fact] = {"update.yes/u.add": lambda _: u, "swish.yes/y.sub": _swish}
    program = replace(graded.program(), statements=[*graded.update(), *graded.output()])
    exact = ranges(program, values, facts).exact
    half = values["half"]
    names = {
        "total - u": "update.yes/way.sub",
        "(total - u) >> leak": "update.yes/way.shr",
        "|u|": "swish.yes/distance.abs",
        "u": "y.copy",
        "y + half": "y.add",
        "z": "z.clip",
    }
    found = {name: exact[of] for name, of in names.items() if of in exact}
    found["y"] = found["y + half"] - half
    return {name: found[name] for name in GRADED if name in found}


def _swish(values: Values) -> Interval:
    """Range of swish: never below the largest entry of its table, and of one sign with `u`."""
    u = values["u"]
    low = np.where(u.low < 0, -int(swish_table().max()), 0)
    return between(low, np.maximum(u.high, 0))


def _count(layer: PoissonLayer) -> dict[str, Interval]:
    """Bound the sampler, at 12 fraction bits. A threshold lies between the values of its two rows.

    Not from the program: position, row and fraction depend on one another, and the octaves on the
    log-rate, which intervals do not see.
    """
    fine = layer.frac_bits - FRAC_BITS
    u_min, u_max = layer.u_min >> fine, layer.u_max >> fine
    u = between(u_min, u_max)
    v = between(u_min, min(u_max, SPLIT_ABOVE))
    o = u.through(octaves_above)
    position = between(v.low - LOG_RATE_MIN, v.high - LOG_RATE_MIN)
    r = position.through(lambda n: shift(n, -7))
    rows = thresholds()[int(r.low) : int(r.high) + 2].astype(np.int64)
    difference = between(np.diff(rows, axis=0).min(), 0)
    product = between(127 * difference.low, 0)
    return {
        "u - 12288 + 4095": between(u.low - SPLIT_ABOVE + 4095, u.high - SPLIT_ABOVE + 4095),
        "o": o,
        "4096 * o": o.through(lambda n: shift(n, 12)),
        "v": v,
        "v + 49152": position,
        "r": r,
        "f": between(0, 127),
        "A[r+1] - A[r]": difference,
        "(A[r+1] - A[r]) * f": product,
        "product >> 7": product.through(lambda n: shift(n, -7)),
        "threshold": between(int(rows.min()), int(rows.max())),
        "c": between(*WORD),
        "U": between(*WORD),
        "total": between(0, largest_draw()),
        "z": between(0, layer.count_reach),
    }


def require_proved(network: IntNetwork) -> None:
    """Raise UnprovedOverflowError if a variable may leave its range; the result is undefined."""
    for bound in bounds(network):
        if not bound.holds:
            raise UnprovedOverflowError(
                f"layer {bound.layer}: {bound.variable} can reach {bound.reach}, "
                f"allowed {bound.allowed}; export again with fewer payload bits or smaller weights"
            )


def saturations(network: IntNetwork, variables: dict[str, np.ndarray], drive: np.ndarray) -> dict:
    """Count recorded values of the code that saturate at a limit the float model does not have.

    Parameters
    ----------
    network : IntNetwork
    variables : dict of (N, T + 1, K) int arrays `a_in`, `u`, `z`
    drive : (N, K) int32

    Returns
    -------
    dict of int
        See `layer_saturations`.
    """
    return layer_saturations(network.layer, variables, drive)


def layer_saturations(
    layer: AnyLayer, variables: dict[str, np.ndarray], drive: np.ndarray
) -> dict[str, int]:
    """Count recorded values of a layer that saturate at a limit the float model does not have.

    Returns
    -------
    dict of int
        `drive` (at its limit), `a_in` (clipped before use), `u` (Poisson: at u_max, where the rate
        saturates) and `z` (at the payload's limit; graded: at z_max, or at z_min below 0).
    """
    z = variables["z"]
    if isinstance(layer, PoissonLayer):
        at_u, at_z = variables["u"] >= layer.u_max, z >= layer.count_max
    else:
        at_u = np.zeros(1, dtype=bool)
        at_z = (z >= layer.z_max) | ((z <= layer.z_min) & (layer.z_min < 0))
    return {
        "drive": int((np.abs(drive) >= TERM_MAX).sum()),
        "a_in": int(input_clipped(variables["a_in"], layer.weight_exp).sum()),
        "u": int(at_u.sum()),
        "z": int(at_z.sum()),
    }
