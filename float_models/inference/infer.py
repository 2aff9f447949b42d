"""Float inference with exact draws, in NumPy and compiled kernels."""

import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from ipvae.errors import DataError
from ipvae.float_models.inference import steps as step
from ipvae.float_models.inference.draws import stream_key
from ipvae.float_models.zoo import DENSE, MODEL_SPECS, PRIORS, ModelSpec

Watch = Callable[[int, np.ndarray], None]
"""Callback with the number of a step and the codes (n, K) of some images, from any thread."""

Visit = Callable[[int, int, np.ndarray, step.Belief], None]
"""Callback with the number of a step, the number of its first image, and codes (n, K) and posterior
of some images, from any thread."""


@dataclass(frozen=True, eq=False)
class State:
    """Batch of images after some number of updates.

    Attributes
    ----------
    counts : (N, K) float32, input of the decoder, drawn from the posterior; integers for Poisson
    belief : one or two (N, K) float32, see `ipvae.float_models.inference.steps.Belief`
    """

    counts: np.ndarray
    belief: tuple[np.ndarray, ...]

    @property
    def log_rates(self) -> np.ndarray:
        """Poisson: u_t, (N, K) float32."""
        (log_rates,) = self.belief
        return log_rates


def available_cpus() -> int:
    """Return the number of CPUs that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def infer(
    params: Mapping[str, np.ndarray],
    images: np.ndarray,
    steps: Iterable[int],
    *,
    seed: int = 0,
    batch_size: int = 250,
    threads: int | None = None,
    model: str = "ipvae",
    image_shape: tuple[int, int] | None = None,
    watch: Watch | None = None,
) -> dict[int, State]:
    """Run the float model and return its state after the given numbers of updates.

    The state of image n depends only on the parameters, the image and (seed, n), bit for bit, and
    not on `batch_size` or `threads`. `ipvae.train.infer.infer` is the PyTorch version, with another
    order of summation.

    Parameters
    ----------
    params : parameters of a checkpoint, see `ipvae.float_models.zoo.ModelSpec.tensors`
    images : (N, M) float32, real values
    steps : numbers of updates, 0 or more each; at most 1 for an amortized model
    seed : seed of the draws
    batch_size : images per batch
    threads : concurrent batches, None for all CPUs
    model : key of `ipvae.float_models.zoo.MODEL_SPECS`
    image_shape : (height, width), required by convolutional encoders
    watch : called at every step from 0 to the last for each batch, stored or not

    Returns
    -------
    state after each of `steps`, in ascending order

    Raises
    ------
    DataError
        If the images do not have the model's M pixels, a step is negative, or a step is above 1 for
        a model of single-pass inference.
    """
    wanted = checked_steps(params, images, steps, model, image_shape)
    states = empty_states(params, len(images), wanted, model)

    def keep(t: int, first: int, codes: np.ndarray, belief: step.Belief) -> None:
        if watch is not None:
            watch(t, codes)
        if t in states:
            rows = slice(first, first + len(codes))
            states[t].counts[rows] = codes
            for kept, part in zip(states[t].belief, belief, strict=True):
                kept[rows] = part

    options = {"seed": seed, "batch_size": batch_size, "threads": threads}
    visit_steps(params, images, wanted[-1], keep, model, image_shape, **options)
    return states


def visit_steps(
    params: Mapping[str, np.ndarray],
    images: np.ndarray,
    last: int,
    visit: Visit,
    model: str = "ipvae",
    image_shape: tuple[int, int] | None = None,
    *,
    seed: int = 0,
    batch_size: int = 250,
    threads: int | None = None,
) -> None:
    """Run the float model to step `last` and pass every step of each batch to a callback.

    No step is stored. Arguments and exact results are the same as for `infer`.
    """
    with _quiet():
        prepared = _Prepared.of(model, params, image_shape or (1, images.shape[1]))

    halt = threading.Event()

    @_quiet()
    def run(first: int) -> None:
        x = np.asarray(images[first : first + batch_size], dtype=np.float32)
        for t, codes, belief in prepared.trajectory(x, last, seed, first):
            if halt.is_set():
                return
            visit(t, first, codes, belief)

    starts = range(0, len(images), batch_size)
    n_threads = min(available_cpus() if threads is None else threads, len(starts))
    if n_threads <= 1:
        for first in starts:
            run(first)
    else:
        with ThreadPoolExecutor(n_threads, "ipvae") as pool:
            try:
                list(pool.map(run, starts))
            except BaseException:  # the pool waits for batches that are running
                halt.set()
                pool.shutdown(wait=False, cancel_futures=True)
                raise


def _quiet() -> np.errstate:
    """Suppress NumPy's warnings for a model that diverges to infinity or NaN."""
    return np.errstate(over="ignore", invalid="ignore")


def draw_again(model: str, state: State, t: int, seed: int) -> np.ndarray:
    """Return the codes (N, K) of `infer` at step t with this seed, for the same posterior.

    The posterior of an amortized model does not depend on draws, so the encoder need not run again.
    """
    latent = MODEL_SPECS[model].latent
    return step.code(latent, step.draw(latent, state.belief, key=stream_key(seed, t)))


def sample(params: Mapping[str, np.ndarray], n: int, seed: int, model: str = "ipvae") -> np.ndarray:
    """Draw images (n, M) float32 from the model: codes from the prior, then the decoder's mean."""
    member = MODEL_SPECS[model]
    z = step.draw(member.latent, step.prior(member, params, n), key=stream_key(seed, 0))
    return step.code(member.latent, z) @ params["phi"].T


