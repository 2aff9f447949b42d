"""Fused loss and gradient of the iterative Poisson VAE on the CPU.

The result equals `batch_loss` of `IPVAE.forward` under autograd, with one shared draw per step. It
takes T + 1 matrix products forward, T backward, and one for the gradient by H = Phi^T D Phi; one
pass over each row does the rest. With a rounded H in the updates, there are T more products. Shards
of the batch synchronize only for H and for the sums of gradients.
"""

import functools
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from ipvae.float_models.inference.draws import draw_constants, stream_key
from ipvae.float_models.inference.relaxed_kernels import backward, draw, forward
from ipvae.train.fused.parallel import Run, split
from ipvae.train.models.dynamics import log_sigma
from ipvae.train.models.loss import REFERENCE_PIXELS, Loss
from ipvae.train.models.trainable_ipvae import IPVAE, gaussian_nll
from ipvae.train.rounded_weights import Rounding, as_it_runs
from ipvae.train.run.schedule import Settings


@dataclass(frozen=True)
class Unroll:
    """Settings of an unrolled batch.

    Attributes
    ----------
    kl : 'official' or 'exact'
    relaxation : one of `ipvae.float_models.zoo.RELAXATIONS`
    now : steps, temperature, beta and limit
    stream : integers that key the draws; step and element are added
    first_image : index of the first image; image n uses the draws of elements n K onwards
    rounding : of the recurrent matrix in the updates, None for no rounding
    """

    kl: str
    relaxation: str
    now: Settings
    stream: tuple[int, ...]
    first_image: int = 0
    rounding: Rounding | None = None

    @property
    def steps(self) -> int:
        """T, the number of updates."""
        return self.now.steps


class Workspace:
    """Memory of each shard, reused because page allocation takes longer than the sums."""

    def __init__(self) -> None:
        self._held: dict[int, Tensor] = {}

    def take(self, shard: int, shape: tuple[int, int, int], arrays: int = 4) -> Tensor:
        """Return (arrays, T + 1, B, K) float32, uninitialized: u, z, slope, V and optionally R."""
        steps, rows, n = shape
        size = arrays * steps * rows * n
        if shard not in self._held or self._held[shard].numel() < size:
            self._held[shard] = torch.empty(size, dtype=torch.float32)
        return self._held[shard][:size].view(arrays, *shape)


class Products(Protocol):
    """Linear operations of a decoder, on canvases (B, M) and neurons (B, K) as flat rows."""

    @property
    def u0(self) -> Tensor:
        """First log-rates, (K,)."""
        ...

    @property
    def bias(self) -> Tensor:
        """Return exp(c), (K,)."""
        ...

    def match(self, x: Tensor) -> Tensor:
        """Return P = x D Phi, (B, K)."""
        ...

    def overlap(self, z: Tensor, out: Tensor) -> None:
        """Write V = z H, H = Phi^T D Phi, into `out` (B, K)."""
        ...

    def recurrent(self, z: Tensor, out: Tensor) -> None:
        """Write R, the overlap in the updates, into `out` (B, K); equal to V without rounding."""
        ...

    def through(self, feedback: Tensor, out: Tensor) -> None:
        """Write the gradient by z of R, for the gradient `feedback` by R, into `out` (B, K)."""
        ...

    def by_gram(self, change: Tensor, z: Tensor) -> Tensor:
        """Return the gradient by H of a sum of change (n, K) times z H, z (n, K)."""
        ...

    def by_match(self, x: Tensor, change: Tensor) -> Tensor:
        """Return the gradient by D Phi of the sum of change (B, K) times P."""
        ...


@dataclass(frozen=True, eq=False)
class _Dense:
    """Products of a dense dictionary: D Phi (M, K), H and its form in the updates (K, K)."""

    u0: Tensor
    bias: Tensor
    weighted: Tensor
    gram: Tensor
    recurrent_gram: Tensor

    def match(self, x: Tensor) -> Tensor:
        return x @ self.weighted

    def overlap(self, z: Tensor, out: Tensor) -> None:
        torch.mm(z, self.gram, out=out)

    def recurrent(self, z: Tensor, out: Tensor) -> None:
        torch.mm(z, self.recurrent_gram.T, out=out)

    def through(self, feedback: Tensor, out: Tensor) -> None:
        torch.mm(feedback, self.recurrent_gram, out=out)

    def by_gram(self, change: Tensor, z: Tensor) -> Tensor:
        return change.T @ z

    def by_match(self, x: Tensor, change: Tensor) -> Tensor:
        return x.T @ change


