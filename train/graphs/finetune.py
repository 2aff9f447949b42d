"""Training of a graph's weights while they are rounded, with straight-through gradients."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from ipvae.float_models.nir_graph.graph import NirGraph
from ipvae.float_models.nir_graph.model import NirModel
from ipvae.train.graphs.torch_run import Parameters, TorchRun, parameters_of

LARGEST_LOGIT = 4.0
"""Largest logit of an image in the float network, on average."""
BATCH = 50
RATE = 0.02
"""Step of Adam as a fraction of the standard deviation of a node's weights."""
FORWARD = 250
"""Images of a run without gradients."""


@dataclass(frozen=True, eq=False)
class Grid:
    """Rounding of a node's weights.

    Attributes
    ----------
    step : float
    end : int
        Largest level.
    weight : float32 array or None
        Weights on the grid with which the training begins; None: the node's own.
    """

    step: float
    end: int
    weight: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class Finetuned:
    """Result of a training.

    Attributes
    ----------
    model : NirModel
        With weights on the grids.
    same_class : (float, float)
        Fraction of the images of which the rounded network decides the class as the float network
        does, before and after.
    losses : list of float
        Mean loss of each epoch, nats.
    """

    model: NirModel
    same_class: tuple[float, float]
    losses: list[float]


def finetune_graph(
    model: NirModel,
    inputs: np.ndarray,
    grids: Mapping[str, Grid],
    labels: np.ndarray | None = None,
    *,
    epochs: int,
    seed: int,
    on_epoch: Callable[[int], object],
) -> Finetuned:
    """Train weights and biases so that the rounded network decides as the float network does.

    With labels it learns them, too. The grids stay as they are.

    Parameters
    ----------
    model : NirModel
    inputs : (n, steps, *shape) float32
    grids : dict of node -> Grid
        Of the nodes that are rounded.
    labels : (n,) int64, optional
    epochs : int
    seed : int
    on_epoch : callable, called with 1 after each epoch
    """
    real, latent = parameters_of(model), parameters_of(model)
    for name, grid in grids.items():
        if grid.weight is not None:
            latent[name]["weight"] = torch.from_numpy(grid.weight.copy())
    groups = []
    for of in latent.values():
        spread = max(float(of["weight"].std(correction=0)), 1e-6)
        groups.append({"params": list(of.values()), "lr": RATE * spread})
        for value in of.values():
            value.requires_grad_()
    optimizer = torch.optim.Adam(groups)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, max(epochs, 1))
    images, chance = torch.from_numpy(inputs), torch.Generator().manual_seed(seed)
    classes = None if labels is None else torch.from_numpy(labels)
    of_float = _all_outputs(model, real, images)
    before = _all_outputs(model, _rounded(latent, grids), images)
    scale, losses = LARGEST_LOGIT / max(float(of_float.abs().amax(1).mean()), 1e-6), []
    for _ in range(epochs):
        total = 0.0
        for chosen in torch.randperm(len(images), generator=chance).split(BATCH):
            optimizer.zero_grad()
            found = _outputs(model, _rounded(latent, grids), images[chosen]) * scale
            known = None if classes is None else classes[chosen]
            loss = _loss(found, of_float[chosen] * scale, known)
            loss.backward()
            optimizer.step()
            total += float(loss.detach()) * len(chosen)
        schedule.step()
        losses.append(total / len(images))
        on_epoch(1)
    trained = _with_values(model, _on_grid(latent, grids))
    after = _all_outputs(model, parameters_of(trained), images)
    first, last = (
        float((found.argmax(1) == of_float.argmax(1)).float().mean()) for found in (before, after)
    )
    return Finetuned(trained, (first, last), losses)


def _all_outputs(model: NirModel, parameters: Parameters, images: Tensor) -> Tensor:
    with torch.no_grad():
        return torch.cat([_outputs(model, parameters, part) for part in images.split(FORWARD)])


def _outputs(model: NirModel, parameters: Parameters, x: Tensor) -> Tensor:
    """Sums of spikes, or last potentials or activations: (n, classes)."""
    outputs = TorchRun(model, parameters, len(x)).outputs(x).flatten(2)
    rules = [model.rules.get(source) for source in model.graph.sources(model.output)]
    potentials = all(rule is not None and not rule.spiking for rule in rules)
    spikes = any(rule.spiking for rule in model.rules.values())
    return outputs[:, -1] if potentials or not spikes else outputs.sum(1)


def _loss(found: Tensor, wanted: Tensor, labels: Tensor | None) -> Tensor:
    """Divergence from the float network, with labels its mean with their cross-entropy."""
    logs, real = torch.log_softmax(found, 1), torch.log_softmax(wanted, 1)
    of_float = torch.nn.functional.kl_div(logs, real, reduction="batchmean", log_target=True)
    if labels is None:
        return of_float
    return (of_float + torch.nn.functional.nll_loss(logs, labels)) / 2


def _levels(weight: Tensor, grid: Grid) -> Tensor:
    return (weight / grid.step).round().clamp(-grid.end, grid.end) * grid.step


def _rounded(latent: Parameters, grids: Mapping[str, Grid]) -> dict[str, dict[str, Tensor]]:
    """Rounded weights with the gradient of the real ones, none where they are clipped."""
    found = {name: dict(of) for name, of in latent.items()}
    for name, grid in grids.items():
        weight, most = latent[name]["weight"], (grid.end + 0.5) * grid.step
        passed = weight.clamp(-most, most)
        found[name]["weight"] = passed + (_levels(weight, grid) - passed).detach()
    return found


def _on_grid(latent: Parameters, grids: Mapping[str, Grid]) -> dict[str, dict[str, np.ndarray]]:
    """Rounded weights as arrays; the largest of a node is on the last level, so the grid stays."""
    found = {
        name: {key: value.detach().numpy().copy() for key, value in of.items()}
        for name, of in latent.items()
    }
    for name, grid in grids.items():
        weight = _levels(latent[name]["weight"].detach(), grid).numpy()
        at = np.unravel_index(np.abs(weight).argmax(), weight.shape)
        weight[at] = np.copysign(grid.end * grid.step, weight[at])
        found[name]["weight"] = weight
    return found


def _with_values(model: NirModel, values: Mapping[str, Mapping[str, np.ndarray]]) -> NirModel:
    """The same graph with other weights and biases."""
    nodes = {
        name: replace(node, values={**node.values, **values.get(name, {})})
        for name, node in model.graph.nodes.items()
    }
    return NirModel(NirGraph(nodes, model.graph.edges, model.graph.metadata), model.convention)
