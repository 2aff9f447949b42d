"""An `IntNetwork` as a `Network` of Poisson and graded layers."""

from dataclasses import fields
from typing import Any

from ipvae.errors import DescriptionError
from ipvae.network.connections import Connection, Dense, Diagonal, Drive
from ipvae.network.description import DRAWN, IntNetwork
from ipvae.network.kinds import GradedNeuron, NeuronKind, PoissonNeuron
from ipvae.network.layers import PoissonLayer
from ipvae.network.network import HIDDEN, READOUT, Input, Layer, Network, Pixels
from ipvae.network.schedule import AnyLayer, ScheduledLayer


def as_network(network: IntNetwork) -> Network:
    """Return the same network with the same ids, which gives the same trace.

    The decoder is not part of it; a code without read-outs is the layer that is judged.

    Raises
    ------
    DescriptionError
        If the code starts each image from log-rates of its own, which no `Network` does.
    """
    if getattr(network.layer, "start", None) is not None:
        raise DescriptionError(
            f"layer {network.code}: starts each image from its own log-rates, which a Network of "
            "connections cannot; keep it as it is"
        )
    pixels = network.input
    stages = sorted(network.schedule.stages, key=lambda stage: int(stage.name))
    return Network(
        Input(
            (1, *pixels.shape),
            graded=True,
            pixels=Pixels(pixels.minimum, pixels.maximum, pixels.scale),
        ),
        tuple(_layer(stage) for stage in stages),
        network.test_images,
        network.test_labels,
        network.provenance,
    )


def _layer(stage: ScheduledLayer) -> Layer:
    layer = stage.layer
    connections = ()
    if layer.weight_rec is not None:
        connections = (
            Connection(str(layer.source), Dense(layer.weight_rec), delay=stage.input_delay),
        )
    drive = None
    if layer.weight is not None:
        weights = Diagonal(layer.weight) if layer.weight.ndim == 1 else Dense(layer.weight)
        drive = Drive(weights, layer.drive_exp)
    purpose = READOUT if stage.role == READOUT else HIDDEN
    return Layer(stage.name, neuron_of(layer), connections, layer.bias, purpose, drive)


def neuron_of(layer: AnyLayer) -> NeuronKind:
    """Return the kind of a layer's neurons."""
    draws = isinstance(layer, PoissonLayer)
    kind = PoissonNeuron if draws else GradedNeuron
    names = {f.name for f in fields(kind)} - {"key_layer"}
    own: dict[str, Any] = {name: getattr(layer, name) for name in names}
    return PoissonNeuron(**own, key_layer=DRAWN) if draws else GradedNeuron(**own)
