"""Sparsity of a code over images and over neurons, and its active latents."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Sparsity:
    """Sparsity of the counts of some images.

    Attributes
    ----------
    lifetime : mean over active latents of selectivity over images; nan if none are active
    population : mean over images of selectivity over active latents; nan if none are active
    active : latents with at least one count in one of the images
    dead : all other latents
    images : number of images; with few, a rare latent counts as dead
    """

    lifetime: float
    population: float
    active: int
    dead: int
    images: int


def sparsity(counts: np.ndarray) -> Sparsity:
    """Return lifetime and population sparsity, and the numbers of active and dead latents.

    Dead latents are excluded from both means, as in the authors' iterative code. That code detects
    them by the norm of the decoder's columns; here a latent is dead if its count is 0 for every
    image.

    Parameters
    ----------
    counts : (N, K) spike counts, 0 or more

    Raises
    ------
    ValueError
        If there are no counts, or one is negative.

    References
    ----------
    Vinje and Gallant, Science 287 (2000) 1273, the form of Treves and Rolls, Network 2 (1991) 371.
    """
    if counts.ndim != 2 or counts.size == 0:
        raise ValueError(
            f"counts: found {counts.shape}, allowed (N, K), both above 0; pass some images"
        )
    if counts.min() < 0:
        raise ValueError(
            f"counts: found {counts.min()}, allowed 0 and above; omit it for signed codes"
        )
    active = counts.any(axis=0)
    used = counts[:, active]
    n_active = int(active.sum())
    return Sparsity(
        lifetime=float(selectivity(used.T).mean()) if n_active else float("nan"),
        population=float(selectivity(used).mean()) if n_active else float("nan"),
        active=n_active,
        dead=active.size - n_active,
        images=len(counts),
    )


def selectivity(responses: np.ndarray) -> np.ndarray:
    """Return the selectivity of each row: 1 for a single nonzero response, 0 for equal responses.

    S = (1 - mean(r)^2 / mean(r^2)) / (1 - 1 / n). A row without response gets 1, as in the authors'
    code; so does a row of length 1, for which the formula is undefined.

    Parameters
    ----------
    responses : (rows, n), 0 or more

    Returns
    -------
    (rows,) float64 in [0, 1]
    """
    n = responses.shape[1]
    r = responses.astype(np.float64)
    square = np.square(r).mean(axis=1)
    found = np.ones(len(r))
    if n > 1:
        spoke = square > 0
        spread = 1.0 - np.square(r.mean(axis=1)[spoke]) / square[spoke]
        found[spoke] = np.clip(spread / (1.0 - 1.0 / n), 0.0, 1.0)
    return found
