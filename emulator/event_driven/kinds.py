"""The emulator's implementation of each kind of neuron.

A compiled kernel, where there is one, is written apart from the kind's program. Every other kind
runs by its program, compiled as it stands (`ipvae.emulator.kind_programs`): slower, the same bits.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ipvae.emulator.event_driven import neurons
from ipvae.emulator.event_driven.neurons import Update
from ipvae.emulator.event_driven.packing import Places
from ipvae.network.kinds import (
    CubaNeuron,
    DeltaNeuron,
    NeuronKind,
    SigmaDeltaNeuron,
    SigmaNeuron,
)
from ipvae.network.kinds.cuba import DECAY_UNITY, STATE_SHIFT
from ipvae.network.kinds.integers import Neurons as ProgramNeurons
from ipvae.network.kinds.sigma_delta import RELU, STATE_FRACTION


@dataclass(frozen=True)
class Kernel:
    """Compiled update of a kind.

    Attributes
    ----------
    update : callable (kind, Update)
    parameters : callable (kind) -> list of int
        Parameters as the kernel takes them.
    states : dict of str -> int
        State variable -> its place in the kernel's state.
    limits : tuple of str
        Variables that it counts at their limits.
    """

    update: Callable[[Any, Update], None]
    parameters: Callable[[Any], list[int]]
    states: dict[str, int]
    limits: tuple[str, ...] = ()


def _cuba_parameters(kind: CubaNeuron) -> list[int]:
    return [
        DECAY_UNITY - kind.current_decay,
        DECAY_UNITY - kind.voltage_decay,
        kind.threshold << STATE_SHIFT,
    ]


def _threshold(kind: DeltaNeuron | SigmaDeltaNeuron) -> list[int]:
    return [kind.threshold << STATE_FRACTION]


KERNELS: dict[type[NeuronKind], Kernel] = {
    CubaNeuron: Kernel(
        lambda _, of: neurons.update_cuba(of),
        _cuba_parameters,
        {"current": 0, "voltage": 1},
        ("current", "voltage"),
    ),
    DeltaNeuron: Kernel(
        lambda _, of: neurons.update_changes(of, False, False),
        _threshold,
        {"residue": 1, "reference": 2},
    ),
    SigmaDeltaNeuron: Kernel(
        lambda kind, of: neurons.update_changes(of, True, kind.activation == RELU),
        _threshold,
        {"sigma": 0, "residue": 1, "reference": 2},
        ("sigma",),
    ),
    SigmaNeuron: Kernel(
        lambda _, of: neurons.update_sums(of), lambda _: [0], {"sigma": 0}, ("sigma",)
    ),
}
"""Kernels by kind. A kind without one runs by its program."""


def state_places(kind: NeuronKind) -> dict[str, int]:
    """Place of each state variable in the state of a tile."""
    kernel = KERNELS.get(type(kind))
    return {name: i for i, name in enumerate(kind.states)} if kernel is None else kernel.states


def parameters(kind: NeuronKind) -> np.ndarray:
    """Parameters of a kind as its kernel takes them, int32."""
    kernel = KERNELS.get(type(kind))
    return np.array([0] if kernel is None else kernel.parameters(kind), np.int32)


class ByProgram:
    """Neurons of a layer in all images of a tile, run by their kind's program.

    Parameters
    ----------
    kind : NeuronKind
    places : Places
    biases : (width,) int32, packed
    images : int
    """

    def __init__(self, kind: NeuronKind, places: Places, biases: np.ndarray, images: int) -> None:
        self._kind, self._places, self._images = kind, places, images
        of_image = kind.neuron_constants(places.unpacked(biases)) | kind.start(places.n)
        self._values = {name: np.tile(values, images) for name, values in of_image.items()}
        self.begin()

    def begin(self, keys: np.ndarray | None = None) -> None:
        """Reset all states; `keys` of the images, (images, 2), for neurons that draw."""
        values: dict[str, Any] = {**self._kind.constants(), **self._values}
        if keys is not None and self._kind.draws:
            a, b = np.repeat(keys, self._places.n, axis=0).T
            values |= {"image_a": a, "image_b": b}
        n = self._images * self._places.n
        self._neurons = ProgramNeurons(self._kind.program(), n, values)

    def row(
        self, sums: np.ndarray, drive: np.ndarray | None = None
    ) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Update all images once.

        Parameters
        ----------
        sums : (images, width) int32, packed
        drive : (images, neurons) int32, of kinds that have one

        Returns
        -------
        (images, width) messages, and the same of each state variable, packed
        """
        if drive is not None:
            self._neurons.values["drive"] = drive.reshape(-1).astype(np.int64)
        z = self._neurons.step(self._places.unpacked(sums).reshape(-1))
        found = {name: self._packed(self._neurons.values[name]) for name in self._kind.states}
        return self._packed(z), found

    def _packed(self, values: np.ndarray) -> np.ndarray:
        return self._places.packed(values.reshape(self._images, -1).astype(np.int32))
