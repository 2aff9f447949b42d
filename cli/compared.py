"""What `ipvae compare` lays side by side: subjects of `ipvae evaluate`, each point priced."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from ipvae.cli.output import Progress
from ipvae.energy.counts import count_totals
from ipvae.energy.models.table import model_table
from ipvae.energy.work import work_of
from ipvae.evaluation.metrics import quality
from ipvae.evaluation.readouts import judge, readout_names
from ipvae.network.file import checksum
from ipvae.network.totals import Totals
from ipvae.workflows import cluster
from ipvae.workflows.subjects import LcaSubject, ModelSubject, NetworkSubject, States, Subject

Point = dict[str, Any]
"""Figures after some number of steps, and what it took to get there; JSON data."""

OWN, PROBE = "read-out", "probe"
"""Who classified: a layer of the network, or a classifier fitted on its code."""


class Compared(Protocol):
    """A subject whose points are priced.

    Attributes
    ----------
    subject : Subject
    kind : 'integers' or 'float'
    one_shot : whether one pass is all there is, so that it is a point and no curve
    facts : JSON keys that say what it is
    """

    subject: Subject
    kind: str
    one_shot: bool
    facts: dict[str, Any]

    def points(
        self,
        pixels: np.ndarray,
        labels: np.ndarray,
        steps: Sequence[int],
        progress: Progress | None = None,
    ) -> list[Point]:
        """Figures and costs of images (N, M) after each of some rising numbers of steps."""
        ...


class Integers(Compared):
    """A network file: run by the emulator to each number of steps, and counted exactly."""

    kind = "integers"

    def __init__(self, subject: NetworkSubject, scheduler: str | None = None) -> None:
        self.subject: NetworkSubject = subject
        self._scheduler = scheduler
        # Read-outs may add up what each step draws anew.
        self.one_shot = not (subject.network.layer.memory or subject.network.readouts)
        self.facts = {"checksum": checksum(subject.network)}

    def points(
        self,
        pixels: np.ndarray,
        labels: np.ndarray,
        steps: Sequence[int],
        progress: Progress | None = None,
    ) -> list[Point]:
        """Each number of steps is a run of its own: the same draws, and totals that end there."""
        of, found = self.subject, []
        for step in steps:
            totals = cluster.totals(
                of.network, pixels, step, of.seed, self._scheduler, progress=progress
            )
            found.append(self._point(step, totals, of.real(pixels), labels))
        return found

    def _point(self, step: int, totals: Totals, real: np.ndarray, labels: np.ndarray) -> Point:
        network = self.subject.network
        counts, work = count_totals(network, totals), work_of(network, totals)
        shown = {name: totals.layers[name].z for name in readout_names(network)}
        right = [found.get("accuracy") for found in judge(network, shown, real, labels)]
        own = next((accuracy for accuracy in right if accuracy is not None), None)
        return {
            "step": step,
            **quality(real, totals.layers[network.code].z, network.decoder),
            **({} if own is None else {"accuracy": own, "accuracy_by": OWN}),
            **_costs(counts.synaptic_ops, counts.drive_macs, counts.readout_ops),
            "counts": counts.as_dict(),
            "energy": [row.as_dict() for row in model_table(network, work)[0]],
        }


class Floats(Compared):
    """A float model, or LCA on its dictionary; costs by the rule of networks of one layer."""

    kind = "float"

    def __init__(self, subject: ModelSubject) -> None:
        from ipvae.float_models.zoo import input_macs

        self.subject: ModelSubject = subject
        self.one_shot = subject.amortized
        self.facts = subject.facts
        m, k = subject.decoder.shape
        self._input_macs = m * k
        if not isinstance(subject, LcaSubject):
            self._input_macs = input_macs(subject.checkpoint.member, subject.shape, k)

    def points(
        self,
        pixels: np.ndarray,
        labels: np.ndarray,  # noqa: ARG002
        steps: Sequence[int],
        progress: Progress | None = None,
    ) -> list[Point]:
        """One run; its codes are counted as they are made."""
        states = self.subject.states(pixels, list(steps), progress)
        neurons = 0 if self.one_shot else self.subject.decoder.shape[1]
        received = {step: neurons * self.subject.sent.before(step) / len(pixels) for step in steps}
        return _points(self.subject, pixels, states, received, self._input_macs)


class LeastSquares(Subject):
    """Codes that lose least on a dictionary: real numbers of any sign and size, z = pinv(Phi) x.

    No code, dense or sparse, has a smaller squared error with this decoder.
    """

    def __init__(self, of: Subject) -> None:
        self._of = of
        self.decoder = of.decoder.astype(np.float64)
        self._encoder = np.linalg.pinv(self.decoder)
        self.name, self.preset = of.name, of.preset
        self.format, self.shape = of.format, of.shape
        self.signed, self.steps, self.counts = of.signed, 1, False
        self.trained_steps = self.metrics = None
        self.facts = {}

    def test_images(
        self, samples: int | None, data_dir: Path | None, images: Path | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Those of the subject that has the dictionary."""
        return self._of.test_images(samples, data_dir, images)

    def real(self, pixels: np.ndarray) -> np.ndarray:
        """Real values of integer pixels."""
        return self._of.real(pixels)

    def states(
        self,
        pixels: np.ndarray,
        steps: list[int],
        progress: Progress | None = None,  # noqa: ARG002
    ) -> States:
        """Codes, which are their own features; steps change nothing."""
        codes = self.real(pixels) @ self._encoder.T
        return dict.fromkeys(steps, (codes, codes))

    def prior_images(self, n: int, seed: int) -> np.ndarray:  # noqa: ARG002
        """Nothing is coded before an image is seen."""
        return np.zeros((n, len(self.decoder)))

    def figures(
        self,
        pixels: np.ndarray,  # noqa: ARG002
        labels: np.ndarray,  # noqa: ARG002
    ) -> tuple[dict[str, Any], str]:
        """Nothing: it has no likelihood."""
        return {}, ""


class Dense(Compared):
    """Least squares on the dictionary of a network or a model: what dense float codes reach."""

    kind = "float"

    def __init__(self, of: Compared) -> None:
        self.subject = LeastSquares(of.subject)
        self.one_shot, self.facts = True, {}

    def points(
        self,
        pixels: np.ndarray,
        labels: np.ndarray,  # noqa: ARG002
        steps: Sequence[int],
        progress: Progress | None = None,  # noqa: ARG002
    ) -> list[Point]:
        """One product with the pseudoinverse, and one with the decoder: M K each."""
        states = self.subject.states(pixels, list(steps))
        nothing = dict.fromkeys(steps, 0.0)
        return _points(self.subject, pixels, states, nothing, self.subject.decoder.size)


def _points(
    subject: Subject,
    pixels: np.ndarray,
    states: States,
    synaptic_ops: dict[int, float],
    input_macs: int,
) -> list[Point]:
    """Points of a float subject from its states, the operations between them and on its images."""
    real, n_pixels = subject.real(pixels), len(subject.decoder)
    return [
        {
            "step": step,
            **quality(real, codes, subject.decoder),
            **_costs(
                synaptic_ops[step], input_macs, np.count_nonzero(codes) * n_pixels / len(codes)
            ),
        }
        for step, (codes, _) in states.items()
    ]


def _costs(synaptic_ops: float, drive_macs: float, readout_ops: float) -> dict[str, float]:
    """Operations of an image: between neurons, on its pixels, and for one reconstruction."""
    parts = {
        "synaptic_ops": float(synaptic_ops),
        "drive_macs": float(drive_macs),
        "readout_ops": float(readout_ops),
    }
    return {**parts, "operations": sum(parts.values())}
