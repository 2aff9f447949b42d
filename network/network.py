"""A network of layers of any kind of neuron, joined by connections: frozen and checked at birth.

It holds integers only and knows neither files nor backends. lava-dl's networks are read into it
(`ipvae.network.io.lava_dl_file`).
"""

import math
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ipvae.errors import DescriptionError
from ipvae.network.connections import Connection, Convolution, Drive, Weights
from ipvae.network.convolutional.decoder import Decoder
from ipvae.network.description import check_provenance
from ipvae.network.kinds import CubaNeuron, DeltaNeuron, NeuronKind, PoissonNeuron
from ipvae.network.kinds.base import require_within
from ipvae.network.kinds.cuba import BIAS_MAX, BIAS_MIN
from ipvae.network.kinds.sigma_delta import VALUE_END
from ipvae.network.layers import frozen
from ipvae.network.pixels import Pixels
from ipvae.network.row_schedule import RowSchedule, row_schedule
from ipvae.outputs import network_output, require_outputs

INPUT = "0"
"""Id of the input in connections, traces and files."""
MAX_NEURONS = 2**24
"""Largest layer that can be run; lava-dl's largest public network has 76,032 neurons."""

MESSAGE_END = 2**15
"""Messages from outside the network's neurons have 16 bits, sign included."""

HIDDEN, READOUT = "hidden", "readout"
"""Purposes of a layer."""


@dataclass(frozen=True)
class Input:
    """Input stage of a network.

    Attributes
    ----------
    shape : (n,) or (C, H, W)
    neuron : CubaNeuron, DeltaNeuron or None
        Input neurons: the image is the bias of CUBA neurons and the signal of delta neurons. None:
        images are the messages themselves.
    weight, bias : float
        Transform of a real pixel x: weight * x + bias, rounded toward zero.
    graded : bool
        Whether messages may be other integers than 0 and 1.
    pixels : Pixels, optional
        Range of the values and what they mean, in place of the transform.
    """

    shape: tuple[int, ...]
    neuron: CubaNeuron | DeltaNeuron | None = None
    weight: float = 64.0
    bias: float = 0.0
    graded: bool = False
    pixels: Pixels | None = None

    def __post_init__(self) -> None:
        if len(self.shape) not in (1, 3) or min(self.shape) < 1:
            raise DescriptionError(f"shape: found {self.shape}, allowed (n,) or (C, H, W)")
        require_within("its number of pixels", self.size, 1, MAX_NEURONS)
        if not isinstance(self.neuron, CubaNeuron | DeltaNeuron | None):
            raise DescriptionError(f"neuron: found {self.neuron}, allowed CUBA or delta neurons")
        if self.graded and self.neuron is not None:
            raise DescriptionError(
                "graded: found True, allowed False with input neurons, whose kind decides it"
            )
        for name in ("weight", "bias"):
            if not np.isfinite(getattr(self, name)):
                raise DescriptionError(
                    f"{name}: found {getattr(self, name)}, allowed a finite number"
                )
        if self.pixels is not None:
            for value in (self.pixels.minimum, self.pixels.maximum):
                require_within("a limit of the pixels", value, *self._widest)

    @property
    def size(self) -> int:
        """Pixels of one image."""
        return math.prod(self.shape)

    @property
    def value_range(self) -> tuple[int, int]:
        """Least and largest value that the input receives."""
        if self.pixels is not None:
            return self.pixels.minimum, self.pixels.maximum
        return self._widest

    @property
    def _widest(self) -> tuple[int, int]:
        if self.neuron is None:
            return (-MESSAGE_END, MESSAGE_END - 1) if self.graded else (0, 1)
        cuba = isinstance(self.neuron, CubaNeuron)
        return (BIAS_MIN, BIAS_MAX) if cuba else (-VALUE_END, VALUE_END - 1)


