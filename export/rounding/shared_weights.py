"""Rounding of weights that all places of the maps share, on the moments of the maps.

A place receives the counts of C maps at span x span places around it: J = C span^2 presynaptic
taps, with the same C x J weights everywhere. Their covariance follows from the covariances of two
maps at two places, which depend on the distance of the places alone.
"""

from dataclasses import dataclass

import numpy as np

from ipvae.export.rounding.optq import compensated
from ipvae.export.rounding.power_of_two_scale import recurrent_grid
from ipvae.network.layers import WEIGHT_EXP_RANGE

MOST_TAPS = 6144
"""Largest J that is rounded with compensation; the covariance then takes 300 MB, four times."""
TOGETHER = 64
"""Maps of images and steps whose spectra are in memory at a time."""
FREQUENCIES = 32
"""Samples of each of the two frequencies, for the spectrum of the weights."""
RAISE = 0.5
"""Raise of self-inhibition, relative to the least eigenvalue that rounding leaves.

Rounding makes combinations of maps excite themselves, and their counts diverge after hundreds of
steps. On models/photographs, 8 training crops, 1024 steps, counts diverge at 4 and 5 bits with 0
and 1/10, and with compensation with 1/4. With 1/2 and 1, R2 is .864 and .860 at 8 bits, .852 and
.846 at 6 bits, .816 and .784 at 4 bits; the float model has .867. With 1 the inhibition is positive
semidefinite on images of any size.
"""
NAME = "weight"


@dataclass(frozen=True, eq=False)
class MapMoments:
    """Mean of each map, and covariances of two maps at two places.

    Attributes
    ----------
    mean : (C,) float64
    covariance : (C, C, 2 span - 1, 2 span - 1) float64
        [m, n, span - 1 + y, span - 1 + x]: of map m at a place, and of map n at the place y rows
        below and x columns to the right. Outside the maps is the mean, so that the covariance of
        all taps is positive semidefinite.
    """

    mean: np.ndarray
    covariance: np.ndarray

    @classmethod
    def of(cls, counts: np.ndarray, span: int) -> "MapMoments":
        """Return the moments of counts (n, C, H, W)."""
        n, maps, height, width = counts.shape
        mean = counts.mean(axis=(0, 2, 3), dtype=np.float64)
        sides = (height + span - 1, width + span - 1)
        spectra = np.zeros((sides[0], sides[1] // 2 + 1, maps, maps), np.complex128)
        for first in range(0, n, TOGETHER):
            part = counts[first : first + TOGETHER] - mean[:, None, None]
            waves = np.fft.rfft2(part, s=sides).transpose(2, 3, 1, 0)  # (.., .., C, n)
            spectra += waves.conj() @ waves.transpose(0, 1, 3, 2)
        products = np.fft.irfft2(spectra.transpose(2, 3, 0, 1), s=sides) / (n * height * width)
        places = np.arange(1 - span, span)
        return cls(mean, products[:, :, places[:, None], places])

    def of_taps(self) -> np.ndarray:
        """Covariance of all taps in the order of `taps`, (J, J) float64."""
        span = (self.covariance.shape[2] + 1) // 2
        maps, rows, columns = taps(len(self.mean), span)
        down = rows[None, :] - rows[:, None] + span - 1
        right = columns[None, :] - columns[:, None] + span - 1
        return self.covariance[maps[:, None], maps[None, :], down, right]


def taps(maps: int, span: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return map, row and column of each tap, (J,) int each, with the place itself first."""
    grid = np.moveaxis(np.indices((span, span, maps)), 0, -1).reshape(-1, 3)
    itself = (grid[:, :2] == span // 2).all(axis=1)
    ordered = np.concatenate([grid[itself], grid[~itself]])
    return ordered[:, 2], ordered[:, 0], ordered[:, 1]


@dataclass(frozen=True, eq=False)
class SharedWeights:
    """Rounded weights of the maps.

    Attributes
    ----------
    weight : (C, C, span, span) int16
        Receiving map first; 0 where a neuron receives itself.
    exponent : int
        Real values are weight * 2**exponent.
    own : (C,) float64
        Effect of a neuron on itself, before it is raised.
    """

    weight: np.ndarray
    exponent: int
    own: np.ndarray

    @property
    def raised(self) -> np.ndarray:
        """Effect of a neuron on itself, raised against combinations that excite themselves."""
        return self.own + RAISE * max(0.0, -least_eigenvalue(self.real))

    @property
    def real(self) -> np.ndarray:
        """Real values with the effect of a neuron on itself, (C, C, span, span) float64."""
        found = self.weight * 2.0**self.exponent
        _of_itself(found)[...] = self.own
        return found


def round_shared(gram: np.ndarray, bits: int, moments: MapMoments | None) -> SharedWeights:
    """Round the kernels of the inhibition; a neuron's effect on itself is stored apart.

    Parameters
    ----------
    gram : (C, C, span, span) float64
        Receiving map first; odd span.
    bits : int in 2..8
    moments : MapMoments, optional
        Counts of the float model: weights are rounded with compensation
        (`ipvae.export.rounding.optq`). Without, or with more than MOST_TAPS taps, each is rounded
        to nearest.

    Raises
    ------
    QuantizationError
        If the values are too large for the allowed exponents.
    """
    maps, span = len(gram), gram.shape[2]
    if moments is None or maps * span**2 > MOST_TAPS:
        apart = gram.copy()
        _of_itself(apart)[...] = 0.0
        weight, exponent = recurrent_grid(apart, bits, WEIGHT_EXP_RANGE, NAME)
        return SharedWeights(weight, exponent, _of_itself(gram).copy())
    sender, row, column = taps(maps, span)
    values = gram[:, sender, row, column]
    runs, exponent = compensated(values, moments.of_taps(), bits, WEIGHT_EXP_RANGE, NAME, own=True)
    own = np.diag(runs).copy()
    np.fill_diagonal(runs, 0.0)
    weight = np.zeros(gram.shape, np.int16)
    weight[:, sender, row, column] = np.rint(runs / 2.0**exponent).astype(np.int16)
    return SharedWeights(weight, exponent, own)


def least_eigenvalue(kernels: np.ndarray) -> float:
    """Return the least eigenvalue of the symmetric part of an inhibition, on an unlimited grid.

    A convolution is diagonal in frequency: at each one the maps are coupled by a matrix (C, C), the
    Fourier transform of the kernels. On a finite grid the least eigenvalue is not lower.

    Parameters
    ----------
    kernels : (C, C, span, span) float64
    """
    span = kernels.shape[2]
    n = max(FREQUENCIES, 2 * span)
    waves = np.exp(-2j * np.pi * np.outer(np.arange(n), np.arange(span) - span // 2) / n)
    along = np.einsum("mnef,xf->xmne", kernels, waves, optimize=True)
    least = np.inf
    for row in waves[: n // 2 + 1]:  # the other half is conjugate
        spectra = along @ row
        symmetric = (spectra + spectra.conj().transpose(0, 2, 1)) / 2
        least = min(least, float(np.linalg.eigvalsh(symmetric)[:, 0].min()))
    return least


def _of_itself(kernels: np.ndarray) -> np.ndarray:
    """View of the weights with which each neuron receives itself, (C,)."""
    middle = kernels.shape[2] // 2
    return np.einsum("mm->m", kernels[:, :, middle, middle])
