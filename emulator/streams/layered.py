"""Stream of frames through an `IntNetwork`, bit-exact to docs/spec/streams.md."""

import numpy as np

from ipvae.emulator import layout
from ipvae.emulator.engine import OnMessage
from ipvae.emulator.layout import Part
from ipvae.emulator.simd.compiling import say_if_compiling
from ipvae.emulator.streams.pixel_changes import ChangingDrive, changed_pixels
from ipvae.emulator.tile import Tile
from ipvae.errors import InputError
from ipvae.network.description import IntNetwork
from ipvae.network.proof.bounds import require_proved
from ipvae.network.rules import random_source
from ipvae.network.rules.drive import drives
from ipvae.network.rules.start import start_log_rates
from ipvae.network.traces.sent import Pushed, Sent


class LayeredStream:
    """Frames of an `IntNetwork`, one at a time, each for some updates.

    A layer is computed as far as the frames so far determine it. A layer that takes the image at
    its row, without a lag, ends one row before a code in a loop, whose next row it belongs to.

    Parameters
    ----------
    network : IntNetwork
    steps : int
        Updates of each frame.
    seed : int in [0, 2**48)
    averaged : int
        Rows at the end of each frame whose counts are averaged; 0 for the drawn counts.
    on_message : callable, optional
        As for `Emulator`.

    Raises
    ------
    UnprovedOverflowError
        If a variable of the network may leave its range.
    """

    def __init__(
        self,
        network: IntNetwork,
        steps: int,
        seed: int,
        averaged: int = 0,
        on_message: OnMessage | None = None,
    ) -> None:
        require_proved(network)
        self._parts = layout.parts(network)
        say_if_compiling(self._parts, on_message)
        self.network, self.steps, self._seed, self._averaged = network, steps, seed, averaged
        random_source.image_key(seed, 0)  # refuses a seed out of range
        self._code, fmt = network.code, network.input
        self._range = fmt.minimum, fmt.maximum
        largest = max(abs(fmt.minimum), abs(fmt.maximum))
        self._drives = {
            name: ChangingDrive(layer, largest)
            for name, layer in network.layers.items()
            if layer.weight is not None
        }
        self._shown = np.zeros(network.n_pixels, np.int32)
        self._where, self._by = np.zeros((2, network.n_pixels), np.int32)
        self._image = -1
        self._tile: Tile | None = None
        self._ends: dict[str, int] = {}
        self.reset()

    def reset(self) -> None:
        """Begin the next stream of the run: its own draws, and no memory of earlier frames."""
        self._image += 1
        self.frames, self._tile = 0, None
        self._shown[:] = 0
        for drive in self._drives.values():
            drive.reset()

    def close(self) -> None:
        """Do nothing: there are no processes."""

    def push(self, pixels: np.ndarray) -> Pushed | None:
        """Run one frame of pixels (M,) int32; None if a pixel is out of range.

        Raises
        ------
        InputError
            If the stream has reached the last step that draws can be keyed to.
        """
        self._require_steps()
        n = changed_pixels(pixels, self._shown, *self._range, self._where, self._by)
        if n < 0:
            return None
        if self._tile is None:
            self._begin(pixels)
        tile = self._tile
        assert tile is not None
        for name, drive in self._drives.items():
            to = tile.drive(name)
            drive.update(self._where, self._by, n, to)
        self.frames += 1
        averaged = self._advance(tile)
        sent = self._sent(tile)
        return Pushed(sent, sent[self._code].z if averaged is None else averaged, n)

    def _require_steps(self) -> None:
        last = (self.frames + 1) * self.steps
        if last >= random_source.STEP_LIMIT:
            raise InputError(
                f"stream: found step {last}, allowed below {random_source.STEP_LIMIT}, to which "
                "draws are keyed; call reset()"
            )

    def _begin(self, pixels: np.ndarray) -> None:
        """Reset the state, from the first frame."""
        key = random_source.image_key(self._seed, self._image)
        image = pixels[None]
        given = drives(self.network, image)
        self._tile = Tile(
            self._parts,
            {name: drive[:, None] for name, drive in given.items()},
            np.array(key, dtype=np.uint32).reshape(1, 2),
            start=start_log_rates(self.network, image),
        )
        self._ends = dict.fromkeys(self.network.layers, 0)

    def _advance(self, tile: Tile) -> np.ndarray | None:
        """Compute the rows that the frame determines; return averaged counts, if requested."""
        ends, code = self._bounds(), self._code
        if not self._averaged:
            self._run(tile, ends)
            return None
        before = {name: end - self._averaged for name, end in ends.items()}
        self._run(tile, before)
        sizes = tile.sums[code].sizes.copy()
        self._run(tile, ends)
        found = tile.sums[code].sizes - sizes
        return found[: self.network.n_neurons] / self._averaged

    def _bounds(self) -> dict[str, int]:
        """Row after the last one that each layer can compute."""
        far = self.frames * self.steps
        found: dict[str, int] = {}
        stages = self.network.schedule.stages
        for stage in stages:
            if stage.layer.weight is not None:
                found[stage.name] = far + stage.input_delay
        for _ in stages:  # along chains of layers
            for stage in stages:
                source = found.get(str(stage.layer.source))
                if source is not None:
                    own = found.get(stage.name, source + stage.input_delay)
                    found[stage.name] = min(own, source + stage.input_delay)
        return found

    def _run(self, tile: Tile, ends: dict[str, int]) -> None:
        """Advance all layers, row by row where there are several."""
        parts = self._parts
        if len(parts) == 1:
            self._rows(tile, parts[0], self._ends[parts[0].stage.name], ends[parts[0].stage.name])
            return
        for row in range(min(self._ends.values()), max(ends.values())):
            for part in parts:
                name = part.stage.name
                if self._ends[name] <= row < ends[name]:
                    self._rows(tile, part, row, row + 1)

    def _rows(self, tile: Tile, part: Part, first: int, last: int) -> None:
        tile.run(part, (first, last, part.first_received))
        self._ends[part.stage.name] = last

    def _sent(self, tile: Tile) -> dict[str, Sent]:
        found = {}
        for name, layer in self.network.layers.items():
            sums, n = tile.sums[name], layer.n_neurons
            found[name] = Sent(
                self._ends[name],
                sums.messages[:n].copy(),
                int(sums.sizes.sum()),
                int(sums.words[0]),
                tile.z(name, n)[0],
            )
        return found
