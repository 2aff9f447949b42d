"""A NIR graph with a convention: shapes, rules, and its run in float, step by step."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from ipvae.errors import FormatError, InputError
from ipvae.float_models.nir_graph import neurons
from ipvae.float_models.nir_graph.conventions import Convention
from ipvae.float_models.nir_graph.graph import NEURONS, OUTPUT, STATELESS, NirGraph
from ipvae.float_models.nir_graph.layers import Shape, apply, output_shape
from ipvae.float_models.nir_graph.neurons import NeuronRule, rule_of


@dataclass(frozen=True, eq=False)
class FloatTrace:
    """Record of a run.

    Attributes
    ----------
    sent : dict of str -> (n, steps, *shape) float32
        Spikes of each node with neurons, or potentials where they do not spike.
    outputs : (n, steps, *shape) float32
        What the first Output receives.
    potentials : dict of str -> (n, *shape) float32
        Potential of each node with neurons after the last step.
    peaks : dict of str -> (float, float)
        Largest magnitude of the current and of the potential, after a reset.
    voltages : dict of str -> (n, steps, *shape) float32
        Potential after each step; empty unless asked for.
    """

    sent: Mapping[str, np.ndarray]
    outputs: np.ndarray
    potentials: Mapping[str, np.ndarray]
    peaks: Mapping[str, tuple[float, float]]
    voltages: Mapping[str, np.ndarray] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class NirModel:
    """A network of another tool in float.

    Attributes
    ----------
    graph : NirGraph
    convention : Convention
    """

    graph: NirGraph
    convention: Convention

    def __post_init__(self) -> None:
        _ = self.shapes, self.rules, self.delays

    @cached_property
    def rules(self) -> dict[str, NeuronRule]:
        """Rule of each node with neurons."""
        nodes, looped = self.graph.nodes, {b for _, b in self.graph.feedback}
        return {
            name: rule_of(nodes[name], self.convention, name in looped)
            for name in self.graph.neurons
        }

    @cached_property
    def delays(self) -> dict[str, np.ndarray]:
        """Whole steps of each Delay node, int64.

        Raises
        ------
        FormatError
            If a delay is no whole number of steps.
        """
        found = {}
        for name in self.graph.of_kind("Delay"):
            steps = self.graph.nodes[name].array("delay") / (self.convention.dt or 1.0)
            whole = np.rint(steps)
            if (np.abs(steps - whole) > 1e-4).any() or (whole < 0).any():
                raise FormatError(
                    f"node {name} (Delay): {steps.ravel()[0]:g} steps, allowed are whole numbers "
                    "of steps; change the delay or dt"
                )
            found[name] = whole.astype(np.int64)
        return found

    @cached_property
    def shapes(self) -> dict[str, Shape]:
        """Shape of what each node sends.

        Raises
        ------
        FormatError
            If the shapes of connected nodes do not fit.
        """
        found: dict[str, Shape] = {}
        for name in self.graph.order:
            node = self.graph.nodes[name]
            if name == self.graph.input:
                found[name] = self._input_shape()
                continue
            given = {
                found[a] for a in self.graph.sources(name) if (a, name) not in self.graph.feedback
            }
            if len(given) != 1:
                raise FormatError(
                    f"node {name} ({node.kind}): receives the shapes {sorted(given)}, allowed is "
                    "one; check the edges"
                )
            (shape,) = given
            found[name] = self._sent_shape(name, shape)
        for a, b in self.graph.feedback:
            if self.graph.nodes[b].kind in NEURONS and found[a] != found[b]:
                raise FormatError(
                    f"edge {a} -> {b}: sends {found[a]}, the node has {found[b]}; check the edges"
                )
        return found

    def _sent_shape(self, name: str, shape: Shape) -> Shape:
        node = self.graph.nodes[name]
        if node.kind not in (*NEURONS, "Delay"):
            return output_shape(node, shape)
        for key, value in node.values.items():
            own = np.shape(value)
            if isinstance(value, str) or math.prod(own) == 1 or key == "input_type":
                continue
            if own != shape:
                raise FormatError(
                    f"node {name} ({node.kind}): {key} has the shape {own}, it receives {shape}; "
                    "check the edges"
                )
        return shape

    def _input_shape(self) -> Shape:
        """Shape of one step's input; some tools write axes of batch and time in front of it."""
        name = self.graph.input
        values = self.graph.nodes[name].values
        declared = np.asarray(values.get("shape", ()))
        shape = tuple(int(n) for n in declared.ravel()) if declared.dtype.kind in "iuf" else ()
        for target in self.graph.targets(name):
            node = self.graph.nodes[target]
            if node.kind in ("Affine", "Linear"):
                return (int(node.array("weight").shape[-1]),)
            if node.kind == "Conv2d" and len(shape) > 3:
                return shape[-3:]
        if not shape or min(shape) < 1:
            raise FormatError(
                f"node {name} (Input): the shape is {shape}, allowed one or more sizes above 0; "
                "export the graph with an example of the input"
            )
        return shape

    @property
    def output(self) -> str:
        """Name of the first output."""
        return self.graph.of_kind(OUTPUT)[0]

    def run(self, inputs: np.ndarray, *, potentials: bool = False) -> FloatTrace:
        """Run inputs from a network at rest.

        Parameters
        ----------
        inputs : (n, steps, *input shape) or (n, steps, pixels)
        potentials : bool
            Whether the potential of each step is kept.

        Raises
        ------
        InputError
            If the inputs do not have this shape.
        """
        shape = self.shapes[self.graph.input]
        if inputs.ndim < 3 or math.prod(inputs.shape[2:]) != math.prod(shape):
            raise InputError(
                f"inputs: shape {inputs.shape}, allowed (n, steps, {', '.join(map(str, shape))})"
            )
        x = inputs.reshape(*inputs.shape[:2], *shape).astype(np.float32)
        run = _Run(self, len(x))
        steps, states = [], []
        for t in range(x.shape[1]):
            steps.append(run.step(x[:, t]))
            states.append(run.potentials if potentials else {})
        sent = {name: np.stack([one[name] for one in steps], 1) for name in self.rules}
        outputs = np.stack([one[self.output] for one in steps], 1)
        voltages = {name: np.stack([one[name] for one in states], 1) for name in states[0]}
        return FloatTrace(sent, outputs, run.potentials, run.peaks, voltages)


