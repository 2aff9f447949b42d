"""Integer networks, evaluated by the emulator."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ipvae.evaluation.prior import prior_samples
from ipvae.evaluation.readouts import judge, readout_names
from ipvae.network.description import IntNetwork
from ipvae.network.layers import PoissonLayer
from ipvae.network.pixels import to_real
from ipvae.network.rules.arithmetic import to_nats
from ipvae.network.traces.totals import Totals
from ipvae.workflows import cluster
from ipvae.workflows.evaluables.averaging import AveragedCounts
from ipvae.workflows.evaluables.base import Evaluable, Inferred
from ipvae.workflows.image_input.images import (
    ImagesLike,
    LabelledImages,
    network_images,
    network_preset,
)
from ipvae.workflows.image_input.own_images import LabelsLike
from ipvae.workflows.progress import Advance
from ipvae.workflows.running.estimates import run_seconds
from ipvae.workflows.running.stopping import StopChoice, stop_figures

if TYPE_CHECKING:
    from ipvae.emulator import Stopped


@dataclass(frozen=True, eq=False)
class NetworkInferred(Inferred):
    """Codes of a network's run.

    Attributes
    ----------
    network : IntNetwork
    readouts : dict of layer -> (N, n) int32
        Last output of each read-out.
    choice, stopped : StopChoice and Stopped, or None
        Rule and result of early stopping for each image.
    """

    network: IntNetwork
    readouts: dict[str, np.ndarray]
    choice: StopChoice | None = None
    stopped: "Stopped | None" = None

    def figures(self, images: LabelledImages) -> dict[str, Any]:
        """Figures of early stopping and read-outs; a network has no likelihood."""
        found: dict[str, Any] = {}
        if self.choice is not None and self.stopped is not None:
            found["stop"] = stop_figures(self.network, self.choice, self.stopped)
        if self.readouts:
            real = to_real(images.pixels, self.network.input)
            found["readouts"] = judge(self.network, self.readouts, real, images.classes)
        return found


class EvaluableNetwork(Evaluable):
    """An integer network.

    Parameters
    ----------
    network : IntNetwork
    name : str
    scheduler : str, optional
        Cluster on which it runs (`ipvae.workflows.cluster`).
    stop : StopChoice, optional
        Rule of early stopping for each image.
    """

    def __init__(
        self,
        network: IntNetwork,
        name: str,
        scheduler: str | None = None,
        stop: StopChoice | None = None,
    ) -> None:
        self.network, self.name = network, name
        self.scheduler = scheduler
        self._stop = stop
        self.decoder, self.format = network.decoder, network.input
        self.preset = network_preset(network)
        self.counts = network.draws
        self.facts = {}

    def seconds(self, images: int, steps: int) -> float:
        """Rough time of a run on this machine, in seconds."""
        return run_seconds(self.network, images, steps)

    def test_images(
        self,
        samples: int | None,
        data_dir: str | Path | None = None,
        images: ImagesLike = None,
        labels: LabelsLike = None,
    ) -> LabelledImages:
        """Given images, else images of its data set, else images in the network."""
        return network_images(self.network, samples, data_dir, images, labels=labels)

    def infer(
        self, pixels: np.ndarray, steps: list[int], seed: int, progress: Advance | None = None
    ) -> NetworkInferred:
        """Infer counts and rates after each number of steps, or when each image stops."""
        if self._stop is not None:
            return self._infer_to_rest(self._stop, pixels, steps[-1], seed, progress)
        totals = cluster.totals(
            self.network, pixels, steps[-1], seed, self.scheduler, steps, progress
        )
        code, last = self.network.code, totals.kept[steps[-1]]
        states = {step: self._state(*totals.kept[step][code]) for step in steps}
        readouts = {name: last[name][1] for name in readout_names(self.network)}
        return NetworkInferred(states, self.network, readouts)

    def averaged(self, pixels: np.ndarray, steps: list[int], seed: int) -> dict[int, np.ndarray]:
        """Codes averaged over the last quarter of each number of steps, run in this process."""
        from ipvae.emulator import Emulator
        from ipvae.emulator.observing import observe

        network = self.network
        means = AveragedCounts(network.code, network.n_neurons, tuple(steps))
        return observe(Emulator(network), pixels, steps[-1], seed, [means])[1][0]

    def _infer_to_rest(
        self,
        stop: StopChoice,
        pixels: np.ndarray,
        budget: int,
        seed: int,
        progress: Advance | None,
    ) -> NetworkInferred:
        """Infer counts and rates with early stopping of each image."""
        found = cluster.stopped(self.network, pixels, budget, seed, self.scheduler, stop, progress)
        states, readouts = {budget: self.state(found.totals)}, self.readouts(found.totals)
        return NetworkInferred(states, self.network, readouts, stop, found)

    def state(self, totals: Totals) -> tuple[np.ndarray, np.ndarray]:
        """Codes and features of a run's last row."""
        code = totals.layers[self.network.code]
        return self._state(code.u, code.z)

    def readouts(self, totals: Totals) -> dict[str, np.ndarray]:
        """Output of each read-out in the last row of a run."""
        return {name: totals.layers[name].z for name in readout_names(self.network)}

    def _state(self, u: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Codes and rates; a code without random draws is also the feature."""
        layer = self.network.layer
        if not isinstance(layer, PoissonLayer):
            return z, z.astype(np.float64)
        return z, np.exp(to_nats(u, layer.frac_bits))

    def prior_images(self, n: int, seed: int) -> np.ndarray:
        """Images drawn from the prior."""
        layer = self.network.layer
        if not isinstance(layer, PoissonLayer):
            return np.zeros((n, self.network.n_pixels))  # a sparse code starts at zero
        return prior_samples(to_nats(layer.u_init, layer.frac_bits), self.decoder, n, seed)
