"""Models and networks with figures of merit, operations and modelled energy by step."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ipvae.energy.counting.workload import work_of
from ipvae.energy.models.table import model_table
from ipvae.evaluation.metrics import quality
from ipvae.evaluation.readouts import judge
from ipvae.network.io.network_file import checksum
from ipvae.network.traces.totals import Totals
from ipvae.workflows import cluster
from ipvae.workflows.evaluables.base import Evaluable, States
from ipvae.workflows.evaluables.least_squares import LeastSquares
from ipvae.workflows.evaluables.maps import EvaluableMaps, MapOperations
from ipvae.workflows.evaluables.model import EvaluableLca, EvaluableModel
from ipvae.workflows.evaluables.network import EvaluableNetwork
from ipvae.workflows.image_input.images import ImagesLike, LabelledImages
from ipvae.workflows.progress import Advance

Point = dict[str, Any]
"""Figures of merit and operations after some number of steps; JSON data."""

OWN, PROBE = "read-out", "probe"
"""Sources of an accuracy: a layer of the network, or a classifier fitted on its code."""


@dataclass(frozen=True, eq=False)
class Costed:
    """Points of a curve, with features for a classifier at each.

    Attributes
    ----------
    points : list of Point
        In increasing order of steps.
    features : dict of step -> (N, K) array
    """

    points: list[Point]
    features: dict[int, np.ndarray]


class CostedModel(ABC):
    """Subject of a comparison.

    Attributes
    ----------
    of : Evaluable
    kind : 'integers' or 'float'
    one_shot : bool
        True for a single-pass model, which gives one point instead of a curve.
    facts : dict
        JSON keys that describe it.
    """

    of: Evaluable
    kind: str = "float"
    one_shot: bool
    facts: Mapping[str, Any]

    @property
    def size(self) -> int:
        """Values of an image."""
        return int(np.prod(self.of.format.shape))

    def seconds(self, images: int, steps: int) -> float:
        """Rough time of a run on this machine, in seconds."""
        return self.of.seconds(images, steps)

    @abstractmethod
    def costed(
        self,
        images: LabelledImages,
        steps: Sequence[int],
        seed: int,
        progress: Advance | None = None,
    ) -> Costed:
        """Return figures and costs after increasing numbers of steps of one run."""


class CostedNetwork(CostedModel):
    """A network, run by the emulator, with exact operation counts."""

    kind = "integers"

    def __init__(self, of: EvaluableNetwork) -> None:
        self.of: EvaluableNetwork = of
        # Read-outs may accumulate the new draws of each step.
        self.one_shot = not (of.network.layer.memory or of.network.readouts)
        self.facts = {"checksum": checksum(of.network)}

    def costed(
        self,
        images: LabelledImages,
        steps: Sequence[int],
        seed: int,
        progress: Advance | None = None,
    ) -> Costed:
        """Return points whose totals equal totals of separate runs of that many steps."""
        of = self.of
        found = cluster.totals_at(of.network, images.pixels, steps, seed, of.scheduler, progress)
        real = of.real(images.pixels)
        points = [self._point(step, totals, real, images.classes) for step, totals in found.items()]
        return Costed(points, {step: of.state(totals)[1] for step, totals in found.items()})

    def _point(self, step: int, totals: Totals, real: np.ndarray, labels: np.ndarray) -> Point:
        network, work = self.of.network, work_of(self.of.network, totals)
        counts, codes = work.counts, totals.layers[network.code].z
        right = [
            readout.get("accuracy")
            for readout in judge(network, self.of.readouts(totals), real, labels)
        ]
        own = next((accuracy for accuracy in right if accuracy is not None), None)
        return {
            "step": step,
            **quality(real, codes, network.decoder),
            **({} if own is None else {"accuracy": own, "accuracy_by": OWN}),
            **costs(counts.synaptic_ops, counts.drive_macs, counts.readout_ops),
            "counts": counts.as_dict(),
            "energy": [row.as_dict() for row in model_table(network, work)[0]],
        }


class CostedFloat(CostedModel):
    """A float model, or LCA on its dictionary, with costs as for networks of one layer."""

    def __init__(self, of: EvaluableModel) -> None:
        from ipvae.float_models.zoo import input_macs

        self.of: EvaluableModel = of
        self.one_shot, self.facts = of.amortized, of.facts
        m, k = of.decoder.shape
        self._input_macs = m * k
        if not isinstance(of, EvaluableLca):
            self._input_macs = input_macs(of.checkpoint.member, of.shape, k)

    def costed(
        self,
        images: LabelledImages,
        steps: Sequence[int],
        seed: int,
        progress: Advance | None = None,
    ) -> Costed:
        """Return points, with nonzero codes counted during inference."""
        found = self.of.infer(images.pixels, list(steps), seed, progress)
        neurons = 0 if self.one_shot else self.of.decoder.shape[1]
        n = len(images.pixels)
        received = {step: neurons * found.sent.before(step) / n for step in steps}
        return _costed(self.of, images.pixels, found.states, received, self._input_macs)


class CostedMaps(CostedModel):
    """A convolutional float model, or LCA on its kernels, with costs of one layer of maps."""

    one_shot = False

    def __init__(self, of: EvaluableMaps) -> None:
        self.of: EvaluableMaps = of
        self.facts = of.facts

    @property
    def size(self) -> int:
        """Values of an image, of all channels."""
        return self.of.canvas.pixels

    def fit_to(self, images: ImagesLike) -> None:
        """Resize the grid of maps to given images."""
        self.of.fit_to(images)

    def costed(
        self,
        images: LabelledImages,
        steps: Sequence[int],
        seed: int,
        progress: Advance | None = None,
    ) -> Costed:
        """Return points, with synaptic operations counted during inference."""
        of, canvas, n = self.of, self.of.canvas, len(images.pixels)
        found = of.infer(images.pixels, list(steps), seed, progress)
        assert isinstance(found.sent, MapOperations)
        each = canvas.image[0] * canvas.kernel**2
        codes = {step: found.states[step][0] for step in steps}
        points: list[Point] = [
            {
                **point,
                **costs(
                    found.sent.operations_before(step) / n,
                    canvas.input_macs,
                    np.count_nonzero(codes[step]) * each / n,
                ),
            }
            for step, point in zip(steps, of.curve(of.real(images.pixels), codes), strict=True)
        ]
        return Costed(points, {step: features for step, (_, features) in found.states.items()})


class CostedLeastSquares(CostedModel):
    """Least squares on the dictionary of a network or model: the limit of dense float codes."""

    def __init__(self, of: Evaluable) -> None:
        self.of = LeastSquares(of)
        self.one_shot, self.facts = True, {}

    def costed(
        self,
        images: LabelledImages,
        steps: Sequence[int],
        seed: int,
        progress: Advance | None = None,  # noqa: ARG002
    ) -> Costed:
        """Return points with the cost of two products, pseudoinverse and decoder: M K each."""
        states = self.of.infer(images.pixels, list(steps), seed).states
        nothing = dict.fromkeys(steps, 0.0)
        return _costed(self.of, images.pixels, states, nothing, self.of.decoder.size)


def _costed(
    of: Evaluable,
    pixels: np.ndarray,
    states: States,
    synaptic_ops: dict[int, float],
    input_macs: int,
) -> Costed:
    """Points of a float model, from its states and operations."""
    real, n_pixels = of.real(pixels), len(of.decoder)
    points = [
        {
            "step": step,
            **quality(real, codes, of.decoder),
            **costs(
                synaptic_ops[step], input_macs, np.count_nonzero(codes) * n_pixels / len(codes)
            ),
        }
        for step, (codes, _) in states.items()
    ]
    return Costed(points, {step: features for step, (_, features) in states.items()})


def costs(synaptic_ops: float, drive_macs: float, readout_ops: float) -> dict[str, float]:
    """Operations per image: between neurons, for the drive, and for one reconstruction."""
    parts = {
        "synaptic_ops": float(synaptic_ops),
        "drive_macs": float(drive_macs),
        "readout_ops": float(readout_ops),
    }
    return {**parts, "operations": sum(parts.values())}
