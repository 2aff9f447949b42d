"""Sparse coding of images on a given dictionary with the locally competitive algorithm (LCA)."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from ipvae.errors import DataError


@dataclass(frozen=True, eq=False)
class Lca:
    """Dictionary prepared for LCA.

    Attributes
    ----------
    atoms : (M, K) float64, columns of unit norm; a zero column stays zero
    threshold : L of the penalty, pixel units
    nonnegative : keep codes at 0 and above
    """

    atoms: np.ndarray
    threshold: float
    nonnegative: bool = False

    @property
    def step_size(self) -> float:
        """Euler step in units of the time constant: 1 over the largest eigenvalue of A^T A."""
        return 1.0 / max(1.0, float(np.linalg.norm(self.atoms, 2)) ** 2)

    def code(self, u: np.ndarray) -> np.ndarray:
        """Return the soft-thresholded potential: sign(u) max(|u| - L, 0)."""
        above = np.maximum(u - self.threshold, 0.0)
        return above if self.nonnegative else above - np.maximum(-u - self.threshold, 0.0)

    def objective(self, images: np.ndarray, codes: np.ndarray) -> np.ndarray:
        """Return |x - A a|^2 / 2 + L |a|_1 of each image, (N,)."""
        residual = images - codes @ self.atoms.T
        return 0.5 * np.square(residual).sum(axis=1) + self.threshold * np.abs(codes).sum(axis=1)


def lca(phi: np.ndarray, threshold: float, *, nonnegative: bool = False) -> Lca:
    """Prepare a dictionary; its columns are scaled to unit norm, as the algorithm requires.

    Parameters
    ----------
    phi : (M, K)
    threshold : above 0, in the units of pixels

    Raises
    ------
    DataError
        If the threshold is not above 0.
    """
    if not 0 < threshold < np.inf:
        raise DataError(
            f"threshold is {threshold}; allowed are numbers above 0, in the units of pixels. "
            "Pass for example 0.1."
        )
    phi = phi.astype(np.float64)
    norms = np.linalg.norm(phi, axis=0)
    return Lca(phi / np.where(norms > 0, norms, 1.0), threshold, nonnegative)


def lca_codes(
    solver: Lca,
    images: np.ndarray,
    steps: Iterable[int],
    watch: Callable[[int, np.ndarray], None] | None = None,
) -> dict[int, np.ndarray]:
    """Return codes (N, K) float64 after the given numbers of steps, starting at u = 0.

    u' = u + h ( A^T x - u - (A^T A - 1) a ),  a = soft threshold of u

    Its fixed points are the minima of `Lca.objective`.

    Parameters
    ----------
    solver : see `lca`
    images : (N, M), real units
    steps : 0 or more each
    watch : callback with the number and the codes of every step from 0 to the last

    Raises
    ------
    DataError
        If the images do not have the dictionary's M pixels, or a step is negative.

    References
    ----------
    Rozell, Johnson, Baraniuk, Olshausen, "Sparse coding via thresholding and local competition
    in neural circuits", Neural Computation 20(10), 2008, eq. 3.1 and 3.2.
    """
    wanted = sorted(set(steps))
    if images.ndim != 2 or images.shape[1] != solver.atoms.shape[0]:
        raise DataError(
            f"images are {images.shape}; the dictionary needs (N, {solver.atoms.shape[0]}). "
            "Pass images of its size."
        )
    if not wanted or wanted[0] < 0:
        raise DataError(
            f"steps are {wanted}; allowed are numbers of 0 and above. Give at least one."
        )
    drive = images.astype(np.float64) @ solver.atoms
    competition = solver.atoms.T @ solver.atoms - np.eye(drive.shape[1])
    step_size, kept = solver.step_size, {}
    u = np.zeros_like(drive)
    for step in range(wanted[-1] + 1):
        a = solver.code(u)
        if watch is not None:
            watch(step, a)
        if step in wanted:
            kept[step] = a
        u = u + step_size * (drive - u - a @ competition)
    return kept
