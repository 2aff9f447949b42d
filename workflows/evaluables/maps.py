"""Convolutional float models, on images of any size."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ipvae.errors import InputError
from ipvae.float_models.checkpoint import Checkpoint
from ipvae.float_models.convolutional.geometry import Canvas
from ipvae.workflows.evaluables.base import DEFAULT_STEPS, Evaluable
from ipvae.workflows.evaluables.model import (
    METRICS,
    CountedInferred,
    NonzeroCodes,
    first_images,
    preset_test_images,
)
from ipvae.workflows.image_input.images import ImagesLike, LabelledImages
from ipvae.workflows.image_input.map_images import map_images, size_of
from ipvae.workflows.image_input.own_images import LabelsLike
from ipvae.workflows.progress import Advance
from ipvae.workflows.running.estimates import steps_seconds

if TYPE_CHECKING:
    from ipvae.float_models.convolutional.lca import ConvolutionalLca


class MapOperations(NonzeroCodes):
    """Nonzero codes of maps, and the synapses that they reach; fewer at borders."""

    def __init__(self, canvas: Canvas) -> None:
        super().__init__()
        maps, *sides = canvas.grid
        rows, columns = (_reached(side, canvas.reach) for side in sides)
        self._fan_out = np.tile(maps * np.outer(rows, columns).ravel(), maps)
        self._reached = NonzeroCodes()

    def __call__(self, step: int, codes: np.ndarray) -> None:
        """Add nonzero codes (N, K) of a step."""
        super().__call__(step, codes)
        self._reached.add(step, int(((codes != 0) @ self._fan_out).sum()))

    def operations_before(self, step: int) -> int:
        """Synaptic operations before the update of a step."""
        return self._reached.before(step)


def _reached(side: int, reach: int) -> np.ndarray:
    """Number of places within `reach` of each place on an axis, (side,) int."""
    places = np.arange(side)
    return np.minimum(places, reach) + np.minimum(places[::-1], reach) + 1


class EvaluableMaps(Evaluable):
    """A trained convolutional model; its decoder is no matrix.

    Parameters
    ----------
    checkpoint : Checkpoint
    name : str
    folder : path, optional
        Folder of its training, with metrics.

    Attributes
    ----------
    canvas : Canvas
        Grid of maps over the images to evaluate, of the training's size at first.
    """

    def __init__(self, checkpoint: Checkpoint, name: str, folder: Path | None = None) -> None:
        self.checkpoint, self.name = checkpoint, name
        self.canvas: Canvas = checkpoint.canvas
        self.preset, self.format = checkpoint.data.preset, checkpoint.data.pixel_format
        self.trained_steps = None if checkpoint.config is None else checkpoint.config.steps
        self.metrics = None if folder is None else folder / METRICS
        self.steps, self.counts = DEFAULT_STEPS, True
        self.facts = {"model": checkpoint.model}

    @property
    def n_neurons(self) -> int:
        """Neurons of an image."""
        return self.canvas.neurons

    def test_images(
        self,
        samples: int | None,
        data_dir: str | Path | None = None,
        images: ImagesLike = None,
        labels: LabelsLike = None,
    ) -> LabelledImages:
        """Given images, of any size, else the test images of its data set."""
        data = self.checkpoint.data
        if images is not None:
            self.fit_to(images)
            found = map_images(images, data, self.canvas.image[1:], labels, samples)
        else:
            found = preset_test_images(self.preset, data_dir)
        return first_images(found, samples)

    def fit_to(self, images: ImagesLike) -> None:
        """Resize the canvas to the size of given images."""
        data = self.checkpoint.data
        self.canvas = self.canvas.resized(*(size_of(images, data.channels) or data.image_shape))
        self.format = replace(self.format, shape=self.canvas.image[1:])

    def infer(
        self,
        pixels: np.ndarray,
        steps: list[int],
        seed: int,
        progress: Advance | None = None,  # noqa: ARG002
    ) -> CountedInferred:
        """Infer codes and features, the rates, after each number of steps."""
        from ipvae.float_models.convolutional.steps import infer

        sent, real = MapOperations(self.canvas), self.real(pixels).astype(np.float32)
        params = self.checkpoint.params
        found = infer(params, self.canvas, real, steps, seed=seed, watch=sent)
        states = {t: (state.counts, np.exp(state.log_rates)) for t, state in found.items()}
        return CountedInferred(states, sent)

    def reconstructions(self, codes: np.ndarray) -> np.ndarray:
        """Images (N, M) of codes (N, K), real pixel values."""
        from ipvae.float_models.convolutional.steps import decode

        return decode(self.checkpoint.params, self.canvas, codes).reshape(len(codes), -1)

    def seconds(self, images: int, steps: int) -> float:
        """Rough time of a run on this machine, if all neurons sent at every step."""
        each = 2 * self.canvas.neurons * self.canvas.maps * self.canvas.span**2
        return steps_seconds(images * steps, each, self.canvas.neurons)

    def prior_images(self, n: int, seed: int) -> np.ndarray:
        """Images drawn from the prior."""
        from ipvae.float_models.convolutional.steps import sample

        return sample(self.checkpoint.params, self.canvas, n, seed)


class EvaluableMapsLca(EvaluableMaps):
    """Sparse codes by LCA on a convolutional model's kernels, scaled to length 1."""

    def __init__(
        self, checkpoint: Checkpoint, name: str, threshold: float, folder: Path | None = None
    ) -> None:
        super().__init__(checkpoint, name, folder)
        self.threshold, self.counts = threshold, False
        self.metrics, self.trained_steps = None, None  # these belong to the model's own inference
        lca = {"inference": "lca", "threshold": threshold, "nonnegative": True}
        self.facts = {**self.facts, **lca}

    @cached_property
    def solver(self) -> "ConvolutionalLca":
        """Kernels prepared for the images to evaluate."""
        from ipvae.float_models.convolutional.lca import ConvolutionalLca

        kernels = self.checkpoint.params["kernels"]
        return ConvolutionalLca(kernels, self.canvas, self.threshold)

    def infer(
        self,
        pixels: np.ndarray,
        steps: list[int],
        seed: int,  # noqa: ARG002
        progress: Advance | None = None,  # noqa: ARG002
    ) -> CountedInferred:
        """Infer codes, which are also the features, after each number of steps."""
        sent = MapOperations(self.canvas)
        found = self.solver.codes(self.real(pixels).astype(np.float32), steps, sent)
        return CountedInferred({step: (codes, codes) for step, codes in found.items()}, sent)

    def reconstructions(self, codes: np.ndarray) -> np.ndarray:
        """Images (N, M) of codes (N, K), real pixel values."""
        from ipvae.float_models.convolutional.steps import decode

        unit = {"kernels": self.solver.kernels}
        return decode(unit, self.canvas, codes).reshape(len(codes), -1)


def refuse_unavailable(given: object, pictures: object, changes: Sequence[object]) -> None:
    """Raise InputError for pictures of a convolutional model, and for changes of colour images."""
    if not isinstance(given, Checkpoint) or not given.member.convolutional:
        return
    if pictures is not None:
        given.require_dictionary("pictures")
    if changes and given.data.channels != 1:
        raise InputError(
            f"changes: found a model of images with {given.data.channels} channels, allowed 1; "
            "omit changes="
        )
