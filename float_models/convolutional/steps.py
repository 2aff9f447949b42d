"""Inference and decoder of a convolutional iP-VAE on images of any size, in NumPy.

    u' = SC( u + SC( b - G z ) ),  z' ~ Poisson(exp(u')),  b = a (Phi^T D x - exp(c)),  x^ = Phi z

Only counts that are not 0 cost operations. Neurons are numbered (map, row, column), and draws are
keyed by (seed, step, image, neuron) as in `ipvae.float_models.inference.infer`.
"""

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from ipvae.errors import DataError
from ipvae.float_models.convolutional.geometry import Canvas
from ipvae.float_models.convolutional.gram import biases, drive_kernels, gram_kernels
from ipvae.float_models.convolutional.kernels import scatter
from ipvae.float_models.inference import kernels
from ipvae.float_models.inference.draws import poisson, stream_key
from ipvae.float_models.inference.infer import State, Watch, available_cpus
from ipvae.float_models.inference.steps import LIMIT, product

Found = Iterator[tuple[int, np.ndarray, np.ndarray]]
"""Number of each step, its counts z and log-rates u, (C, H, W) float32 each."""


@dataclass(frozen=True, eq=False)
class Prepared:
    """Model with the constants that images of one size share.

    Attributes
    ----------
    canvas : image size and grid of maps
    drive : (C, c, k, k) float32, kernels of a Phi^T D x
    bias : (C,) float32, a exp(c)
    inhibition : (C, span, span C) float32, [sender, row, column and receiver], for `scatter`
    u0 : (C,) float32, first log-rate of each map
    """

    canvas: Canvas
    drive: np.ndarray
    bias: np.ndarray
    inhibition: np.ndarray
    u0: np.ndarray

    @classmethod
    def of(cls, params: Mapping[str, np.ndarray], canvas: Canvas) -> "Prepared":
        """Prepare the tensors of a conv-ipvae for images of one size."""
        gram = gram_kernels(params, canvas.stride)
        # A count reaches the place (r - e, q - f) by the kernel's entry at (e, f).
        turned = gram[:, :, ::-1, ::-1].transpose(1, 2, 3, 0).astype(np.float32)
        return cls(
            canvas,
            drive_kernels(params).astype(np.float32),
            biases(params).astype(np.float32),
            np.ascontiguousarray(turned.reshape(canvas.maps, canvas.span, -1)),
            np.asarray(params["u0"], dtype=np.float32),
        )

    def drive_of(self, image: np.ndarray) -> np.ndarray:
        """Return b = a (Phi^T D x - exp(c)) of an image (c, h, w), (C, H, W) float32."""
        maps, height, width = self.canvas.grid
        k, s = self.canvas.kernel, self.canvas.stride
        padded = self.canvas.pad(np.asarray(image, dtype=np.float32))
        windows = np.lib.stride_tricks.sliding_window_view(padded, (k, k), (1, 2))[:, ::s, ::s]
        rows = windows.transpose(1, 2, 0, 3, 4).reshape(height * width, -1)
        found = product(rows, self.drive.reshape(maps, -1).T) - self.bias
        return np.ascontiguousarray(found.T).reshape(maps, height, width)

    def received(self, counts: np.ndarray) -> np.ndarray:
        """Return G z of counts (C, H, W), float32."""
        maps, height, width = self.canvas.grid
        edge = self.canvas.reach
        sums = np.empty((height + 2 * edge, (width + 2 * edge) * maps), dtype=np.float32)
        scatter(counts, self.inhibition, 1, maps, sums)
        inner = sums.reshape(len(sums), -1, maps)[edge : edge + height, edge : edge + width]
        return np.ascontiguousarray(inner.transpose(2, 0, 1))

    def trajectory(self, image: np.ndarray, last: int, *, seed: int, index: int) -> Found:
        """Infer one image (c, h, w), number `index`, step by step from 0 to `last`."""
        shape, flat = self.canvas.grid, (1, self.canvas.neurons)
        first = index * self.canvas.neurons
        drive = self.drive_of(image)
        u = np.broadcast_to(self.u0[:, None, None], shape).astype(np.float32)
        z = poisson(u.reshape(flat), stream_key(seed, 0), first=first).reshape(shape)
        yield 0, z, u
        for t in range(1, last + 1):
            after, received = np.empty(flat, dtype=np.float32), self.received(z)
            parts = (part.reshape(flat) for part in (u, received, drive))
            kernels.update(*parts, np.float32(LIMIT), after)
            u = after.reshape(shape)
            z = poisson(after, stream_key(seed, t), first=first).reshape(shape)
            yield t, z, u


