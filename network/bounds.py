"""Interval bounds of every variable, from a network's own limits.

Holds for any images, any seed and any number of
steps. `proved` is true when no variable can leave its range.
"""

from dataclasses import asdict, dataclass

import numpy as np

from ipvae.network.arithmetic import STATE_MAX, TERM_MAX, input_clipped
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

    def as_dict(self) -> dict:
        """JSON data."""
        return {**asdict(self), "holds": self.holds}


def largest_sum(weight: np.ndarray, count: int) -> int:
    """Largest magnitude of any partial sum of a row of weights times counts in [0, count].

    Terms of one sign can come first in any order, so positive and negative
    terms are bounded apart.
    """
    wide = weight.astype(np.int64)
    up, down = wide.clip(min=0).sum(axis=1), wide.clip(max=0).sum(axis=1)
    return int(max(up.max(), -down.min())) * count


def bounds(network: IntNetwork) -> list[Bound]:
    """Bound every intermediate that is not already bounded by a clip."""
    layer = network.layer
    return [Bound("a_in", largest_sum(layer.weight_rec, layer.count_reach), STATE_MAX)]


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