@dataclass(frozen=True, eq=False)
class Layer:
    """Neurons of one kind, and all connections that they receive.

    Attributes
    ----------
    id : str
        '1', '2', ..., as in files and traces.
    neuron : NeuronKind
    connections : tuple of Connection
    bias : int32 array or None
        One for each neuron, or of a layer (C, H, W) one for each channel.
    drive : Drive or None
        Weights from the pixels, of Poisson and graded neurons, to whose drive the bias is added.
    purpose : 'hidden' or 'readout'
        A read-out is judged: its neurons are classes, or values. Not used when running.
    """

    id: str
    neuron: NeuronKind
    connections: tuple[Connection, ...]
    bias: np.ndarray | None = None
    purpose: str = HIDDEN
    drive: Drive | None = None

    def __post_init__(self) -> None:
        if self.purpose not in (HIDDEN, READOUT):
            raise DescriptionError(
                f"layer {self.id}: purpose: found '{self.purpose}', allowed {HIDDEN} or {READOUT}"
            )
        if not self.weights:
            raise DescriptionError(f"layer {self.id}: found no connection, allowed one or more")
        if self.drive is not None and not self.neuron.driven:
            raise DescriptionError(f"layer {self.id}: {self.neuron.name} neurons have no drive.")
        sizes = {weights.n_out for weights in self.weights}
        if len(sizes) > 1:
            raise DescriptionError(
                f"layer {self.id}: its connections have {sorted(sizes)} receivers, allowed is "
                "one number, the layer's neurons"
            )
        maps = {weights.shape for weights in self.weights if len(weights.shape) == 3}
        if len(maps) > 1:
            raise DescriptionError(
                f"layer {self.id}: its convolutions make the shapes {sorted(maps)}, allowed is one"
            )
        if isinstance(self.neuron, DeltaNeuron):
            raise DescriptionError(f"layer {self.id}: delta neurons are for the input only.")
        try:
            require_within("its number of neurons", self.n_neurons, 1, MAX_NEURONS)
            self._check_bias()
            self.neuron.require_shape(self.shape)
        except DescriptionError as error:
            raise DescriptionError(f"layer {self.id}: {error}") from None

    def _check_bias(self) -> None:
        if self.bias is None:
            return
        if self.bias.shape not in (self.shape[:1], (self.n_neurons,)):
            raise DescriptionError(
                f"bias has shape {self.bias.shape}, allowed {self.shape[:1]}, one for each "
                f"{'neuron' if len(self.shape) == 1 else 'channel'}"
            )
        self.neuron.require_bias(self.bias)
        object.__setattr__(self, "bias", frozen(self.bias, np.int32))

    @property
    def weights(self) -> tuple[Weights, ...]:
        """Weights of all connections, then of the drive."""
        own = () if self.drive is None else (self.drive.weights,)
        return (*(connection.weights for connection in self.connections), *own)

    @property
    def shape(self) -> tuple[int, ...]:
        """(n,) or (C, H, W)."""
        return max((weights.shape for weights in self.weights), key=len)

    @property
    def n_neurons(self) -> int:
        """Neurons of the layer."""
        return math.prod(self.shape)

    @property
    def biases(self) -> np.ndarray:
        """Bias of each neuron: (n_neurons,) int32, in (C, H, W) order."""
        if self.bias is None:
            return np.zeros(self.n_neurons, np.int32)
        return np.repeat(self.bias, self.n_neurons // len(self.bias))


@dataclass(frozen=True, eq=False, repr=False)
class Network:
    """Layers in the order of their ids, and the input.

    Attributes
    ----------
    input : Input
    layers : tuple of Layer
    test_images : (n, inputs) int32
        A few images as the input receives them; none by default.
    test_labels : (n,) int64
        Their classes, -1 where unknown.
    provenance : dict
        Record of how the network was made: JSON data, not used when running.
    decoder : Decoder, optional
        Reconstruction of the image from a layer's messages; figures of merit only.
    """

    input: Input
    layers: tuple[Layer, ...]
    test_images: np.ndarray = field(default_factory=lambda: np.zeros((0, 0), np.int32))
    test_labels: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    provenance: dict[str, Any] = field(default_factory=dict)
    decoder: Decoder | None = None

    def __post_init__(self) -> None:
        if not self.layers:
            raise DescriptionError("holds no dense or convolutional layer")
        names = [layer.id for layer in self.layers]
        for name in names:
            if not name.isascii() or not name.isdigit() or name.startswith("0"):
                raise DescriptionError(f"layer '{name}': allowed ids are '1', '2', ...")
        if len(set(names)) < len(names):
            raise DescriptionError("layers: two of them have the same id.")
        for layer in self.layers:
            for connection in layer.connections:
                self._check_connection(layer, connection)
            self._check_drive(layer)
        words = [kind.key_layer for kind in self.kinds.values() if isinstance(kind, PoissonNeuron)]
        if len(set(words)) < len(words):
            raise DescriptionError(
                f"layers: key_layer holds {words}; each layer of Poisson neurons needs its own."
            )
        self._check_test_images()
        check_provenance(self.provenance)
        if self.decoder is not None:
            if self.decoder.layer not in self.by_id:
                raise DescriptionError(f"decoder: layer {self.decoder.layer} does not exist.")
            self.decoder.require_fits(self.shape_of(self.decoder.layer), self.input.shape)
        _ = self.schedule

    def _check_test_images(self) -> None:
        images = np.asarray(self.test_images)
        images = images.reshape(len(images), -1 if len(images) else self.input.size)
        if images.shape[1] != self.input.size:
            raise DescriptionError(
                f"test images: shape {images.shape}, allowed (n, {self.input.size})"
            )
        low, high = self.input.value_range
        if images.size and (images.min() < low or images.max() > high):
            raise DescriptionError(
                f"test images: values of {images.min():g}..{images.max():g}, allowed {low}..{high}"
            )
        object.__setattr__(self, "test_images", frozen(images, np.int32))
        labels = np.asarray(self.test_labels) if len(self.test_labels) else -np.ones(len(images))
        if labels.shape != images.shape[:1]:
            raise DescriptionError(f"test labels: shape {labels.shape}, allowed ({len(images)},)")
        if labels.size and labels.min() < -1:
            raise DescriptionError(
                f"test labels: found {labels.min()}, allowed -1 (unknown) and up"
            )
        object.__setattr__(self, "test_labels", frozen(labels, np.int64))

    def _check_connection(self, layer: Layer, connection: Connection) -> None:
        if connection.source != INPUT and connection.source not in self.by_id:
            raise DescriptionError(
                f"layer {layer.id}: receives layer {connection.source}, which does not exist; "
                f"layers are {', '.join(['0', *self.by_id])}."
            )
        sends = self.size_of(connection.source)
        if connection.weights.n_in != sends:
            raise DescriptionError(
                f"layer {layer.id}: its weights receive {connection.weights.n_in} neurons, layer "
                f"{connection.source} has {sends}."
            )
        shape = self.sent_shape(connection.source)
        received = getattr(connection.weights, "in_shape", shape)  # of a convolution
        if received != shape:
            own = shape == self.shape_of(connection.source)
            has = "has the shape" if own else "is received by other convolutions as"
            raise DescriptionError(
                f"layer {layer.id}: its convolution receives {received}, layer "
                f"{connection.source} {has} {shape}."
            )

    def _check_drive(self, layer: Layer) -> None:
        if layer.drive is None:
            return
        weights, entry = layer.drive.weights, self.input.shape
        received = getattr(weights, "in_shape", entry)
        if weights.n_in != self.input.size or (len(entry) == 3 and received != entry):
            raise DescriptionError(
                f"layer {layer.id}: its drive receives {weights.n_in} pixels as {received}, the "
                f"input has the shape {entry}."
            )

    @cached_property
    def by_id(self) -> dict[str, Layer]:
        """Layers by id."""
        return {layer.id: layer for layer in self.layers}

    @cached_property
    def schedule(self) -> RowSchedule:
        """Order and phases of the layers."""
        return row_schedule(self)  # pyright: ignore[reportArgumentType]

    @cached_property
    def kinds(self) -> dict[str, NeuronKind]:
        """Kinds of neurons by layer; the input is there if it has neurons."""
        of_input = {} if self.input.neuron is None else {INPUT: self.input.neuron}
        return {**of_input, **{layer.id: layer.neuron for layer in self.layers}}

    def sent_shape(self, name: str) -> tuple[int, ...]:
        """Shape in which a layer is received; of a layer (n,) the (C, H, W) of convolutions."""
        shape = self.shape_of(name)
        found = (
            connection.weights.in_shape
            for layer in self.layers
            for connection in layer.connections
            if connection.source == name and isinstance(connection.weights, Convolution)
        )
        return next(found, shape) if len(shape) == 1 else shape

    @cached_property
    def draws(self) -> bool:
        """True if some neurons draw from the random source."""
        return any(kind.draws for kind in self.kinds.values())

    @cached_property
    def driven(self) -> bool:
        """True if a layer is of Poisson or graded neurons: row 0 then follows the reset."""
        return any(kind.driven for kind in self.kinds.values())

    def rows(self, n_steps: int) -> int:
        """Rows of a run of `n_steps`: 0..n_steps after a reset, otherwise 0..n_steps - 1."""
        return n_steps + 1 if self.driven else n_steps

    @property
    def sends_input(self) -> bool:
        """True if a layer receives messages of the input, and not its drive alone."""
        return any(c.source == INPUT for layer in self.layers for c in layer.connections)

    @property
    def delayed(self) -> bool:
        """True if messages pass from one row to another."""
        return any(c.longest_delay > 0 for layer in self.layers for c in layer.connections)

    @property
    def readouts(self) -> tuple[Layer, ...]:
        """Layers that are judged; the last layer if none has this purpose."""
        found = tuple(layer for layer in self.layers if layer.purpose == READOUT)
        return found or self.layers[-1:]

    @property
    def readout(self) -> Layer:
        """Last read-out: the one that decides the class."""
        return self.readouts[-1]

    def save(self, path: str | Path, *, overwrite: bool = False) -> None:
        """Write the network file (docs/spec/file.md), completely or not at all.

        Raises
        ------
        InputError
            If it cannot be written, a network file exists and `overwrite` is False, or the path is
            anything else.
        """
        from ipvae.network.io.network_file import write_network

        require_outputs([network_output(path, overwrite=overwrite)])
        write_network(path, self)  # pyright: ignore[reportArgumentType]

    @property
    def n_neurons(self) -> int:
        """Neurons of all layers, input neurons included."""
        return sum(self.size_of(name) for name in self.kinds)

    def size_of(self, source: str) -> int:
        """Number of values that a layer, or the input, sends in a row."""
        return self.input.size if source == INPUT else self.by_id[source].n_neurons

    def shape_of(self, source: str) -> tuple[int, ...]:
        """Shape of a layer, or of the input."""
        return self.input.shape if source == INPUT else self.by_id[source].shape

    def sent(self, source: str) -> tuple[int, int]:
        """Smallest and largest message of a layer or of the input, by their declared width."""
        return self.kinds[source].sent if source in self.kinds else self.input.value_range

    def message_bits(self, source: str) -> int:
        """Width of the messages of a layer or of the input; 0 for spikes."""
        if source in self.kinds:
            return self.kinds[source].message_bits
        return 16 if self.input.graded else 0

    def __repr__(self) -> str:
        sizes = ", ".join(f"{layer.id}: {layer.n_neurons}" for layer in self.layers)
        return f"Network({self.input.size} inputs, neurons by layer {{{sizes}}})"
