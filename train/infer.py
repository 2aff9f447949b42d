"""Float inference with exact Poisson draws, for evaluation."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch

from ipvae.train.dynamics import precision_of, step_gram
from ipvae.train.errors import DataError
from ipvae.train.parallel import available_cpus, workers
from ipvae.train.relaxed_poisson import relaxed_poisson, stream_key

LIMIT = 10.0


@dataclass(frozen=True, eq=False)
class State:
    """A batch after some number of updates.

    Attributes
    ----------
    counts : (N, K) float32, whole numbers, z_t drawn from `log_rates`
    log_rates : (N, K) float32, u_t
    """

    counts: np.ndarray
    log_rates: np.ndarray


def infer(
    params: dict[str, np.ndarray],
    images: np.ndarray,
    steps: Iterable[int],
    *,
    seed: int = 0,
    batch_size: int = 250,
    threads: int | None = None,
    device: str = "cpu",
) -> dict[int, State]:
    """Run the float model and keep its state after the given numbers of updates.

    Update: `ipvae.train.dynamics.step_gram` with C = 10. On the CPU the draws of image n depend
    on (seed, n) and nothing else.

    Parameters
    ----------
    params : of a checkpoint, see `ipvae.train.checkpoint.TENSORS`
    images : (N, M) float32, real values
    steps : numbers of updates, 0 or more each
    seed : of the draws
    batch_size : images at a time
    threads : batches at once on a CPU, None for all CPUs; the result does not depend on it
    device : a torch device

    Returns
    -------
    state after each of `steps`, in rising order

    Raises
    ------
    DataError
        If the images do not have the model's M pixels, or a step is negative.
    """
    wanted = sorted(set(steps))
    n_pixels, n_latents = params["phi"].shape
    if images.ndim != 2 or images.shape[1] != n_pixels:
        raise DataError(
            f"images are {images.shape}; the model needs (N, {n_pixels}). Pass images of its size."
        )
    if not wanted or wanted[0] < 0:
        raise DataError(
            f"steps are {wanted}; allowed are numbers of 0 and above. Give at least one."
        )
    states = {
        t: State(
            np.empty((len(images), n_latents), dtype=np.float32),
            np.empty((len(images), n_latents), dtype=np.float32),
        )
        for t in wanted
    }
    tensors = {name: torch.from_numpy(value).to(device) for name, value in params.items()}

    def run(start: int) -> None:
        x = torch.from_numpy(np.asarray(images[start : start + batch_size], dtype=np.float32))
        _run(tensors, x.to(device), start, seed, states)

    n_threads = 1 if device != "cpu" else available_cpus() if threads is None else threads
    with workers(n_threads) as for_each:
        for_each(run, range(0, len(images), batch_size))
    return states


@torch.no_grad()
def _run(
    params: dict[str, torch.Tensor],
    x: torch.Tensor,
    start: int,
    seed: int,
    states: dict[int, State],
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
        if t in states:
            states[t].counts[rows] = z.cpu().numpy()
            states[t].log_rates[rows] = u.cpu().numpy()
