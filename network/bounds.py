"""Interval bounds of every variable, from a network's own limits.

They hold for any images, any seed and any number of steps. Overflow is proved
impossible when every bound holds.
"""

from dataclasses import dataclass

import numpy as np

from ipvae.network.arithmetic import STATE_MAX, TERM_MAX, input_clipped, self_inhibition
from ipvae.network.description import LAYER, IntNetwork
from ipvae.network.errors import UnprovedOverflowError


@dataclass(frozen=True)
class Bound:
    """Largest magnitude that a variable can reach, and what it may."""

    variable: str
    reach: int
    allowed: int

    @property
    def holds(self) -> bool:
        """Whether the variable stays in its range."""
        return self.reach <= self.allowed


def largest_sum(weight: np.ndarray, count: int) -> int:
    """Largest magnitude of any partial sum of a row of weights times counts in [0, count].

    Terms of one sign can come first in any order, so positive and negative
    terms are bounded apart.
    """
    wide = weight.astype(np.int64)
    up, down = wide.clip(min=0).sum(axis=1), wide.clip(max=0).sum(axis=1)
    return int(max(up.max(), -down.min())) * count


def bounds(network: IntNetwork) -> list[Bound]:
    """Bound every 24-bit variable before its clip: input, change (b - g - own) and log-rate."""
    layer = network.layer
    own = int(self_inhibition(layer.self_weight, np.array(layer.count_reach)).max())
    log_rate = max(layer.u_max + layer.du_max, -layer.u_min - layer.du_min)
    return [
        Bound("a_in", largest_sum(layer.weight_rec, layer.count_reach), STATE_MAX),
        Bound("change", 2 * TERM_MAX + own, STATE_MAX),
        Bound("u", log_rate, STATE_MAX),
    ]


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
