"""Selection of values in a trace: variables, layers, neurons and every n-th step."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ipvae.errors import InputError
from ipvae.network.description import IntNetwork
from ipvae.network.rules.random_source import STEP_LIMIT
from ipvae.network.traces.trace import VARIABLES, Trace


@dataclass(frozen=True)
class Record:
    """Selection of recorded values; everything by default.

    Attributes
    ----------
    variables : tuple of str
        Any of `a_in`, `u` and `z`, in this order.
    every : int
        Rows 0, n, 2n, ... of each image.
    neurons : dict of layer's number -> indices in increasing order
        Layers without an entry record all neurons.
    layers : tuple of str, optional
        Numbers of the recorded layers; all by default.
    """

    variables: tuple[str, ...] = VARIABLES
    every: int = 1
    neurons: Mapping[str, Sequence[int]] = field(default_factory=dict)
    layers: tuple[str, ...] | None = None

    def require_fits(self, network: IntNetwork) -> None:
        """Raise InputError unless all selected items exist in the network."""
        sizes = {name: layer.n_neurons for name, layer in network.layers.items()}
        self.require_fits_layers(sizes, VARIABLES)

    def takes(self, variable: str) -> bool:
        """Return whether a variable is recorded; by default every one that a kind has."""
        return self.variables == VARIABLES or variable in self.variables

    def require_fits_layers(self, sizes: Mapping[str, int], variables: Sequence[str]) -> None:
        """Raise InputError unless the layers, with these sizes, and the variables exist."""
        every = self.variables == VARIABLES
        wrong = [] if every else [v for v in self.variables if v not in variables]
        if wrong or not self.variables or len(set(self.variables)) < len(self.variables):
            raise InputError(
                f"record: variables {', '.join(self.variables) or 'none'}, allowed one or more "
                f"of {', '.join(variables)}, each once"
            )
        if not 1 <= self.every < STEP_LIMIT:
            raise InputError(f"record: every {self.every} steps, allowed 1 to {STEP_LIMIT - 1}")
        if self.layers is not None and not self.layers:
            raise InputError("record: no layers, allowed one or more")
        for name in {*(self.layers or ()), *self.neurons} - sizes.keys():
            raise InputError(f"record: layer {name}, allowed {', '.join(sizes)}")
        if self.layers is not None and (hidden := self.neurons.keys() - set(self.layers)):
            raise InputError(
                f"record: neurons of layer {min(hidden)}, which is not among the layers "
                f"{', '.join(self.layers)}; add it"
            )
        for name, chosen in self.neurons.items():
            indices, k = np.asarray(chosen), sizes[name]
            if not len(indices) or (np.diff(indices) < 1).any() or indices[0] < 0:
                raise InputError(
                    f"record: neurons of layer {name}: allowed are one or more, increasing from 0"
                )
            if indices[-1] >= k:
                raise InputError(
                    f"record: neuron {indices[-1]} of layer {name}, allowed 0 to {k - 1}"
                )

    def of_layer(self, name: str, n_neurons: int) -> "LayerRecord | None":
        """Selection for a layer; None if it is not recorded."""
        if self.layers is not None and name not in self.layers:
            return None
        chosen = self.neurons.get(name)
        indices = None if chosen is None else tuple(int(i) for i in chosen)
        ordered = tuple(v for v in VARIABLES if v in self.variables)
        return LayerRecord(ordered, self.every, n_neurons, indices)

    def trace(
        self,
        backend: str,
        seed: int,
        checksum: str,
        samples: list[dict[str, dict]],
        hold: int | None = None,
    ) -> Trace:
        """Trace of samples recorded with this selection."""
        neurons = {name: np.array(chosen, np.int32) for name, chosen in self.neurons.items()}
        return Trace(backend, seed, checksum, samples, self.every, neurons, hold)


EVERYTHING = Record()


@dataclass(frozen=True)
class LayerRecord:
    """Selection of recorded values of one layer.

    Attributes
    ----------
    variables : tuple of str
    every : int
    n_neurons : int
        Size of the layer.
    neurons : tuple of int, optional
        Recorded neurons; all by default.
    """

    variables: tuple[str, ...]
    every: int
    n_neurons: int
    neurons: tuple[int, ...] | None = None

    @property
    def width(self) -> int:
        """Number of recorded neurons."""
        return self.n_neurons if self.neurons is None else len(self.neurons)

    @property
    def index(self) -> slice | np.ndarray:
        """Index of the recorded neurons along an axis of the layer's neurons."""
        return slice(None) if self.neurons is None else np.array(self.neurons)

    def rows(self, n_steps: int) -> int:
        """Number of recorded rows of the steps 0..n_steps."""
        return n_steps // self.every + 1
