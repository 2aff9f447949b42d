"""The same network for images of another size."""

from dataclasses import replace

import numpy as np

from ipvae.errors import DescriptionError
from ipvae.network.connections import Convolution, Weights
from ipvae.network.network import INPUT, Layer, Network

Shape = tuple[int, ...]


def resized(network: Network, height: int, width: int) -> Network:
    """Return a network with the same weights and parameters for images of another size.

    Kernels, biases and parameters of neurons belong to maps, so that they fit any size. Neurons are
    numbered (map, row, column): the same neuron has another number, and draws other counts.

    Parameters
    ----------
    network : Network
        Of layers of maps, whose inputs are all convolutions.
    height, width : int
        Pixels of an image.

    Returns
    -------
    Network
        Without test images, unless the size is the same.

    Raises
    ------
    DescriptionError
        If the network has other connections, numbers for single neurons, or kernels that do not
        fit the size.
    """
    entry = network.input
    if len(entry.shape) != 3:
        raise DescriptionError(
            f"input: found the shape {entry.shape}, allowed (channels, height, width); only "
            "networks of images can be resized"
        )
    wanted = (entry.shape[0], height, width)
    if wanted == entry.shape:
        return network
    shapes: dict[str, Shape] = {INPUT: wanted}
    waiting = list(network.layers)
    while waiting:
        ready = [layer for layer in waiting if _shape(layer, shapes) is not None]
        if not ready:
            raise DescriptionError(
                f"layer {waiting[0].id}: its size does not follow from the image's; only networks "
                "of convolutions can be resized"
            )
        shapes |= {layer.id: _shape(layer, shapes) or () for layer in ready}
        waiting = [layer for layer in waiting if layer.id not in shapes]
    return replace(
        network,
        input=replace(entry, shape=wanted),
        layers=tuple(_layer(layer, shapes) for layer in network.layers),
        test_images=np.zeros((0, 0), np.int32),
        test_labels=np.zeros(0, np.int64),
    )


def _sources(layer: Layer) -> list[tuple[str, Weights]]:
    found = [(connection.source, connection.weights) for connection in layer.connections]
    return found + ([] if layer.drive is None else [(INPUT, layer.drive.weights)])


def _shape(layer: Layer, shapes: dict[str, Shape]) -> Shape | None:
    """Shape of a layer by the first source whose shape is known; None if none is."""
    for source, weights in _sources(layer):
        if source in shapes:
            return _weights(layer, weights, shapes[source]).shape
    return None


def _weights(layer: Layer, weights: Weights, shape: Shape) -> Convolution:
    """Weights for a source of this shape."""
    if not isinstance(weights, Convolution):
        raise DescriptionError(
            f"layer {layer.id}: found {weights.kind} weights, which belong to one size of image; "
            "only networks of convolutions can be resized"
        )
    assert len(shape) == 3
    return replace(weights, in_shape=shape)


def _layer(layer: Layer, shapes: dict[str, Shape]) -> Layer:
    """Layer with its sources at their shapes."""
    _require_of_maps(layer)
    connections = tuple(
        replace(c, weights=_weights(layer, c.weights, shapes[c.source])) for c in layer.connections
    )
    drive = layer.drive
    if drive is not None:
        drive = replace(drive, weights=_weights(layer, drive.weights, shapes[INPUT]))
    return replace(layer, connections=connections, drive=drive)


def _require_of_maps(layer: Layer) -> None:
    """Raise DescriptionError if a number belongs to a single neuron."""
    each = {"bias": layer.bias}
    each |= {name: getattr(layer.neuron, name, None) for name in ("u_init", "self_weight")}
    for name, values in each.items():
        if isinstance(values, np.ndarray) and len(values) not in (1, layer.shape[0]):
            raise DescriptionError(
                f"layer {layer.id}: {name} has {len(values)} numbers, one for each neuron; allowed "
                f"are {layer.shape[0]}, one for each map"
            )
