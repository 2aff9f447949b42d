"""Intervals of every variable and intermediate, from a network's own limits.

They hold for any images, any seed and any number of steps. Overflow is proved
impossible when every interval lies in its range. Sections 2, 3, 5 and 6 of
docs/arithmetic.md define the variables; a name here is an expression there.
"""

from dataclasses import dataclass

import numpy as np

from ipvae.network.arithmetic import (
    STATE_MAX,
    TERM_MAX,
    clip,
    input_clipped,
    input_limit,
    scale_input,
    self_inhibition,
    shift,
)
from ipvae.network.description import LAYER, IntNetwork, PoissonLayer
from ipvae.network.errors import UnprovedOverflowError
from ipvae.network.interval import Interval, between, weighted_sums
from ipvae.network.poisson import (
    LOG_RATE_MIN,
    SPLIT_ABOVE,
    UNIFORM_VALUES,
    largest_draw,
    octaves_above,
    thresholds,
)

STATE = (-STATE_MAX, STATE_MAX)
"""A 24-bit signed variable, -2**23 left out."""

HOST = (-(2**63) + 1, 2**63 - 1)
PRODUCT = (-(2**26) + 1, 2**26 - 1)
WORD = (0, UNIFORM_VALUES - 1)

_ALLOWED = {
    "partial p": HOST,
    "p": HOST,
    "q": HOST,
    "q + bias": HOST,
    "b": (-TERM_MAX, TERM_MAX),
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
    """What a variable can reach, over all neurons, and what it may."""

    variable: str
    low: int
    high: int
    allowed_low: int
    allowed_high: int

    @property
    def holds(self) -> bool:
        """Whether the variable stays in its range."""
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
    """Bound every variable and intermediate, in the order of evaluation."""
    drive = _drive(network)
    found = {**drive, **_update(network.layer, drive["b"]), **_count(network.layer)}
    allowed = {**_ALLOWED, "z": (0, network.layer.count_max)}
    return [Bound(name, *i.ends, *allowed.get(name, STATE)) for name, i in found.items()]


def _drive(network: IntNetwork) -> dict[str, Interval]:
    """Section 2. The format's ranges keep the int64 ends themselves below 2**63."""
    layer = network.layer
    partial, p = weighted_sums(layer.weight, network.input.minimum, network.input.maximum)
    q = p.through(lambda v: shift(v, layer.drive_exp))
    total = q + between(layer.bias, layer.bias)
    b = total.through(lambda v: clip(v, -TERM_MAX, TERM_MAX))
    return {"partial p": partial, "p": p, "q": q, "q + bias": total, "b": b}


def _update(layer: PoissonLayer, b: Interval) -> dict[str, Interval]:
    """Section 3. Counts start at 0, so the partial sums of `a_in` reach no further than it."""
    e = layer.weight_exp
    _, a_in = weighted_sums(layer.weight_rec, 0, layer.count_reach)
    if e >= 0:
        limit = input_limit(e)
        scaled = {"clip(a_in)": a_in.through(lambda v: clip(v, -limit, limit))}
    else:
        scaled = {"a_in >> -e": a_in.through(lambda v: shift(v, e))}
    g = a_in.through(lambda v: scale_input(v, e))
    own = between(0, self_inhibition(layer.self_weight, np.array(layer.count_reach)))
    d = (b - g - own).through(lambda v: clip(v, layer.du_min, layer.du_max))
    u = between(layer.u_min, layer.u_max)
    return {
        "a_in": a_in,
        **scaled,
        "g": g,
        "own": own,
        "b - g": b - g,
        "b - g - own": b - g - own,
        "d": d,
        "u + d": u + d,
        "u": u,
    }


def _count(layer: PoissonLayer) -> dict[str, Interval]:
    """Section 5. A threshold lies between the entries of its two rows."""
    u = between(layer.u_min, layer.u_max)
    v = between(layer.u_min, min(layer.u_max, SPLIT_ABOVE))
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
        "threshold": between(rows.min(), rows.max()),
        "c": between(*WORD),
        "U": between(*WORD),
        "total": between(0, largest_draw()),
        "z": between(0, layer.count_reach),
    }


def require_proved(network: IntNetwork) -> None:
    """Raise UnprovedOverflowError if a variable may leave its range: that has no defined result."""
    for bound in bounds(network):
        if not bound.holds:
            raise UnprovedOverflowError(
                f"layer {LAYER}: {bound.variable} can reach {bound.reach}, "
                f"allowed {bound.allowed}; export again with fewer payload bits or smaller weights"
            )


def saturations(network: IntNetwork, variables: dict[str, np.ndarray], drive: np.ndarray) -> dict:
    """Count recorded values that stand at a limit which the trained model does not have.

    Parameters
    ----------
    network : IntNetwork
    variables : dict of (N, T + 1, K) int arrays `a_in`, `u`, `z`
    drive : (N, K) int32

    Returns
    -------
    dict of int
        `drive` (at its limit), `a_in` (clipped before it acts), `u` (at u_max: the rate
        saturates) and `z` (at the payload's limit).
    """
    layer = network.layer
    return {
        "drive": int((np.abs(drive) >= TERM_MAX).sum()),
        "a_in": int(input_clipped(variables["a_in"], layer.weight_exp).sum()),
        "u": int((variables["u"] >= layer.u_max).sum()),
        "z": int((variables["z"] >= layer.count_max).sum()),
    }
