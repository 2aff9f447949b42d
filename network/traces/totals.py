"""Totals of a run, sufficient for counting and judging without a trace."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True, eq=False)
class LayerTotals:
    """Totals of one layer over images and the rows 0..T, with its final state.

    Attributes
    ----------
    messages : (K,) int64
        Nonzero outputs of each neuron.
    sizes : (K,) int64
        Sum of their magnitudes; spikes of Poisson neurons.
    saturations : dict of int
        As `ipvae.network.proof.bounds.layer_saturations`.
    u, z : (N, K) int32
        Log-rates or potentials, and outputs, of row T.
    random_words : int
        Uniforms used by its draws (`ipvae.network.rules.poisson.random_words`); replayed draws
        count the same as sampled ones.
    peak : int
        Largest number of messages of one image at one of the rows 0..T-1. Where images stopped
        separately, it may be at the last row of an image that stopped before the others.
    """

    messages: np.ndarray
    sizes: np.ndarray
    saturations: dict[str, int]
    u: np.ndarray
    z: np.ndarray
    random_words: int
    peak: int = 0


@dataclass(frozen=True, eq=False)
class Totals:
    """Totals of a run.

    Attributes
    ----------
    images : int
    steps : int
        Updates after step 0 (T); where images stopped separately, the budget.
    layers : dict of LayerTotals by number
    kept : dict of step -> layer -> (u, z), (N, K) int32 each
        Kept steps as requested; code and read-outs.
    steps_of_each : (N,) int64, optional
        Updates of each image, where images stopped separately: its row T is its last one.
    """

    images: int
    steps: int
    layers: dict[str, LayerTotals]
    kept: dict[int, dict[str, tuple[np.ndarray, np.ndarray]]] = field(default_factory=dict)
    steps_of_each: np.ndarray | None = None

    @property
    def rows(self) -> int:
        """Rows 0..T of all images together."""
        if self.steps_of_each is None:
            return self.images * (self.steps + 1)
        return int(self.steps_of_each.sum()) + self.images

    @property
    def saturations(self) -> dict[str, int]:
        """Saturations, summed over layers."""
        found: dict[str, int] = {}
        for layer in self.layers.values():
            for name, number in layer.saturations.items():
                found[name] = found.get(name, 0) + number
        return found


def joined(parts: Sequence[Totals]) -> Totals:
    """Join the totals of a run's ranges of images, in their order.

    Parameters
    ----------
    parts : one or more Totals
        Totals of one network, with the same steps, kept steps and stop rule.
    """
    first = parts[0]
    layers = {name: _joined_layer([part.layers[name] for part in parts]) for name in first.layers}
    kept = {
        step: {name: _rows([part.kept[step][name] for part in parts]) for name in first.kept[step]}
        for step in first.kept
    }
    each = [part.steps_of_each for part in parts if part.steps_of_each is not None]
    return Totals(
        sum(part.images for part in parts),
        first.steps,
        layers,
        kept,
        np.concatenate(each) if each else None,
    )


def _joined_layer(parts: list[LayerTotals]) -> LayerTotals:
    u, z = _rows([(part.u, part.z) for part in parts])
    return LayerTotals(
        messages=np.sum([part.messages for part in parts], axis=0, dtype=np.int64),
        sizes=np.sum([part.sizes for part in parts], axis=0, dtype=np.int64),
        saturations={
            name: sum(part.saturations[name] for part in parts) for name in parts[0].saturations
        },
        u=u,
        z=z,
        random_words=sum(part.random_words for part in parts),
        peak=max(part.peak for part in parts),
    )


def _rows(pairs: list[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    return np.concatenate([u for u, _ in pairs]), np.concatenate([z for _, z in pairs])
