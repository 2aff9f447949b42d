"""Run an integer network on many images at once, bit for bit as docs/arithmetic.md says."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from ipvae.emulator.kernels import draw_counts
from ipvae.network import random_source
from ipvae.network.bounds import require_proved
from ipvae.network.description import DRAWN, IntNetwork
from ipvae.network.draws import check_draws
from ipvae.network.file import checksum
from ipvae.network.layers import GradedLayer, PoissonLayer
from ipvae.network.neurons import graded_output, next_log_rate, next_potential
from ipvae.network.poisson import thresholds
from ipvae.network.record import EVERYTHING, LayerRecord, Record
from ipvae.network.stream import frame, stream_drives
from ipvae.network.trace import Trace
from ipvae.network.wiring import Stage

BATCH = 64
"""Images that advance together; results do not depend on it."""


Counts = Callable[[np.ndarray, int], np.ndarray]
"""Log-rates (N, K) and step -> counts (N, K) int64."""


@dataclass(frozen=True)
class Step:
    """All variables of one layer at one step: (N, K) int32 each."""

    a_in: np.ndarray
    u: np.ndarray
    z: np.ndarray


Row = dict[str, Step]
"""One step of every layer, by number."""


class Emulator:
    """A network ready to run.

    Raises
    ------
    UnprovedOverflowError
        If a variable of the network may leave its range.
    """

    def __init__(self, network: IntNetwork) -> None:
        require_proved(network)
        self.network = network
        self._neuron_key = random_source.neuron_keys(DRAWN, network.n_neurons)
        # Sums stay below 2**23, so a float32 product is exact whatever its order.
        self._weights = {
            name: np.ascontiguousarray(layer.weight_rec.T, dtype=np.float32)
            for name, layer in network.layers.items()
            if layer.weight_rec is not None
        }

    def rows(
        self,
        images: np.ndarray,
        n_steps: int,
        seed: int,
        first_image: int = 0,
        draws: np.ndarray | None = None,
        hold: int | None = None,
    ) -> Iterator[Row]:
        """Yield steps 0..n_steps of all layers for a batch of images.

        Parameters
        ----------
        images : (N, M) int; (N, frames, M) with `hold`
        n_steps : int
            Updates after step 0 (T).
        seed : int in [0, 2**48)
        first_image : int
            Index, in its run, of the first image: part of the random key.
        draws : (N, n_steps + 1, K) int, optional
            Counts to replay in place of the sampler's; the seed then has no effect.
        hold : int, optional
            Updates that each frame of a stream drives (`ipvae.network.stream`).

        Raises
        ------
        InputError, DescriptionError
            When the first step is asked for.
        """
        random_source.check_steps(n_steps)
        streams = stream_drives(self.network, images, n_steps, hold)
        b = {name: d.astype(np.int64) for name, d in streams.items()}
        if draws is None:
            count = self._sampled(seed, first_image, len(images))
        else:
            count = self._replayed(draws, len(images), n_steps)
        last: Row = {}
        for t in range(n_steps + 1):
            row: Row = {}
            for stage in self.network.wiring.stages:
                source = (last if stage.lag else row).get(str(stage.layer.source))
                a_in = self._received(stage, source, len(images))
                before = last.get(stage.name)
                drive = b[stage.name][:, frame(t, stage.lag, n_steps, hold)]
                row[stage.name] = _acted(stage, before, drive, a_in, count, t)
            yield row
            last = row

    def steps(
        self,
        images: np.ndarray,
        n_steps: int,
        seed: int,
        first_image: int = 0,
        draws: np.ndarray | None = None,
    ) -> Iterator[Step]:
        """Yield steps of the code alone; as `rows`."""
        for row in self.rows(images, n_steps, seed, first_image, draws):
            yield row[self.network.code]

    def _received(self, stage: Stage, source: Step | None, n_images: int) -> np.ndarray:
        """What synapses bring, (N, K) int64; nothing at an image's first step over a lag."""
        if source is None or stage.name not in self._weights:
            return np.zeros((n_images, stage.layer.n_neurons), dtype=np.int64)
        return (source.z.astype(np.float32) @ self._weights[stage.name]).astype(np.int64)

    def _replayed(self, draws: np.ndarray, n_images: int, n_steps: int) -> Counts:
        """Take recorded counts, whatever the log-rates are."""
        check_draws(draws, self.network, n_images, n_steps + 1)
        recorded = draws.astype(np.int64)
        return lambda _, step: recorded[:, step]

    def _sampled(self, seed: int, first_image: int, n_images: int) -> Counts:
        """Draw counts with the images' random keys."""
        keys = [random_source.image_key(seed, first_image + i) for i in range(n_images)]
        image_key = (
            np.array([key.a for key in keys], dtype=np.uint32),
            np.array([key.b for key in keys], dtype=np.uint32),
        )
        return lambda u, step: self._draw(u, image_key, step)

    def _draw(
        self, u: np.ndarray, image_key: tuple[np.ndarray, np.ndarray], step: int
    ) -> np.ndarray:
        """Counts (N, K) int64 at log-rates u, the layer's unit."""
        layer = self.network.layer
        assert isinstance(layer, PoissonLayer)  # no other draws
        counts = np.empty(u.shape, dtype=np.int64)
        most, u = layer.count_max, u >> layer.finer_bits
        draw_counts(u, image_key, self._neuron_key, step, thresholds(), most, counts)
        return counts


