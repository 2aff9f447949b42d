"""What a run asks of a chip, per image, layer by layer: what cost models start from."""

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
    """One layer and one image, means over the images of a run.

    Attributes
    ----------
    shape : LayerShape
    slot : int
        Chip step, of the period of an update, at which it acts.
    rows : int
        Times that it acts: T + 1.
    heard_rows : int
        Rows at which it hears its source; 0 if it hears nothing.
    received : float
        Messages that arrive.
    sent : float
        Nonzero outputs of its neurons, whoever hears them.
    """

    shape: LayerShape
    slot: int
    rows: int
    heard_rows: int
    received: float
    sent: float


@dataclass(frozen=True, eq=False)
class Workload:
    """A run.

    Attributes
    ----------
    counts : Counts
    layers : tuple of LayerWorkload
        In rising order.
    period, chip_steps : int
        Chip steps of an update, and of an image.
    packed, loose : Placement or LimitCheck
        On the fewest cores, by the optimistic and by the conservative reading of the memory
        model; the limit that does not hold where no board is large enough.
    """

    counts: Counts
    layers: tuple[LayerWorkload, ...]
    period: int
    chip_steps: int
    packed: Placement | LimitCheck
    loose: Placement | LimitCheck

    @property
    def rows(self) -> int:
        """Rows of every layer: T + 1."""
        return self.layers[0].rows

    @property
    def received(self) -> dict[str, float]:
        """Messages that each layer receives in one update, on average."""
        return {layer.shape.name: layer.received / layer.rows for layer in self.layers}

    @property
    def shapes(self) -> tuple[LayerShape, ...]:
        """All layers."""
        return tuple(layer.shape for layer in self.layers)

    @property
    def spread(self) -> Placement | LimitCheck:
        """Placement with the least busy busiest core on the chips of `packed`."""
        if isinstance(self.packed, LimitCheck):
            return self.packed
        cores = self.packed.chips * USABLE_CORES
        return place(self.shapes, self.packed.target, OPTIMISTIC, self.received, cores)


def work_of(network: IntNetwork, run: Activity | Totals) -> Workload:
    """Work of one image of a run.

    Parameters
    ----------
    network : IntNetwork
        The network that ran.
    run : Activity or Totals
        Of at least one image.
    """
    activity, steps = activity_of(network, run), run.steps
    shapes = {shape.name: shape for shape in layer_shapes(network)}
    stages = {stage.name: stage for stage in network.wiring.stages}
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
        period=network.wiring.period,
        chip_steps=network.wiring.chip_steps(steps),
        packed=packed,
        loose=loose,
    )


def _layer(
    stage: ScheduledLayer, shape: LayerShape, network: IntNetwork, rows: int, counted: LayerCounts
) -> LayerWorkload:
    return LayerWorkload(
        shape=shape,
        slot=stage.phase % network.wiring.period,
        rows=rows,
        heard_rows=rows - stage.lag if shape.fan_in else 0,
        received=counted.messages_received,
        sent=counted.messages,
    )