class _Run:
    """States of all nodes between steps."""

    def __init__(self, model: NirModel, n: int) -> None:
        self._model, self._graph = model, model.graph
        shapes = model.shapes
        self._states = {
            name: neurons.start(rule, n, shapes[name]) for name, rule in model.rules.items()
        }
        self._lines = {
            name: np.zeros((int(steps.max(initial=0)) + 1, n, *shapes[name]), np.float32)
            for name, steps in model.delays.items()
        }
        self._time = 0
        self.peaks = dict.fromkeys(model.rules, (0.0, 0.0))
        silent = {name: np.zeros((n, *shapes[name]), np.float32) for name in self._graph.nodes}
        for name in self._graph.order:  # what feedback sends while all neurons are silent
            node = self._graph.nodes[name]
            if node.kind in STATELESS and model.convention.early_bias:
                silent[name] = apply(node, self._received(name, silent, silent))
        self._before = silent

    def _received(self, name: str, now: Mapping, before: Mapping) -> np.ndarray:
        parts = [
            (before if (a, name) in self._graph.feedback else now)[a]
            for a in self._graph.sources(name)
        ]
        return sum(parts[1:], parts[0])

    def step(self, x: np.ndarray) -> dict[str, np.ndarray]:
        """Compute one step; return what each node sends."""
        now: dict[str, np.ndarray] = {}
        for name in self._graph.order:
            if name == self._graph.input:
                now[name] = x
                continue
            received = self._received(name, now, self._before)
            if name in self._states:
                rule = self._model.rules[name]
                now[name], state = neurons.step(rule, received, self._states[name])
                self._states[name] = state
                current, potential = (float(np.abs(s).max(initial=0)) for s in state[:2])
                before = self.peaks[name]
                self.peaks[name] = max(before[0], current), max(before[1], potential)
            elif name in self._lines:
                now[name] = self._delayed(name, received)
            else:
                now[name] = apply(self._graph.nodes[name], received)
        self._before = now
        self._time += 1
        return now

    @property
    def potentials(self) -> dict[str, np.ndarray]:
        """Potential of each node with neurons."""
        return {name: v for name, (_, v, _) in self._states.items()}

    def _delayed(self, name: str, received: np.ndarray) -> np.ndarray:
        line, steps = self._lines[name], self._model.delays[name]
        line[self._time % len(line)] = received
        sent = np.empty_like(received)
        steps = np.broadcast_to(steps, received.shape[1:])
        for delay in np.unique(steps):
            where = steps == delay
            past = line[(self._time - delay) % len(line)]
            sent[:, where] = past[:, where] if self._time >= delay else 0
        return sent