def _acted(
    stage: Stage, before: Step | None, drive: np.ndarray, a_in: np.ndarray, count: Counts, t: int
) -> Step:
    """Let a layer update and send."""
    layer = stage.layer
    if isinstance(layer, GradedLayer):
        start = np.zeros_like(drive)
        if layer.memory and before is None:
            u = start
        else:
            u = next_potential(layer, start if before is None else before.u, drive, a_in)
        return _step(a_in, u, graded_output(layer, u))
    first = np.broadcast_to(layer.u_init.astype(np.int64), drive.shape)
    if layer.memory and before is None:
        u = first
    else:
        z = np.zeros_like(drive) if before is None else before.z
        u = next_log_rate(layer, first if before is None else before.u, z, drive, a_in)
    return _step(a_in, u, count(u, t))


def _step(*variables: np.ndarray) -> Step:
    return Step(*(v.astype(np.int32) for v in variables))


def run(
    network: IntNetwork,
    images: np.ndarray,
    n_steps: int,
    seed: int,
    batch: int = BATCH,
    draws: np.ndarray | None = None,
    record: Record = EVERYTHING,
    hold: int | None = None,
) -> Trace:
    """Run images and record every variable at every step, or what `record` chooses.

    Parameters
    ----------
    network : IntNetwork
    images : (N, M) int; (N, frames, M) with `hold`
    n_steps : int in [1, 2**19)
    seed : int in [0, 2**48)
    batch : int
        Images per batch; the result does not depend on it.
    draws : (N, n_steps + 1, K) int, optional
        Counts to replay in place of the sampler's; the seed is then only a name in the trace.
    record : Record
    hold : int, optional
        Updates that each frame of a stream drives.

    Returns
    -------
    Trace

    Raises
    ------
    InputError, DescriptionError, UnprovedOverflowError
    """
    emulator = Emulator(network)
    record.require_fits(network)
    layers = {n: record.of_layer(n, layer.n_neurons) for n, layer in network.layers.items()}
    recorded = {name: part for name, part in layers.items() if part is not None}
    if draws is not None:
        check_draws(draws, network, len(images), n_steps + 1)
    samples: list[dict[str, dict[str, np.ndarray]]] = []
    for first in range(0, len(images), batch):
        part = slice(first, first + batch)
        replayed = None if draws is None else draws[part]
        steps = emulator.rows(images[part], n_steps, seed, first, replayed, hold)
        rows = [row for t, row in enumerate(steps) if t % record.every == 0]
        for i in range(len(images[part])):
            samples.append({name: _of_image(rows, name, i, p) for name, p in recorded.items()})
    return record.trace("emulator", seed, checksum(network), samples)


def _of_image(rows: list[Row], layer: str, image: int, part: LayerRecord) -> dict[str, np.ndarray]:
    """What is recorded of a layer for one image of a batch, (rows, neurons) int32 each."""
    return {
        v: np.stack([getattr(row[layer], v)[image, part.index] for row in rows])
        for v in part.variables
    }
