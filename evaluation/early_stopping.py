"""Early-stopping point: the step after which R2 increases only marginally."""

from collections.abc import Mapping, Sequence

import numpy as np

NEAR = 0.005
"""Maximum increase of R2 after the early-stopping point; the only definition of this value."""


def stopping_step(points: Sequence[Mapping[str, float]]) -> int | None:
    """Return the early-stopping point, the first step whose R2 is at least the last R2 minus 0.005.

    Only evaluated steps qualify, so coarser steps give a later point.

    Parameters
    ----------
    points : `step` and `r2` each, ascending, from `ipvae.evaluation.metrics.curve`

    Returns
    -------
    None if the last R2 is not a number, as for constant images.

    Raises
    ------
    ValueError
        If there are no points.
    """
    if not points:
        raise ValueError("points: found none, allowed one or more")
    last = points[-1]["r2"]
    if not np.isfinite(last):
        return None
    return next(int(point["step"]) for point in points if point["r2"] >= last - NEAR)
