"""Run an integer network on many images at once, bit for bit as docs/arithmetic.md says."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ipvae.network import poisson, random_source
from ipvae.network.arithmetic import clip, scale_input, self_inhibition
from ipvae.network.bounds import require_proved
from ipvae.network.description import LAYER, IntNetwork
from ipvae.network.drive import drive
from ipvae.network.file import checksum
from ipvae.network.trace import VARIABLES, Trace

BATCH = 64
"""Images that advance together; results do not depend on it."""


@dataclass(frozen=True)
class Step:
    """All variables of one step: (N, K) int32 each."""

    a_in: np.ndarray
    u: np.ndarray
    z: np.ndarray


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
        layer = network.layer
        self._neuron_key = random_source.neuron_keys(int(LAYER), layer.n_neurons)
        # Sums stay below 2**23, so a float32 product is exact whatever its order.
        self._weight = np.ascontiguousarray(layer.weight_rec.T, dtype=np.float32)
        self._self = layer.self_weight.astype(np.int64)

    def steps(
        self, images: np.ndarray, n_steps: int, seed: int, first_image: int = 0
    ) -> Iterator[Step]:
        """Yield steps 0..n_steps of a batch of images.

        Parameters
        ----------
        images : (N, M) int
        n_steps : int
            Updates after step 0 (T).
        seed : int in [0, 2**48)
        first_image : int
            Index, in its run, of the first image: part of the random key.

        Raises
        ------
        InputError, DescriptionError
            When the first step is asked for.
        """
        random_source.check_steps(n_steps)
        layer = self.network.layer
        b = drive(self.network, images).astype(np.int64)
        keys = [random_source.image_key(seed, first_image + i) for i in range(len(images))]
        image_key = (
            np.array([key.a for key in keys], dtype=np.uint32)[:, None],
            np.array([key.b for key in keys], dtype=np.uint32)[:, None],
        )
        u = np.broadcast_to(layer.u_init.astype(np.int64), b.shape)
        a_in = np.zeros(b.shape, dtype=np.int64)
        z = self._draw(u, image_key, 0)
        yield Step(*(v.astype(np.int32) for v in (a_in, u, z)))
        for t in range(1, n_steps + 1):
            a_in = (z.astype(np.float32) @ self._weight).astype(np.int64)
            change = b - scale_input(a_in, layer.weight_exp) - self_inhibition(self._self, z)
            u = clip(u + clip(change, layer.du_min, layer.du_max), layer.u_min, layer.u_max)
            z = self._draw(u, image_key, t)
            yield Step(*(v.astype(np.int32) for v in (a_in, u, z)))

    def _draw(
        self, u: np.ndarray, image_key: tuple[np.ndarray, np.ndarray], step: int
    ) -> np.ndarray:
        """Counts (N, K) int64 at log-rates u."""
        k = u.shape[1]

        def uniform(sub_draw: int, index: np.ndarray | None) -> np.ndarray:
            if index is None:
                return random_source.uniforms(image_key, self._neuron_key, step, sub_draw)
            image, neuron = index // k, index % k
            return random_source.uniforms(
                (image_key[0][image, 0], image_key[1][image, 0]),
                (self._neuron_key[0][neuron], self._neuron_key[1][neuron]),
                step,
                sub_draw,
            )

        return np.minimum(poisson.draw(u, uniform), self.network.layer.count_max)


def run(
    network: IntNetwork, images: np.ndarray, n_steps: int, seed: int, batch: int = BATCH
) -> Trace:
    """Run images and record every variable at every step.

    Parameters
    ----------
    network : IntNetwork
    images : (N, M) int
    n_steps : int in [1, 2**19)
    seed : int in [0, 2**48)
    batch : int
        Images per batch; the result does not depend on it.

    Returns
    -------
    Trace

    Raises
    ------
    InputError, DescriptionError, UnprovedOverflowError
    """
    emulator = Emulator(network)
    samples = []
    for first in range(0, len(images), batch):
        steps = list(emulator.steps(images[first : first + batch], n_steps, seed, first))
        stacked = {name: np.stack([getattr(s, name) for s in steps], axis=1) for name in VARIABLES}
        samples += [
            {LAYER: {name: stacked[name][i] for name in VARIABLES}} for i in range(len(steps[0].u))
        ]
    return Trace("emulator", seed, checksum(network), samples)
