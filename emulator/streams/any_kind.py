"""Stream of frames through a `Network` of any kinds, bit-exact to `NetworkEmulator`."""

from typing import NamedTuple

import numpy as np

from ipvae.emulator.event_driven.plan import Plan, plan_of
from ipvae.emulator.event_driven.run_sums import WORDS
from ipvae.emulator.event_driven.tile import Tile
from ipvae.errors import InputError
from ipvae.network.network import INPUT, Network
from ipvae.network.proof.driven import require_driven_proved
from ipvae.network.rules import random_source
from ipvae.network.rules.network_drive import layer_drive
from ipvae.network.traces.network_totals import LayerSums, NetworkTotals


class PushedRows(NamedTuple):
    """Result of one frame.

    Attributes
    ----------
    totals : NetworkTotals
        Of all rows since the reset; `outputs` are of the frame alone.
    counts : (K,) int32
        Messages of the decoded layer, or of the last one, in the frame's last row.
    decoded : (K,) int32 or float64
        `counts`, or their mean over the last rows of the frame.
    changed_pixels : int
        Values that differ from the frame before; before the first one all are 0.
    """

    totals: NetworkTotals
    counts: np.ndarray
    decoded: np.ndarray
    changed_pixels: int


class LiveTile(Tile):
    """Memory of one image whose input changes while it runs."""

    def __init__(self, plan: Plan, rows: int) -> None:
        super().__init__(plan, 1, (max(rows, plan.rows),))
        self._names = [INPUT, *plan.network.by_id]
        self._last_row = 0

    def begin(self, frame: np.ndarray, keys: np.ndarray) -> None:
        """Reset everything, and compute the rows of layers that lead in before row 0."""
        self._begin(frame, keys)
        row = -max(self._lead_in.values())
        while row < 0:
            rows = min(self._plan.rows, -row)
            self._advance(row, rows)
            row += rows

    def show(self, frame: np.ndarray) -> None:
        """Set the input of the following rows: (1, 1, n_inputs) int32."""
        self._frames = self._plan.entry.places.packed(frame)
        for name, layer in self._plan.network.by_id.items():
            if layer.neuron.driven:
                self._neurons[name].set_drive(layer_drive(layer, frame))

    def advance(self, rows: int) -> np.ndarray:
        """Compute the next rows; return what the last layer sent in them, summed: (n,) int64."""
        self._outputs[:] = 0
        while rows > 0:
            together = min(self._plan.rows, rows)
            self._advance(0, together)
            rows -= together
            self._last_row = together - 1
        return self._outputs[0].copy()

    def sent_last(self, name: str) -> np.ndarray:
        """Messages of a layer in the last row: (n,) int32."""
        sent = self._sent[name]
        row = sent.z[0, sent.history + self._last_row]
        return self._neurons[name].places.unpacked(row).astype(np.int32)

    def sizes(self, name: str) -> np.ndarray:
        """Sums of the messages of a layer since the reset: (n,) int64."""
        return self._layer_sums(name, 0).sizes

    def totals(self, steps: int, outputs: np.ndarray) -> NetworkTotals:
        """Totals of all rows so far, of which `steps` after the first."""
        layers = {name: self._layer_sums(name, steps) for name in self._names}
        found = self._result()
        return NetworkTotals(1, steps, layers, outputs[None], found.last, found.potentials)

    def _layer_sums(self, name: str, steps: int) -> LayerSums:
        entry = self._plan.entry
        places = entry.places if name == INPUT else self._neurons[name].places
        part, sent = self._sums_of[name].part, self._sent[name]
        past = np.abs(places.unpacked(sent.z[0, : sent.history]).astype(np.int64))
        messages = places.unpacked(part.messages)
        return LayerSums(
            messages=messages,
            sizes=places.unpacked(part.sizes) if sent.graded else messages,
            rows=self._plan.network.rows(steps) + self._lead_in[name],
            peak=part.peak,
            limits={},
            last=(past > 0).astype(np.int64),
            last_sizes=past,
            by_row=np.zeros(0, np.int64),
            random_words=int(part.limits[WORDS]),
        )


class NetworkStream:
    """Frames of a `Network`, one at a time, each for some rows.

    Parameters
    ----------
    network : Network
    steps : int
        Rows of each frame; the first frame of a network with Poisson or graded layers also has row
        0, after the reset.
    seed : int
        Of neurons that draw.
    averaged : int
        Rows at the end of each frame whose counts are averaged; 0 for the drawn counts.

    Raises
    ------
    UnprovedOverflowError
        If a variable of a Poisson or graded layer may leave its range.
    """

    def __init__(self, network: Network, steps: int, seed: int, averaged: int = 0) -> None:
        require_driven_proved(network)
        if network.draws:
            random_source.image_key(seed, 0)  # refuses a seed out of range
        self.network, self.steps, self._seed = network, steps, seed
        self._averaged = averaged
        self._plan = plan_of(network)
        self._code = network.readout.id if network.decoder is None else network.decoder.layer
        self._image = -1
        self.reset()

    def reset(self) -> None:
        """Begin the next stream of the run: its own draws, and no memory of earlier frames."""
        self._image += 1
        self.frames = 0
        self._tile = LiveTile(self._plan, self.steps + 1)
        self._shown = np.zeros(self.network.input.size, np.int32)

    def close(self) -> None:
        """Do nothing: there are no processes."""

    def push(self, values: np.ndarray) -> PushedRows:
        """Run one frame, (n_inputs,) int32 within the range of the input.

        Raises
        ------
        InputError
            If the stream has reached the last step that draws can be keyed to.
        """
        last = (self.frames + 1) * self.steps
        if self.network.draws and last >= random_source.STEP_LIMIT:
            raise InputError(
                f"stream: found step {last}, allowed below {random_source.STEP_LIMIT}, to which "
                "draws are keyed; call reset()"
            )
        frame = values[None, None]
        if self.frames == 0:
            drawn = self.network.draws
            keys = [random_source.image_key(self._seed, self._image)] if drawn else []
            self._tile.begin(frame, np.array(keys, np.int64).reshape(-1, 2))
        self._tile.show(frame)
        first = int(self.network.driven and self.frames == 0)
        tile, code = self._tile, self._code
        outputs = tile.advance(self.steps + first - self._averaged)
        if self._averaged:
            before = tile.sizes(code).copy()
            outputs += tile.advance(self._averaged)
            mean = (tile.sizes(code) - before) / self._averaged
        changed = int((values != self._shown).sum())
        self._shown = values
        self.frames += 1
        counts = tile.sent_last(code)
        decoded = mean if self._averaged else counts
        return PushedRows(tile.totals(last, outputs), counts, decoded, changed)