def infer(
    params: Mapping[str, np.ndarray],
    canvas: Canvas,
    images: np.ndarray,
    steps: Iterable[int],
    *,
    seed: int = 0,
    threads: int | None = None,
    watch: Watch | None = None,
) -> dict[int, State]:
    """Run the float model and return its state after the given numbers of updates.

    The state of image n depends only on the parameters, the image and (seed, n), bit for bit.

    Parameters
    ----------
    params : tensors of a conv-ipvae, see `ipvae.float_models.zoo.ModelSpec.tensors`
    canvas : size of the images, kernels and stride
    images : (N, M) or (N, c, h, w) float32, real values
    steps : numbers of updates, 0 or more each
    seed : seed of the draws
    threads : images at the same time, None for all CPUs
    watch : called at every step from 0 to the last for each image, with its counts (1, K)

    Returns
    -------
    state after each of `steps`, in ascending order; counts and log-rates are (N, K) float32

    Raises
    ------
    DataError
        If images have another size than the canvas, or a step is negative.
    """
    wanted = sorted(set(steps))
    if not wanted or wanted[0] < 0:
        raise DataError(f"steps: found {wanted}, allowed 0 and above; give at least one")
    pictures = as_pictures(images, canvas)
    prepared = Prepared.of(params, canvas)
    shape = (len(pictures), canvas.neurons)
    states = {t: State(np.empty(shape, np.float32), (np.empty(shape, np.float32),)) for t in wanted}

    def run(index: int) -> None:
        for t, z, u in prepared.trajectory(pictures[index], wanted[-1], seed=seed, index=index):
            if watch is not None:
                watch(t, z.reshape(1, -1))
            if t in states:
                states[t].counts[index], states[t].log_rates[index] = z.ravel(), u.ravel()

    n_threads = min(available_cpus() if threads is None else threads, len(pictures))
    with np.errstate(over="ignore", invalid="ignore"):  # of a model that diverges
        if n_threads <= 1:
            for index in range(len(pictures)):
                run(index)
        else:
            with ThreadPoolExecutor(n_threads, "ipvae") as pool:
                list(pool.map(run, range(len(pictures))))
    return states


def decode(params: Mapping[str, np.ndarray], canvas: Canvas, counts: np.ndarray) -> np.ndarray:
    """Return the reconstructions x^ = Phi z, cropped to the image, (N, c, h, w) float32.

    Parameters
    ----------
    params : tensors of a conv-ipvae
    canvas : size of the images, kernels and stride
    counts : (N, K) or (N, C, H, W), counts or their means

    Raises
    ------
    DataError
        If counts have another size than the canvas.
    """
    if counts.shape[1:] not in ((canvas.neurons,), canvas.grid):
        raise DataError(
            f"counts: found shape {counts.shape}, allowed (N, {canvas.neurons}) and "
            f"(N, {', '.join(map(str, canvas.grid))}); pass codes of images of this size"
        )
    kernels = np.asarray(params["kernels"], dtype=np.float32).transpose(0, 2, 3, 1)
    weights = np.ascontiguousarray(kernels.reshape(canvas.maps, canvas.kernel, -1))
    channels, (height, width) = canvas.image[0], canvas.size
    sums = np.empty((height, width * channels), dtype=np.float32)
    found = np.empty((len(counts), *canvas.image), dtype=np.float32)
    maps = np.require(counts, np.float32, ["C"]).reshape(-1, *canvas.grid)
    for image, codes in zip(found, maps, strict=True):
        scatter(codes, weights, canvas.stride, channels, sums)
        image[:] = canvas.crop(sums.reshape(height, width, channels).transpose(2, 0, 1))
    return found


def sample(params: Mapping[str, np.ndarray], canvas: Canvas, n: int, seed: int = 0) -> np.ndarray:
    """Draw images (n, M) float32 from the model: counts of the prior's rates, decoded.

    Parameters
    ----------
    params : tensors of a conv-ipvae
    canvas : size of the images, kernels and stride
    n : number of images
    seed : seed of the draws
    """
    places = canvas.grid[1] * canvas.grid[2]
    u = np.repeat(np.asarray(params["u0"], dtype=np.float32), places)
    z = poisson(np.tile(u, (n, 1)), stream_key(seed, 0))
    return decode(params, canvas, z).reshape(n, -1)


def as_pictures(images: np.ndarray, canvas: Canvas) -> np.ndarray:
    """Return images (N, M), (N, c, h, w) or grey (N, h, w) as (N, c, h, w); else DataError."""
    if (1, *images.shape[1:]) == canvas.image:
        images = images[:, None]
    if images.shape[1:] not in ((canvas.pixels,), canvas.image):
        raise DataError(
            f"images: found shape {images.shape}, allowed (N, {canvas.pixels}) and "
            f"(N, {', '.join(map(str, canvas.image))}); pass images of this size"
        )
    return images.reshape(-1, *canvas.image)