def unrolled_gradient(
    model: IPVAE, x: Tensor, how: Unroll, *, shards: int, for_each: Run, workspace: Workspace
) -> tuple[Loss, dict[str, Tensor]]:
    """Return the loss of a batch and its gradient for each parameter of the model.

    Parameters
    ----------
    model : float32, on the CPU
    x : (B, M) float32 images
    how : settings of the unrolling
    shards : parts of the batch, one thread each
    for_each : parallel map over threads, see `ipvae.train.fused.parallel.workers`
    workspace : memory, reused from call to call

    References
    ----------
    arXiv 2410.19315, algorithm and loss; Gram form: docs/training.md.
    """
    # Detached, because gradient recording is a setting of each thread.
    p = {name: value.detach() for name, value in model.named_parameters()}
    phi, deviation = p["phi"], log_sigma(p["log_sigma_raw"])
    precision = torch.exp(-2.0 * deviation)
    weighted = precision[:, None] * phi
    columns = split(phi.shape[1], shards)
    gram = torch.cat(for_each(lambda c: weighted[:, c].T @ phi, columns))
    recurrent = gram
    if how.rounding is not None:
        step_size = torch.exp(p["log_lr"])
        runs = as_it_runs(step_size * gram, p["recurrent_change"], how.rounding)
        recurrent = runs.matrix / step_size
    share = 1.0 / (how.steps * len(x))
    products = _Dense(p["u0"], torch.exp(p["log_bias"]), weighted, gram, recurrent)
    found = backpropagated(
        products, torch.exp(p["log_lr"]), x, how, shards=shards, for_each=for_each, held=workspace
    )
    by_gram, by_recurrent, by_match = found.by_gram, found.by_recurrent, found.by_match
    error, divergence, by_step = found.sums
    by_change = {}
    if how.rounding is not None:
        clipped = (1.0 - runs.free) * by_recurrent
        by_gram = by_gram - clipped
        by_step -= float((clipped * gram).sum() / step_size)
        by_change["recurrent_change"] = runs.step / step_size * runs.free * by_recurrent

    # P = x D Phi and H = Phi^T D Phi both depend on Phi and D.
    both = by_gram + by_gram.T
    spread = torch.cat(for_each(lambda rows: phi[rows] @ both, split(len(phi), shards)))
    mixed = by_match + spread
    scale = REFERENCE_PIXELS / x.shape[1]
    energy = x.square().mean(dim=0)
    by_precision = ((by_match + 0.5 * spread) * phi).sum(dim=1) + 0.5 * scale * energy
    by_deviation = -2.0 * precision * by_precision + scale
    weighted_error = (energy * precision).sum() + error * share
    nll = gaussian_nll(weighted_error, deviation)
    kl = torch.tensor(divergence * share)
    gradient = {
        "phi": precision[:, None] * mixed,
        "u0": found.by_u0,
        "log_bias": found.by_bias * torch.exp(p["log_bias"]),
        "log_lr": torch.tensor(by_step, dtype=torch.float32) * torch.exp(p["log_lr"]),
        "log_sigma_raw": by_deviation * (1.0 - (deviation / 3.45).square()),
        **by_change,
    }
    return Loss((nll + how.now.beta * kl) * scale, nll, kl), gradient


def backpropagated(
    products: Products,
    step_size: Tensor,
    x: Tensor,
    how: Unroll,
    *,
    shards: int,
    for_each: Run,
    held: Workspace,
) -> "Part":
    """Return the sums of loss and gradient over a batch, of all shards.

    Parameters
    ----------
    products : linear operations of the decoder
    step_size : scalar, a
    x : (B, M) float32
    how, shards, for_each, held : see `unrolled_gradient`
    """

    def shard(item: tuple[int, slice]) -> "Part":
        index, rows = item
        return Part.of(products, step_size, x, how, index=index, rows=rows, held=held)

    parts = for_each(shard, list(enumerate(split(len(x), shards))))
    names = ("by_gram", "by_recurrent", "by_match", "by_u0", "by_bias")
    added = (functools.reduce(torch.add, [getattr(part, name) for part in parts]) for name in names)
    return Part(*added, sums=np.sum([part.sums for part in parts], axis=0))


