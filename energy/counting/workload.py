"""Workload of a chip for one image, layer by layer: the input of cost models."""

from dataclasses import dataclass

from ipvae.chip.core_memory import CONSERVATIVE, OPTIMISTIC, LayerShape, layer_shapes
from ipvae.chip.limits import TARGETS, USABLE_CORES, LimitCheck
from ipvae.chip.placement import Placement, place
from ipvae.energy.counting.counts import Counts, count_run
from ipvae.energy.counting.layer_counts import LayerCounts, layer_counts
from ipvae.network.description import IntNetwork
from ipvae.network.schedule import ScheduledLayer
from ipvae.network.traces.activity import Activity, activity_of
from ipvae.network.traces.totals import Totals


@dataclass(frozen=True)
class LayerWorkload:
    """Workload of one layer for one image, means over the images of a run.

    Attributes
    ----------
    shape : LayerShape
    slot : int
        Chip step at which it updates, within the period of an update.
    rows : int
        Updates of the layer: T + 1.
    input_rows : int
        Rows at which it receives its source; 0 without a source.
    received : float
        Messages received.
    sent : float
        Nonzero outputs of its neurons, received by a layer or not.
    weights : int or None
        Products of one row if no zero is skipped; None: neurons times presynaptic neurons.
    update : (int, int) or None
        Multiplications and other operations of one neuron update; None: those of a Poisson or a
        graded neuron (docs/spec/neuron_cost.md).
    """

    shape: LayerShape
    slot: int
    rows: int
    input_rows: int
    received: float
    sent: float
    weights: int | None = None
    update: tuple[int, int] | None = None

    @property
    def products(self) -> int:
        """Products of one image if no zero is skipped."""
        dense = self.shape.neurons * self.shape.fan_in
        return (dense if self.weights is None else self.weights) * self.input_rows


@dataclass(frozen=True, eq=False)
class Workload:
    """Workload of one image, means over the images of a run.

    Attributes
    ----------
    counts : Counts
    layers : tuple of LayerWorkload
        Layers in ascending order.
    period, chip_steps : int
        Chip steps per update, and per image.
    packed, loose : Placement or LimitCheck
        Placement on the fewest cores by the optimistic and by the conservative memory model, or the
        exceeded limit if no board is large enough.
    pipelined : bool
        True for a `Network` of any kinds, whose layers all update in parallel.
    """

    counts: Counts
    layers: tuple[LayerWorkload, ...]
    period: int
    chip_steps: int
    packed: Placement | LimitCheck
    loose: Placement | LimitCheck
    pipelined: bool = False

    @property
    def rows(self) -> int:
        """Rows of each layer: T + 1."""
        return self.layers[0].rows

    @property
    def received(self) -> dict[str, float]:
        """Mean messages that each layer receives in one update."""
        return {layer.shape.name: layer.received / layer.rows for layer in self.layers}

    @property
    def shapes(self) -> tuple[LayerShape, ...]:
        """Shapes of all layers."""
        return tuple(layer.shape for layer in self.layers)

    @property
    def spread(self) -> Placement | LimitCheck:
        """Placement with the smallest maximum core load on the chips of `packed`."""
        if isinstance(self.packed, LimitCheck):
            return self.packed
        cores = self.packed.chips * USABLE_CORES
        return place(self.shapes, self.packed.target, OPTIMISTIC, self.received, cores)


def work_of(network: IntNetwork, run: Activity | Totals) -> Workload:
    """Workload of one image of a run.

    Parameters
    ----------
    network : IntNetwork
        The network that ran.
    run : Activity or Totals
        Run of at least one image.
    """
    activity, steps = activity_of(network, run), run.steps
    shapes = {shape.name: shape for shape in layer_shapes(network)}
    stages = {stage.name: stage for stage in network.schedule.stages}
    layers = tuple(
        _layer(stages[counted.layer], shapes[counted.layer], network, steps + 1, counted)
        for counted in layer_counts(network, activity)
    )
    received = {layer.shape.name: layer.received / layer.rows for layer in layers}
    board = TARGETS["hala-point"]
    packed, loose = (
        place(tuple(shapes.values()), board, reading, received)
        for reading in (OPTIMISTIC, CONSERVATIVE)
    )
    return Workload(
        counts=count_run(network, activity),
        layers=layers,
        period=network.schedule.period,
        chip_steps=network.schedule.chip_steps(steps),
        packed=packed,
        loose=loose,
    )


def _layer(
    stage: ScheduledLayer, shape: LayerShape, network: IntNetwork, rows: int, counted: LayerCounts
) -> LayerWorkload:
    return LayerWorkload(
        shape=shape,
        slot=stage.phase % network.schedule.period,
        rows=rows,
        input_rows=rows - stage.input_delay if shape.fan_in else 0,
        received=counted.messages_received,
        sent=counted.messages,
    )