def checked_steps(
    params: Mapping[str, np.ndarray],
    images: np.ndarray,
    steps: Iterable[int],
    model: str,
    image_shape: tuple[int, int] | None,
) -> list[int]:
    """Return the steps in ascending order without repetitions; see `infer` for the errors."""
    wanted = sorted(set(steps))
    if MODEL_SPECS[model].convolutional:
        raise DataError(
            f"model: found {model}, allowed {', '.join(DENSE)}; convolutional models run with "
            "ipvae.float_models.convolutional.steps.infer"
        )
    n_pixels = len(params["phi"])
    if images.ndim != 2 or images.shape[1] != n_pixels:
        raise DataError(
            f"images are {images.shape}; the model needs (N, {n_pixels}). Pass images of its size."
        )
    if not wanted or wanted[0] < 0:
        raise DataError(
            f"steps are {wanted}; allowed are numbers of 0 and above. Give at least one."
        )
    member = MODEL_SPECS[model]
    if member.inference == "amortized" and wanted[-1] > 1:
        raise DataError(
            f"steps are {wanted}; {model} infers in one pass, allowed are 0 (its prior) and 1. "
            "Leave the steps out, or use an iterative model."
        )
    if member.encoder == "conv" and image_shape is None:
        raise DataError(
            f"image_shape is None; {model} needs (height, width). Pass the checkpoint's "
            "data.image_shape."
        )
    return wanted


def empty_states(
    params: Mapping[str, np.ndarray], n_images: int, steps: list[int], model: str
) -> dict[int, State]:
    """Return an uninitialized state for each step."""
    shape, n_parts = (n_images, params["phi"].shape[1]), len(PRIORS[MODEL_SPECS[model].latent])

    def empty() -> np.ndarray:
        return np.empty(shape, dtype=np.float32)

    return {t: State(empty(), tuple(empty() for _ in range(n_parts))) for t in steps}


Found = Iterator[tuple[int, np.ndarray, step.Belief]]
"""Number of each step, its codes (B, K) and its posterior."""


@dataclass(frozen=True, eq=False)
class _Prepared:
    """Model with the constants that its images share.

    Attributes
    ----------
    member, params, image_shape : specification, parameters and image shape of the model
    weighted : (M, K) float32, D Phi; for Poisson times the step size a. Empty if amortized
    gram : Phi^T times `weighted`, (K, K) float32
    """

    member: ModelSpec
    params: Mapping[str, np.ndarray]
    image_shape: tuple[int, int]
    weighted: np.ndarray
    gram: step.Blocks

    @classmethod
    def of(
        cls, model: str, params: Mapping[str, np.ndarray], image_shape: tuple[int, int]
    ) -> "_Prepared":
        """Prepare the constants of a model."""
        member = MODEL_SPECS[model]
        if member.inference == "amortized":
            nothing = np.empty((0, 0), dtype=np.float32)
            return cls(member, params, image_shape, nothing, step.Blocks.of(nothing))
        weighted = step.precision(params)[:, None] * params["phi"]
        if member.latent == "poisson":
            weighted = np.exp(params["log_lr"]) * weighted
        gram = step.Blocks.of(step.product(params["phi"].T, weighted))
        return cls(member, params, image_shape, weighted, gram)

    def trajectory(self, x: np.ndarray, last: int, seed: int, start: int) -> Found:
        """Infer images (B, M), numbered from `start`, step by step."""
        if self.member.inference == "amortized":
            return self._one_pass(x, last, seed, start)
        if self.member.latent == "poisson":
            return self._poisson(x, last, seed, start)
        return self._gaussian(x, last, seed, start)

    def _first(self, x: np.ndarray) -> step.Belief:
        """Posterior at step 0 of an iterative model."""
        if self.member.inference == "hybrid":
            return step.encode(self.member, self.params, x, self.image_shape)
        return step.prior(self.member, self.params, len(x))

    def _one_pass(self, x: np.ndarray, last: int, seed: int, start: int) -> Found:
        latent = self.member.latent
        for t in range(last + 1):
            if t == 0:
                belief = step.prior(self.member, self.params, len(x))
            else:
                belief = step.encode(self.member, self.params, x, self.image_shape)
            first = start * belief[0].shape[1]
            z = step.draw(latent, belief, key=stream_key(seed, t), first=first)
            yield t, step.code(latent, z), belief

    def _poisson(self, x: np.ndarray, last: int, seed: int, start: int) -> Found:
        bias = np.exp(self.params["log_lr"]) * np.exp(self.params["log_bias"])
        drive = step.product(x, self.weighted) - bias
        (u,) = self._first(x)
        first = start * u.shape[1]
        z = step.draw("poisson", (u,), key=stream_key(seed, 0), first=first)
        yield 0, z, (u,)
        for t in range(1, last + 1):
            u, z = step.poisson_step(u, z, drive, self.gram, key=stream_key(seed, t), first=first)
            yield t, z, (u,)

    def _gaussian(self, x: np.ndarray, last: int, seed: int, start: int) -> Found:
        latent = self.member.latent
        match = step.product(x, self.weighted)
        belief = self._first(x)
        first = start * match.shape[1]
        for t in range(last + 1):
            z = step.draw(latent, belief, key=stream_key(seed, t), first=first)
            codes = step.code(latent, z)
            yield t, codes, belief
            if t < last:
                pull = step.slope(latent, z) * (match - step.product(codes, self.gram))
                belief = step.gaussian_step(belief, z, pull, self.params)
