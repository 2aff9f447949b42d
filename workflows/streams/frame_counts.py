"""Activity of one frame of a stream, from the messages before and after it."""

import numpy as np

from ipvae.emulator.streams.layered import Sent
from ipvae.network.description import IntNetwork
from ipvae.network.traces.activity import Activity, LayerActivity, SentMessages


def frame_activity(
    network: IntNetwork, before: dict[str, Sent] | None, after: dict[str, Sent]
) -> Activity:
    """Activity of the rows that a frame computed, as one image of that many rows.

    Summed over the frames of a stream, messages received are the messages of the whole run.

    Parameters
    ----------
    network : IntNetwork
    before, after : dict of layer -> Sent
        Messages since the reset; None before the first frame.
    """
    start = before or {name: _none(layer.n_neurons) for name, layer in network.layers.items()}
    layers = {}
    for stage in sorted(network.schedule.stages, key=lambda stage: int(stage.name)):
        name, source = stage.name, str(stage.layer.source)
        received, sizes = np.zeros((1, 0), np.int64), np.zeros(1, np.int64)
        if stage.layer.weight_rec is not None:
            ends = [
                _received(at[source], at[name].rows - stage.input_delay) for at in (start, after)
            ]
            received, sizes = (ends[1][0] - ends[0][0])[None], np.array([ends[1][1] - ends[0][1]])
        layers[name] = LayerActivity(
            _sent(start[name], after[name]), received, sizes, int((received > 0).sum())
        )
    rows = after[network.code].rows - start[network.code].rows
    return Activity(1, rows - 1, np.array([rows]), layers, "one frame of a stream")


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
