"""When to stop: the step from which more of them buy next to nothing."""

from collections.abc import Mapping, Sequence

import numpy as np

NEAR = 0.005
"""What R2 may still gain behind the early-stopping point; the one home of this number."""


def stopping_step(points: Sequence[Mapping[str, float]]) -> int | None:
    """Return the early-stopping point: the least step whose R2 is the last R2 less 0.005, or more.

    Only the steps that were looked at can be found, so the coarser they are, the later it is.

    Parameters
    ----------
    points : `step` and `r2` each, rising, as `ipvae.evaluation.metrics.curve` gives them

    Returns
    -------
    None where the last R2 is not a number, as of constant images.

    Raises
    ------
    ValueError
        If there is no point.
    """
    if not points:
        raise ValueError("points are empty; needed is one or more. Look at some steps.")
    last = points[-1]["r2"]
    if not np.isfinite(last):
        return None
    return next(int(point["step"]) for point in points if point["r2"] >= last - NEAR)
