"""A graph with a convention as a differentiable run in PyTorch, with the float run's spikes.

The surrogate derivative of a spike is an arctangent's around the threshold, and with several spikes
in a step a line's. A reset has none.

References
----------
Surrogate gradients: Neftci, Mostafa and Zenke, arXiv 1901.09948.
"""

import math
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from ipvae.float_models.nir_graph import layers
from ipvae.float_models.nir_graph.conventions import NONE, SUBTRACT
from ipvae.float_models.nir_graph.graph import OUTPUT, SAME, STATELESS, Node
from ipvae.float_models.nir_graph.model import NirModel
from ipvae.float_models.nir_graph.neurons import NeuronRule

WEIGHTED = ("Affine", "Linear", "Conv1d", "Conv2d")
"""Nodes with weights."""
Parameters = Mapping[str, Mapping[str, Tensor]]
"""Weight, and bias where there is one, of each node in `WEIGHTED`."""
State = tuple[Tensor, Tensor, Tensor]


def parameters_of(model: NirModel) -> dict[str, dict[str, Tensor]]:
    """Weights and biases of a graph, float32 copies."""
    return {
        name: {
            key: torch.from_numpy(node.array(key).astype(np.float32))
            for key in ("weight", "bias")
            if key in node.values
        }
        for name, node in model.graph.nodes.items()
        if node.kind in WEIGHTED
    }


