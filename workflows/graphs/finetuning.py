"""Fine-tuning of an imported network for few bits."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ipvae.errors import InputError
from ipvae.export.importers.nir_writer import graph_bytes
from ipvae.extras import needs
from ipvae.float_models.nir_graph.model import NirModel
from ipvae.network.network import Network
from ipvae.report.numbers import percent
from ipvae.workflows.boundary import public, require_positive
from ipvae.workflows.graphs.calibration import given_images, input_levels
from ipvae.workflows.graphs.imported import SpikingModel, in_steps, load_graph
from ipvae.workflows.graphs.quantizing import is_imported, quantize_graph
from ipvae.workflows.graphs.relu import is_relu, quantize_relu
from ipvae.workflows.image_input.own_images import as_labels
from ipvae.workflows.progress import Listener, listening, stage
from ipvae.workflows.results import Table

if TYPE_CHECKING:
    from ipvae.train.graphs.finetune import Grid

EPOCHS = 8
WEIGHTED = ("Affine", "Linear", "Conv1d", "Conv2d")


@dataclass(frozen=True, eq=False, repr=False)
class FinetunedModel(SpikingModel):
    """A fine-tuned network, which is used as the one before it.

    Attributes
    ----------
    weight_bits : int
        Bits for which it was trained.
    same_class : (float, float)
        Fraction of the images of which the rounded network decides the class as the given float
        network does, before and after.
    losses : tuple of float
        Mean loss of each epoch in nats: Kullback-Leibler divergence from the float network's
        outputs, with labels the mean of it and their cross-entropy.
    """

    weight_bits: int = 8
    same_class: tuple[float, float] = (1.0, 1.0)
    losses: tuple[float, ...] = ()

    def rows(self) -> list[tuple[str, str]]:
        """Return the main figures: pairs of name and text."""
        before, after = (percent(value, 2) for value in self.same_class)
        return [*super().rows(), (f"same class, {self.weight_bits} bits", f"{before}, now {after}")]

    def to_json(self) -> dict[str, Any]:
        """Return JSON data."""
        course = {"same_class": list(self.same_class), "losses": list(self.losses)}
        return {**super().to_json(), "weight_bits": self.weight_bits, **course}

    def shown(self) -> list[Table | str]:
        """Return the main figures as a table."""
        return [Table("fine-tuned network", ["", ""], [list(row) for row in self.rows()])]


@public
def finetune(
    model: SpikingModel | str | Path,
    images: Any,
    labels: Any = None,
    *,
    weight_bits: int = 4,
    epochs: int = EPOCHS,
    seed: int = 0,
    progress: Listener | None = None,
) -> FinetunedModel:
    """Train an imported network while its weights are rounded, so that few bits lose less.

    The rounded network learns the outputs of the float network, and the labels if there are any.
    The gradient passes the rounding as if there were none, and a spike as an arctangent. Weights
    and biases change; neurons, time constants and the grid of the weights do not. The training
    begins with the weights of `ipvae.quantize`.

    Parameters
    ----------
    model : SpikingModel, or its folder
        From `ipvae.import_model` with `origin`, or from `ipvae.import_torch`.
    images : array or path of an .npy file
        Training images as for `ipvae.quantize`, (n, ...) or (n, steps, ...); the more the better.
    labels : (n,) int, or path of an .npy file with them; optional
    weight_bits : int in [4, 8]
        Bits of the export for which it is trained.
    epochs : int
    seed : int
        Order of the images.
    progress : callable, optional
        As for `ipvae.run`.

    Returns
    -------
    FinetunedModel
        With weights on the grid of `ipvae.quantize(model, images, weight_bits=weight_bits)`.

    Raises
    ------
    InputError, QuantizationError
        If an argument cannot be used, or the network cannot become integers.

    References
    ----------
    Straight-through estimator: arXiv 1308.3432. Distillation: arXiv 1503.02531.
    """
    with needs("train", "finetune"):
        from ipvae.train.graphs.finetune import finetune_graph
    if not is_imported(model):
        raise InputError(
            f"model: found {type(model).__name__}, allowed a network from ipvae.import_model with "
            "origin= or from ipvae.import_torch, or its folder"
        )
    require_positive("epochs", epochs)
    network = model if isinstance(model, SpikingModel) else load_graph(model)
    given, rectified = given_images(images), is_relu(network)
    single = np.prod(given.shape[1:]) == np.prod(network.model.shapes[network.model.graph.input])
    inputs = in_steps(network.model, given, 1 if single and rectified else None)
    pixels = input_levels(given)
    levels = inputs if pixels is None else np.rint(inputs / pixels.scale) * pixels.scale
    quantized = quantize_relu if rectified else quantize_graph
    known = None if labels is None else _checked(as_labels(labels), len(given), network)
    with listening(progress):
        made = quantized(network, given, weight_bits=weight_bits)
        with stage(f"fine-tuning for {weight_bits} bits", epochs) as advance:
            found = finetune_graph(
                network.model,
                levels.astype(np.float32),
                _grids(network.model, made.network, made.layers, 2 ** (weight_bits - 1) - 1),
                known,
                epochs=epochs,
                seed=seed,
                on_epoch=advance,
            )
    return FinetunedModel(
        found.model,
        network.origin,
        graph_bytes(found.model.graph),
        weight_bits=weight_bits,
        same_class=found.same_class,
        losses=tuple(found.losses),
    )


def _checked(labels: np.ndarray | None, n: int, network: SpikingModel) -> np.ndarray:
    """Return labels as int64; raise InputError unless there is a class for each image."""
    classes = int(np.prod(network.model.shapes[network.model.output]))
    if labels is None or labels.shape != (n,) or labels.dtype.kind not in "iu":
        found = "none" if labels is None else f"{labels.dtype} of shape {labels.shape}"
        raise InputError(f"labels: found {found}, allowed integers of shape ({n},)")
    if labels.min() < 0 or labels.max() >= classes:
        raise InputError(
            f"labels: found {labels.min()} to {labels.max()}, allowed 0 to {classes - 1}, the "
            "outputs of the network"
        )
    return labels.astype(np.int64)


def _grids(
    model: NirModel, network: Network, facts: list[dict[str, Any]], end: int
) -> "dict[str, Grid]":
    """Grid and rounded weights of each node in their unit, from the connections.

    A connection may join a node with poolings and scales, which multiply all its weights alike. Two
    nodes with weights in one connection are not rounded one by one, so they have no grid. Weights
    are missing where a connection has another number of them than its node.
    """
    from ipvae.train.graphs.finetune import Grid

    found: dict[str, Grid] = {}
    for layer in facts:
        connections = network.by_id[layer["layer"]].connections
        for one, connection in zip(layer["connections"], connections, strict=True):
            nodes = [model.graph.nodes[name] for name in one["nodes"]]
            weighted = [node for node in nodes if node.kind in WEIGHTED]
            if len(weighted) != 1:
                continue
            weight = weighted[0].array("weight")
            step = one["step"] * float(np.abs(weight).max()) / one["largest"]
            levels = connection.weights.weight // one.get("factor", 1)
            same = levels.size == weight.size
            values = (levels.reshape(weight.shape) * step).astype(np.float32) if same else None
            found[weighted[0].name] = Grid(step, end, values)
    return found
