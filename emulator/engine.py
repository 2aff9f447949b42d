"""Run an integer network on many images at once, bit for bit as docs/arithmetic.md says."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from ipvae.network import poisson, random_source
from ipvae.network.arithmetic import clip, scale_input, self_inhibition
from ipvae.network.bounds import require_proved
from ipvae.network.description import LAYER, IntNetwork
from ipvae.network.draws import check_draws
from ipvae.network.drive import drive
from ipvae.network.file import checksum
from ipvae.network.trace import VARIABLES, Trace

BATCH = 64
"""Images that advance together; results do not depend on it."""


Counts = Callable[[np.ndarray, int], np.ndarray]
"""Log-rates (N, K) and step -> counts (N, K) int64."""


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
        self,
        images: np.ndarray,
        n_steps: int,
        seed: int,
        first_image: int = 0,
        draws: np.ndarray | None = None,
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
        draws : (N, n_steps + 1, K) int, optional
            Counts to replay in place of the sampler's; the seed then has no effect.

        Raises
        ------
        InputError, DescriptionError
            When the first step is asked for.
        """
        random_source.check_steps(n_steps)
        layer = self.network.layer
        b = drive(self.network, images).astype(np.int64)
        if draws is None:
            count = self._sampled(seed, first_image, len(b))
        else:
            count = self._replayed(draws, len(b), n_steps)
        u = np.broadcast_to(layer.u_init.astype(np.int64), b.shape)
        a_in = np.zeros(b.shape, dtype=np.int64)
        z = count(u, 0)
        yield Step(*(v.astype(np.int32) for v in (a_in, u, z)))
        for t in range(1, n_steps + 1):
            a_in = (z.astype(np.float32) @ self._weight).astype(np.int64)
            change = b - scale_input(a_in, layer.weight_exp) - self_inhibition(self._self, z)
            u = clip(u + clip(change, layer.du_min, layer.du_max), layer.u_min, layer.u_max)
            z = count(u, t)
            yield Step(*(v.astype(np.int32) for v in (a_in, u, z)))

    def _replayed(self, draws: np.ndarray, n_images: int, n_steps: int) -> Counts:
        """Take recorded counts, whatever the log-rates are."""
        check_draws(draws, self.network, n_images, n_steps + 1)
        recorded = draws.astype(np.int64)
        return lambda _, step: recorded[:, step]

    def _sampled(self, seed: int, first_image: int, n_images: int) -> Counts:
        """Draw counts with the images' random keys."""
        keys = [random_source.image_key(seed, first_image + i) for i in range(n_images)]
        image_key = (
            np.array([key.a for key in keys], dtype=np.uint32)[:, None],
            np.array([key.b for key in keys], dtype=np.uint32)[:, None],
        )
        return lambda u, step: self._draw(u, image_key, step)

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
    network: IntNetwork,
    images: np.ndarray,
    n_steps: int,
    seed: int,
    batch: int = BATCH,
    draws: np.ndarray | None = None,
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
    draws : (N, n_steps + 1, K) int, optional
        Counts to replay in place of the sampler's; the seed is then only a name in the trace.

    Returns
    -------
    Trace

    Raises
    ------
    InputError, DescriptionError, UnprovedOverflowError
    """
    emulator = Emulator(network)
    if draws is not None:
        check_draws(draws, network, len(images), n_steps + 1)
    samples = []
    for first in range(0, len(images), batch):
        part = slice(first, first + batch)
        replayed = None if draws is None else draws[part]
        steps = list(emulator.steps(images[part], n_steps, seed, first, replayed))
        stacked = {name: np.stack([getattr(s, name) for s in steps], axis=1) for name in VARIABLES}
        samples += [
            {LAYER: {name: stacked[name][i] for name in VARIABLES}} for i in range(len(steps[0].u))
        ]
    return Trace("emulator", seed, checksum(network), samples)
