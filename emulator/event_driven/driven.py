"""Poisson and graded neurons of a layer in all images of a tile, row by row."""

from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from ipvae.emulator.event_driven import driven_rows
from ipvae.emulator.event_driven.packing import Places
from ipvae.network.kinds import GradedNeuron, NeuronKind, PoissonNeuron
from ipvae.network.rules.activations import SWISH, ceiling_table, swish_table
from ipvae.network.rules.poisson import thresholds


class DrivenRows(ABC):
    """Interface of `ByProgram`, with compiled rows.

    Parameters
    ----------
    kind : PoissonNeuron or GradedNeuron
    places : Places
    biases : (width,) int32, packed
        Not used: the drive contains them.
    images : int
    """

    def __init__(self, kind: Any, places: Places, biases: np.ndarray, images: int) -> None:
        self._places, n = places, places.n
        self._own: dict[str, Any] = kind.neuron_constants(places.unpacked(biases))
        self._start = kind.start(n).get("u", np.zeros(n, np.int64))
        self._u, self._z = np.zeros((2, images, n), np.int32)
        self._images, self._row = images, 0
        self.limits = np.zeros(4, np.int64)
        self._numbers = np.array(self._parameters(kind), np.int64)
        self.begin()

    @abstractmethod
    def _parameters(self, kind: Any) -> list[int]:
        """Return the numbers of a layer in the order of the compiled row."""

    def begin(self, keys: np.ndarray | None = None) -> None:
        """Reset all states; `keys` of the images, (images, 2), for neurons that draw."""
        self._u[:], self._z[:], self._row = self._start, 0, 0
        self._keys = np.zeros((self._images, 2), np.uint64)
        if keys is not None and len(keys):
            self._keys[:] = keys

    def row(
        self, sums: np.ndarray, drive: np.ndarray | None = None
    ) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Update all images once; see `ByProgram.row`."""
        assert drive is not None
        self._advance(self._places.unpacked(sums), np.ascontiguousarray(drive))
        self._row += 1
        return self._places.packed(self._z), {"u": self._places.packed(self._u)}

    @abstractmethod
    def _advance(self, a_in: np.ndarray, drive: np.ndarray) -> None:
        """Run the compiled row on what arrived, (images, n) int32, and the drive, the same."""


class PoissonRows(DrivenRows):
    """Poisson neurons."""

    def _parameters(self, kind: PoissonNeuron) -> list[int]:
        names = ("u_init", "self_weight", "own_limit")
        self._each = np.stack([self._own[name] for name in names])
        self._words = np.stack([self._own["neuron_a"], self._own["neuron_b"]]).astype(np.uint64)
        return [
            *(kind.weight_exp, kind.sign, kind.memory, kind.ceiling, kind.frac_bits - 12),
            *(kind.u_min, kind.u_max, kind.du_min, kind.du_max, (1 << kind.payload_bits) - 1),
        ]

    def _advance(self, a_in: np.ndarray, drive: np.ndarray) -> None:
        given = self._u, self._z, a_in, drive, self._numbers, self._each, self._words, self._keys
        tables = thresholds(), ceiling_table()
        driven_rows.poisson_row(*given, self._row, *tables, self.limits)


class GradedRows(DrivenRows):
    """Graded neurons."""

    def _parameters(self, kind: GradedNeuron) -> list[int]:
        swish = int(kind.activation == SWISH)
        return [
            *(kind.weight_exp, kind.sign, kind.leak, swish),
            *(kind.threshold, kind.shift, kind.z_min, kind.z_max),
        ]

    def _advance(self, a_in: np.ndarray, drive: np.ndarray) -> None:
        given = self._u, self._z, a_in, drive, self._numbers
        driven_rows.graded_row(*given, self._row, swish_table(), self.limits)


ROWS: dict[type[NeuronKind], type[DrivenRows]] = {
    PoissonNeuron: PoissonRows,
    GradedNeuron: GradedRows,
}
"""Kinds with compiled rows; their neurons have drives."""
LIMITS = ("a_in", "u", "z")
"""Variables that are counted at limits."""
