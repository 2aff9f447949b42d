"""Float inference in PyTorch, on a CPU or a GPU; `ipvae.float_models.inference` needs no torch."""

from collections.abc import Iterable

import numpy as np
import torch

from ipvae.float_models.inference.draws import stream_key
from ipvae.float_models.inference.infer import (
    State,
    Watch,
    available_cpus,
    checked_steps,
    empty_states,
)
from ipvae.float_models.inference.steps import LIMIT
from ipvae.train.draws import exact_draws
from ipvae.train.fused.parallel import workers
from ipvae.train.fused.relaxed_poisson import relaxed_poisson
from ipvae.train.models.dynamics import precision_of, step_gram
from ipvae.train.models.trainable_ipvae import IPVAE
from ipvae.train.models.vae import VAE


def infer(
    params: dict[str, np.ndarray],
    images: np.ndarray,
    steps: Iterable[int],
    *,
    seed: int = 0,
    batch_size: int = 250,
    threads: int | None = None,
    device: str = "cpu",
    model: str = "ipvae",
    image_shape: tuple[int, int] | None = None,
    watch: Watch | None = None,
) -> dict[int, State]:
    """Run the float model and return its state after the given numbers of updates.

    iP-VAE uses `ipvae.train.models.dynamics.step_gram` with C = 10, other models
    `ipvae.train.models.vae.VAE`. On the CPU the draws of image n depend only on (seed, n).

    Parameters
    ----------
    params : parameters of a checkpoint, see `ipvae.float_models.zoo.ModelSpec.tensors`
    images : (N, M) float32, real values
    steps : numbers of updates, 0 or more each; at most 1 for an amortized model
    seed : seed of the draws
    batch_size : images per batch
    threads : concurrent batches on a CPU, None for all CPUs; the result does not depend on it
    device : a torch device
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
    n_pixels = images.shape[1]
    general = None
    if model != "ipvae":
        general = VAE.from_arrays(model, image_shape or (1, n_pixels), params).to(device)
    tensors = {name: torch.from_numpy(value).to(device) for name, value in params.items()}

    def run(start: int) -> None:
        x = torch.from_numpy(np.asarray(images[start : start + batch_size], dtype=np.float32))
        if general is None:
            _run(tensors, x.to(device), start, seed, states, watch)
        else:
            _run_general(general, x.to(device), start, seed, states, watch)

    n_threads = 1 if device != "cpu" else available_cpus() if threads is None else threads
    with workers(n_threads) as for_each:
        for_each(run, range(0, len(images), batch_size))
    return states


@torch.no_grad()
def infer_films(
    params: dict[str, np.ndarray], films: np.ndarray, steps: int, *, seed: int = 0
) -> np.ndarray:
    """Run iP-VAE on films, with the state kept between frames, and exact draws.

    Parameters
    ----------
    params : as for `infer`
    films : (N, F, M) float32, real values
    steps : updates of each frame
    seed : seed of the draws

    Returns
    -------
    (N F, K) float32, counts after the last update of each frame, film by film
    """
    draw = exact_draws(seed).poisson
    unrolled = IPVAE.from_arrays(params)(torch.from_numpy(films), steps, LIMIT, draw)
    counts = torch.stack(unrolled.counts[steps::steps], dim=1)
    return counts.reshape(-1, counts.shape[2]).numpy()


@torch.no_grad()
def _run(
    params: dict[str, torch.Tensor],
    x: torch.Tensor,
    start: int,
    seed: int,
    states: dict[int, State],
    watch: Watch | None,
) -> None:
    step_size = torch.exp(params["log_lr"])
    weighted = precision_of(params["log_sigma_raw"])[:, None] * params["phi"]
    drive = step_size * (x @ weighted - torch.exp(params["log_bias"]))
    gram = step_size * (params["phi"].T @ weighted)
    rows = slice(start, start + len(x))
    u = params["u0"].expand(len(x), -1)
    z = torch.empty(0)
    for t in range(max(states) + 1):
        if t > 0:
            u = step_gram(u, drive, z @ gram, LIMIT)
        z = relaxed_poisson(u, 0.0, stream_key(seed, t), first=start * u.shape[1])
        if watch is not None:
            watch(t, z.cpu().numpy())
        if t in states:
            states[t].counts[rows] = z.cpu().numpy()
            states[t].log_rates[rows] = u.cpu().numpy()


@torch.no_grad()
def _run_general(
    model: VAE,
    x: torch.Tensor,
    start: int,
    seed: int,
    states: dict[int, State],
    watch: Watch | None,
) -> None:
    rows = slice(start, start + len(x))
    for moment in model.moments(x, max(states), LIMIT, exact_draws(seed, start)):
        if watch is not None:
            watch(moment.step, moment.code.cpu().numpy())
        if moment.step in states:
            state = states[moment.step]
            state.counts[rows] = moment.code.cpu().numpy()
            for kept, part in zip(state.belief, moment.belief, strict=True):
                kept[rows] = part.cpu().numpy()
