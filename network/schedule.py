"""Execution schedule: when each layer updates, and the delay of its input.

A message takes one step of the chip. A network whose loop has two hops therefore updates at every
second step; in between, its neurons keep their state and send nothing. A layer first updates at
chip step `phase` of an image, then every `period` steps. These updates are its rows 0..T.
"""

from dataclasses import dataclass

from ipvae.errors import DescriptionError
from ipvae.network.layers import MAX_LAYERS, NOTHING, GradedLayer, PoissonLayer

AnyLayer = PoissonLayer | GradedLayer


@dataclass(frozen=True)
class ScheduledLayer:
    """A layer with its times of update.

    Attributes
    ----------
    name : its number in file, traces and messages
    layer : PoissonLayer or GradedLayer
    role : 'hidden', 'code' or 'readout'
    phase : chip step of its first row
    input_delay :
        rows between the sending of its input and its update: 0, or 1 for input from itself or from
        a later layer
    """

    name: str
    layer: AnyLayer
    role: str
    phase: int
    input_delay: int


@dataclass(frozen=True)
class Schedule:
    """All layers, in the order in which they update.

    Attributes
    ----------
    period : chip steps between two rows of a layer
    stages : by phase, layers of the same phase by number
    """

    period: int
    stages: tuple[ScheduledLayer, ...]

    def chip_steps(self, n_steps: int) -> int:
        """Chip steps that an image of `n_steps` updates takes, step 0 included."""
        return n_steps * self.period + max(stage.phase for stage in self.stages) + 1


def schedule_of(
    hidden: tuple[GradedLayer, ...], code: AnyLayer, readouts: tuple[GradedLayer, ...]
) -> Schedule:
    """Compute when each layer updates.

    Hidden layers 1..n form a chain that ends in the code, layer n + 1. The code receives itself
    (recurrent), the last hidden layer, or nothing. The first hidden layer receives the code
    (a loop) or nothing (feed-forward). Read-outs receive the code.

    Raises
    ------
    DescriptionError
        If there are too many layers, the connections are different, sizes do not match, or a layer
        without a loop has memory.
    """
    n = len(hidden)
    number = n + 1
    layers = {i: layer for i, layer in enumerate((*hidden, code, *readouts), start=1)}
    if len(layers) > MAX_LAYERS:
        raise DescriptionError(f"layers: found {len(layers)}, allowed are up to {MAX_LAYERS}")
    loop = code.source == number or (n > 0 and hidden[0].source == number)
    _require_sources(layers, number)
    _require_sizes(layers)
    for i, layer in layers.items():
        if i <= number and layer.memory != (loop and i == number):
            raise DescriptionError(
                f"layer {i}: found {'' if layer.memory else 'no '}memory, allowed is memory in a "
                "code that receives itself, at once or through hidden layers, and nowhere else "
                "before the read-outs"
            )
    back = n > 0 and loop
    period = number if back else 1
    first = 0 if loop else n
    stages = [ScheduledLayer(str(number), code, "code", first, 1 if loop else 0)]
    for i, layer in enumerate(hidden):
        stages.append(ScheduledLayer(str(i + 1), layer, "hidden", i + 1 if back else i, 0))
    for i, layer in enumerate(readouts):
        stages.append(ScheduledLayer(str(number + 1 + i), layer, "readout", first + 1, 0))
    return Schedule(period, tuple(sorted(stages, key=lambda s: (s.phase, int(s.name)))))


def _require_sources(layers: dict[int, AnyLayer], number: int) -> None:
    """Check the source of each layer."""
    for i, layer in layers.items():
        if i > number:
            allowed = {number}
        elif number == 1:
            allowed = {NOTHING, 1}
        else:
            allowed = {i - 1} if i > 1 else {NOTHING, number}
        if layer.source not in allowed:
            names = " or ".join(str(a) for a in sorted(allowed))
            raise DescriptionError(f"layer {i}: source {layer.source}, allowed {names}")
        if i > number and layer.weight is not None:
            raise DescriptionError(f"layer {i}: a read-out has weights from the image")


def _require_sizes(layers: dict[int, AnyLayer]) -> None:
    for i, layer in layers.items():
        if layer.weight_rec is None:
            continue
        found, sends = layer.weight_rec.shape[1], layers[layer.source].n_neurons
        if found != sends:
            raise DescriptionError(
                f"layer {i}: weight_rec has shape {layer.weight_rec.shape}, layer {layer.source} "
                f"has {sends} neurons"
            )
