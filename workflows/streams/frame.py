"""Result of one frame of a stream."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ipvae.energy.counting.counts import Counts
from ipvae.energy.headline import headline
from ipvae.network.description import IntNetwork
from ipvae.network.network import Network
from ipvae.network.traces.activity import Activity
from ipvae.network.traces.network_totals import NetworkTotals
from ipvae.network.traces.sent import Sent
from ipvae.report.numbers import count
from ipvae.workflows.results import Result
from ipvae.workflows.streams.frame_counts import frame_costs, frame_counts, frames_activity
from ipvae.workflows.streams.network_frames import network_frame_costs, network_frame_counts

Messages = dict[str, Sent]
"""Messages of each layer since the reset."""


@dataclass(frozen=True, eq=False, repr=False)
class StreamFrame(Result):
    """Result of one frame of a stream.

    Attributes
    ----------
    index : int
        Number of the frame since the reset, from 0.
    steps : int
        Updates since the reset, this frame's included.
    counts : (K,) int32
        Output of the code in the frame's last row; of a `Network` that of the decoded layer, or
        without a decoder of the last one.
    decoded : (K,) int32 or float64
        Input of the decoder: `counts`, or their mean with `readout="mean"`.
    outputs : dict of layer -> (n,) int
        Outputs of the code and the read-outs in the last row; of a `Network` the messages of its
        last layer, summed over the rows of the frame.
    changed_pixels : int
        Pixels that differ from the frame before; before the first one all are 0.
    network : IntNetwork or Network
    before, after : messages since the reset, of which `operations` is the difference
    """

    index: int
    steps: int
    counts: np.ndarray
    decoded: np.ndarray
    outputs: dict[str, np.ndarray]
    changed_pixels: int
    network: IntNetwork | Network
    before: Messages | NetworkTotals | None
    after: Messages | NetworkTotals

    @cached_property
    def reconstruction(self) -> np.ndarray | None:
        """Image of the counts in real pixel units, with the input's shape; None if not decoded."""
        if isinstance(self.network, Network):
            decoder, shape = self.network.decoder, self.network.input.shape
            if decoder is None:
                return None
            maps = self.network.shape_of(decoder.layer)
            return decoder.images(self.decoded[None], maps, shape).reshape(shape)
        found = self.network.decoder @ self.decoded.astype(np.float32)
        return found.reshape(self.network.input.shape)

    @cached_property
    def operations(self) -> Counts:
        """Operations of this frame; docs/energy.md defines each.

        The sums over all frames equal the operations of a run of the whole stream. Drive and
        read-out are of one image; only the first frame has products of a start.
        """
        if isinstance(self.network, Network):
            return network_frame_counts(self.network, [self._totals])
        return frame_counts(self.network, self._activity, kept=self.index > 0)

    @cached_property
    def loihi2(self) -> dict[str, Any]:
        """Modelled energy and time of this frame on Loihi 2, as `EnergyEstimate.headline`."""
        kept = self.index > 0
        if isinstance(self.network, Network):
            return headline(*network_frame_costs(self.network, [self._totals], kept=kept))
        return headline(*frame_costs(self.network, self._activity, kept=kept))

    @property
    def _activity(self) -> Activity:
        assert isinstance(self.network, IntNetwork)
        assert isinstance(self.after, dict)
        before = self.before if isinstance(self.before, dict) else None
        return frames_activity(self.network, [(before, self.after)])

    @property
    def _totals(self) -> tuple[NetworkTotals | None, NetworkTotals]:
        assert isinstance(self.after, NetworkTotals)
        return (self.before if isinstance(self.before, NetworkTotals) else None), self.after

    def rows(self) -> list[tuple[str, str]]:
        """Return the main figures: pairs of name and text."""
        found = self.operations
        return [
            ("frame", str(self.index)),
            ("updates since the reset", str(self.steps)),
            ("active", f"{int((self.counts != 0).sum())} of {len(self.counts)}"),
            ("synaptic operations", count(found.synaptic_ops)),
            ("changed pixels", str(self.changed_pixels)),
        ]

    def to_json(self) -> dict[str, Any]:
        """Return JSON data: `frame`, `steps`, `counts`, `outputs`, `operations`."""
        return {
            "frame": self.index,
            "steps": self.steps,
            "counts": self.counts.tolist(),
            "outputs": {name: values.tolist() for name, values in self.outputs.items()},
            "operations": self.operations.as_dict(),
            "changed_pixels": self.changed_pixels,
        }