@dataclass(frozen=True, eq=False)
class Part:
    """Contribution of one shard: gradients by H, by D Phi through P, by u_0 and by the bias.

    `by_recurrent` is the part of `by_gram` that came through the updates; 0 without rounding.
    """

    by_gram: Tensor
    by_recurrent: Tensor
    by_match: Tensor
    by_u0: Tensor
    by_bias: Tensor
    sums: np.ndarray

    @classmethod
    def of(
        cls,
        products: Products,
        step: Tensor,
        x: Tensor,
        how: Unroll,
        *,
        index: int,
        rows: slice,
        held: Workspace,
    ) -> "Part":
        """Unroll the updates of some rows forward and backward."""
        n = len(products.u0)
        step_size = np.float32(step)
        match = products.match(x[rows])
        drive = step_size.item() * (match - products.bias)
        rounded = how.rounding is not None
        arrays = held.take(index, (how.steps + 1, len(match), n), 4 + rounded)
        u, z, slope, overlap = arrays[:4]
        recurrent = arrays[4] if rounded else overlap  # R and V are the same array
        limit = np.float32(how.now.limit)
        constants = draw_constants(how.now.temperature, how.relaxation)
        first = np.uint64((how.first_image + rows.start) * n)

        def key(step: int) -> np.uint64:
            return np.uint64(stream_key(*how.stream, step))

        u[0] = products.u0
        draw(u[0].numpy(), constants, key(0), first, z[0].numpy(), slope[0].numpy())

        def receive(step: int) -> None:
            products.overlap(z[step], overlap[step])
            if rounded and step < how.steps:
                products.recurrent(z[step], recurrent[step])

        receive(0)
        for t in range(1, how.steps + 1):
            forward(
                u[t - 1].numpy(),
                recurrent[t - 1].numpy(),
                drive.numpy(),
                step_size,
                limit,
                constants,
                key(t),
                first,
                u[t].numpy(),
                z[t].numpy(),
                slope[t].numpy(),
            )
            receive(t)

        # The B images and T steps have equal weights in the loss.
        scale = np.float32(REFERENCE_PIXELS / x.shape[1] / (how.steps * len(x)))
        weights = (scale, scale * np.float32(how.now.beta))
        carry, feedback, through, by_drive = (torch.zeros_like(match) for _ in range(4))
        sums = np.zeros(3)
        for t in range(how.steps, 0, -1):
            backward(
                u[t].numpy(),
                u[t - 1].numpy(),
                overlap[t].numpy(),
                overlap[t - 1].numpy(),
                recurrent[t - 1].numpy(),
                z[t].numpy(),
                slope[t].numpy(),
                drive.numpy(),
                match.numpy(),
                through.numpy(),
                weights,
                how.kl == "official",
                step_size,
                limit,
                carry.numpy(),
                feedback.numpy(),
                by_drive.numpy(),
                sums,
            )
            products.through(feedback, through)
        overlap[0] = feedback
        by_gram = products.by_gram(overlap.view(-1, n), z.view(-1, n))
        by_recurrent = torch.zeros(())
        if rounded:  # the rest is from the squared errors, w z^T H z / 2 each
            shown = z[1:].reshape(-1, n)
            by_recurrent = by_gram - 0.5 * scale.item() * (shown.T @ shown)
        counts = z[1:].sum(dim=0)
        change = step_size.item() * by_drive - scale.item() * counts
        by_match = products.by_match(x[rows], change)
        by_bias = -step_size.item() * by_drive.sum(dim=0)
        # a also occurs in b = a (P - exp c).
        sums[2] += float((by_drive * drive).sum()) / float(step_size)
        u0 = (carry + slope[0] * through).sum(dim=0)
        return cls(by_gram, by_recurrent, by_match, u0, by_bias, sums)