class _Spikes(torch.autograd.Function):
    """Number of spikes, and its surrogate derivative."""

    @staticmethod
    def forward(ctx, ratio: Tensor, over: Tensor, most: int) -> Tensor:
        ctx.save_for_backward(ratio)
        ctx.most = most
        if most == 1:
            return over.to(ratio.dtype)
        return torch.where(over, ratio.floor().clamp(1, most), torch.zeros_like(ratio))

    @staticmethod
    def backward(ctx, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (ratio,) = ctx.saved_tensors
        if ctx.most == 1:
            slope = 1 / (1 + (math.pi * (ratio - 1)) ** 2)
        else:
            slope = ((ratio > 0) & (ratio < ctx.most + 1)).to(ratio.dtype)
        return gradients[0] * slope, None, None


class TorchRun:
    """States of all nodes between steps.

    Parameters
    ----------
    model : NirModel
    parameters : Parameters
        In place of the graph's weights and biases.
    n : int
        Images.
    """

    def __init__(self, model: NirModel, parameters: Parameters, n: int) -> None:
        self._model, self._graph, self._parameters = model, model.graph, parameters
        self._rules = {name: _tensors(rule) for name, rule in model.rules.items()}
        zeros = {name: torch.zeros(n, *model.shapes[name]) for name in model.graph.nodes}
        self._states: dict[str, State] = {
            name: (zeros[name], zeros[name] + rule["start"], zeros[name])
            for name, rule in self._rules.items()
        }
        self._history: dict[str, list[Tensor]] = {name: [] for name in model.delays}
        silent = dict(zeros)
        for name in self._graph.order:
            node = self._graph.nodes[name]
            if node.kind in STATELESS and model.convention.early_bias:
                silent[name] = self._applied(node, self._received(name, silent, silent))
        self._before: Mapping[str, Tensor] = silent

    def outputs(self, x: Tensor) -> Tensor:
        """Return what the output receives in each step: (n, steps, *shape).

        Parameters
        ----------
        x : (n, steps, *input shape) float32
        """
        return torch.stack([self._step(x[:, t]) for t in range(x.shape[1])], 1)

    def _step(self, x: Tensor) -> Tensor:
        now: dict[str, Tensor] = {self._graph.input: x}
        for name in self._graph.order[1:]:
            received = self._received(name, now, self._before)
            if name in self._rules:
                now[name] = self._neurons(name, received)
            elif name in self._history:
                now[name] = self._delayed(name, received)
            else:
                now[name] = self._applied(self._graph.nodes[name], received)
        self._before = now
        return now[self._model.output]

    def _received(
        self, name: str, now: Mapping[str, Tensor], before: Mapping[str, Tensor]
    ) -> Tensor:
        feedback = self._graph.feedback
        parts = [(before if (a, name) in feedback else now)[a] for a in self._graph.sources(name)]
        return sum(parts[1:], parts[0])

    def _neurons(self, name: str, x: Tensor) -> Tensor:
        """One step of neurons, as `ipvae.float_models.nir_graph.neurons.step`."""
        rule, own = self._model.rules[name], self._rules[name]
        i, v, before = self._states[name]
        i = x if rule.current_keep is None else own["current_keep"] * i + own["current_gain"] * x
        above = (rule.rechecks and v > own["threshold"]) * own["threshold"]
        v = own["keep"] * v + own["gain"] * i + own["constant"]
        if rule.reset_delay:
            v = _reset(rule, own, v, before)
        if not rule.spiking:
            self._states[name] = (i, v, before)
            return torch.relu(v) if rule.rectified else v
        seen = v - above if rule.rechecks else v
        over = seen >= own["threshold"] if rule.reaches else seen > own["threshold"]
        z = _Spikes.apply(seen / own["threshold"], over, rule.most)
        assert isinstance(z, Tensor)
        if not rule.reset_delay:
            v = _reset(rule, own, v, z)
        self._states[name] = (i, v, z)
        return z

    def _delayed(self, name: str, received: Tensor) -> Tensor:
        history = self._history[name]
        history.append(received)
        steps = torch.from_numpy(
            np.broadcast_to(self._model.delays[name], received.shape[1:]).copy()
        )
        sent = torch.zeros_like(received)
        for delay in steps.unique().tolist():
            if delay < len(history):
                sent = torch.where(steps == delay, history[-1 - delay], sent)
        return sent

    def _applied(self, node: Node, x: Tensor) -> Tensor:
        kind, own = node.kind, self._parameters.get(node.name, {})
        if kind in (OUTPUT, SAME):
            return x
        if kind in ("Affine", "Linear"):
            flat = x.flatten(1) if x.shape[-1] != own["weight"].shape[1] else x
            return torch.nn.functional.linear(flat, own["weight"], own.get("bias"))
        if kind in ("Conv1d", "Conv2d"):
            return _convolved(node, x, own)
        if kind in ("SumPool2d", "AvgPool2d"):
            kernel, stride, padding, factor = layers.pooling(node)
            ones = torch.full((x.shape[1], 1, *kernel), factor, dtype=x.dtype)
            return torch.nn.functional.conv2d(
                x, ones, stride=stride, padding=padding, groups=x.shape[1]
            )
        if kind == "Flatten":
            return x.reshape(len(x), *self._model.shapes[node.name])
        return x * torch.from_numpy(node.array("scale").astype(np.float32))


def _convolved(node: Node, x: Tensor, own: Mapping[str, Tensor]) -> Tensor:
    stride, padding, dilation, groups = layers.geometry(node)
    one = node.kind == "Conv1d"
    weight = own["weight"][:, :, None] if one else own["weight"]
    planes = x[:, :, None] if one else x
    found = torch.nn.functional.conv2d(
        planes, weight, own.get("bias"), stride, padding, dilation, groups
    )
    return found[:, :, 0] if one else found


def _reset(rule: NeuronRule, own: Mapping[str, Tensor], v: Tensor, z: Tensor) -> Tensor:
    if rule.reset == NONE:
        return v
    sent = z.detach()
    if rule.reset == SUBTRACT:
        return v - sent * own["threshold"]
    return torch.where(sent > 0, own["reset_value"], v)


def _tensors(rule: NeuronRule) -> dict[str, Tensor]:
    """Arrays of a rule as tensors."""
    arrays = {name: value for name, value in vars(rule).items() if isinstance(value, np.ndarray)}
    return {name: torch.from_numpy(np.array(value)) for name, value in arrays.items()}
