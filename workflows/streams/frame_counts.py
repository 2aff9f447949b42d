"""Activity of frames of a stream, from the messages before and after each."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ipvae.energy.counting.counts import Counts, count_run
from ipvae.energy.counting.workload import work_of
from ipvae.energy.models import EnergyRow, TimeRow
from ipvae.energy.models.table import left_out, model_table
from ipvae.network.description import IntNetwork
from ipvae.network.rules.start import start_of
from ipvae.network.schedule import ScheduledLayer
from ipvae.network.traces.activity import Activity, LayerActivity, SentMessages
from ipvae.network.traces.sent import Sent

Pair = tuple[dict[str, Sent] | None, dict[str, Sent]]
"""Messages of each layer since the reset, before and after a frame; None before the first one."""


def frames_activity(network: IntNetwork, pairs: Sequence[Pair]) -> Activity:
    """Activity of frames, each as one image of the rows that it computed, all in one group.

    Summed over the frames of a stream, messages received are the messages of the whole run.

    Parameters
    ----------
    network : IntNetwork
    pairs : sequence of Pair
        One or more frames of equally many rows.
    """
    layers = {}
    for stage in sorted(network.schedule.stages, key=lambda stage: int(stage.name)):
        of_each = [_layer(network, stage, pair) for pair in pairs]
        sent = SentMessages(
            *(sum(getattr(of.sent, name) for of in of_each) for name in _SUMMED)  # type: ignore[arg-type]
        )
        received = sum(of.received for of in of_each)
        sizes = sum(of.received_sizes for of in of_each)
        peak = max(of.peak for of in of_each)
        layers[stage.name] = LayerActivity(sent, received, sizes, peak)  # type: ignore[arg-type]
    code = network.code
    rows = sum(after[code].rows - (0 if old is None else old[code].rows) for old, after in pairs)
    return Activity(
        len(pairs), rows // len(pairs) - 1, np.array([rows]), layers, "frames of a stream"
    )


def frame_counts(network: IntNetwork, activity: Activity, *, kept: bool) -> Counts:
    """Operations of one frame, means over frames; with the state `kept` there is no start."""
    found, start = count_run(network, activity), start_of(network)
    if not kept or start is None:
        return found
    return replace(found, drive_macs=found.drive_macs - start.weight.size)


def frame_costs(
    network: IntNetwork, activity: Activity, *, kept: bool
) -> tuple[list[EnergyRow], list[TimeRow], list[str]]:
    """Modelled energies and times of one frame, and notes on what is left out.

    With the state `kept`, every row of a frame receives messages, the first one from the frame
    before; after a reset the first row receives none.
    """
    work = work_of(network, activity)
    if not kept:
        return *model_table(network, work), left_out(work)  # type: ignore[return-value]
    work = replace(work, counts=frame_counts(network, activity, kept=True))
    layers = tuple(
        replace(layer, input_rows=layer.rows) if layer.input_rows else layer
        for layer in work.layers
    )
    work = replace(work, layers=layers)
    return *model_table(network, work), left_out(work)  # type: ignore[return-value]


_SUMMED = ("messages", "last_messages", "sizes", "last_sizes", "random_words")


def _layer(network: IntNetwork, stage: ScheduledLayer, pair: Pair) -> LayerActivity:
    """Activity of a layer in one frame."""
    name, source, after = stage.name, str(stage.layer.source), pair[1]
    start = pair[0] or {name: _none(of.n_neurons) for name, of in network.layers.items()}
    received, sizes = np.zeros((1, 0), np.int64), np.zeros(1, np.int64)
    if stage.layer.weight_rec is not None:
        delay = stage.input_delay
        first, last = (_received(at[source], at[name].rows - delay) for at in (start, after))
        received, sizes = (last[0] - first[0])[None], np.array([last[1] - first[1]])
    return LayerActivity(
        _sent(start[name], after[name]), received, sizes, int((received > 0).sum())
    )


def _none(n: int) -> Sent:
    return Sent(0, np.zeros(n, np.int64), 0, 0, np.zeros(n, np.int32))


def _received(source: Sent, rows: int) -> tuple[np.ndarray, int]:
    """Messages and sizes in the first rows of a source, which has at most one row more."""
    if source.rows <= max(rows, 0):
        return source.messages, source.sizes
    last = np.abs(source.z.astype(np.int64))
    return source.messages - (last > 0), source.sizes - int(last.sum())


def _sent(before: Sent, after: Sent) -> SentMessages:
    """Messages sent in the rows of a frame; all are received, the last ones by the next frame."""
    last = np.abs(after.z.astype(np.int64)) > 0
    return SentMessages(
        messages=(after.messages - before.messages)[None],
        last_messages=last.astype(np.int64)[None],
        sizes=np.array([after.sizes - before.sizes]),
        last_sizes=np.zeros(1, np.int64),
        random_words=np.array([after.words - before.words]),
    )
