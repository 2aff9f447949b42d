"""Processes that train one model together under torchrun, with a part of every batch each.

    torchrun --nproc-per-node 2 $(which ipvae) train --preset mnist --data-dir DIR --out RUN

Draws are keyed by the image's index in the whole batch, so the results differ from a single process
only by rounding of sums. Processes have equal weights: all add the same gradients, in the same
order, and take the same steps.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor

from ipvae.errors import ConfigError, TeamError
from ipvae.train.fused.parallel import split

RENDEZVOUS_TIMEOUT = timedelta(minutes=10)
"""Maximum wait for other processes, at the start and in every batch."""


@dataclass(frozen=True)
class ProcessGroup:
    """Rank of a process, and the number of processes.

    Attributes
    ----------
    rank : 0 .. size - 1; only 0 writes files and shows progress
    size : number of processes
    """

    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        """True for the process that writes files."""
        return self.rank == 0

    def rows(self, n: int) -> slice:
        """Return this process's part of a batch of n images, possibly empty."""
        parts = split(n, self.size)
        return parts[self.rank] if self.rank < len(parts) else slice(n, n)

    def add_up(self, tensors: list[Tensor]) -> list[Tensor]:
        """Return the sum of each tensor over all processes, bit-exact in each of them.

        Parameters
        ----------
        tensors : of any shapes, of one type and device, listed in the same order in every process

        Raises
        ------
        TeamError
            If another process has ended, or does not respond within `RENDEZVOUS_TIMEOUT`.
        """
        if self.size == 1:
            return tensors
        flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
        try:
            dist.all_reduce(flat)
        except RuntimeError as error:
            raise TeamError(
                f"process {self.rank} of {self.size} has lost the others "
                f"({str(error).splitlines()[0]}). See their output, then continue by torchrun with "
                "resume=True."
            ) from error
        sizes = [tensor.numel() for tensor in tensors]
        parts = torch.split(flat, sizes)
        return [part.view_as(tensor) for part, tensor in zip(parts, tensors, strict=True)]


@contextmanager
def joined() -> Iterator[ProcessGroup]:
    """Join the processes started by torchrun; a group of one without torchrun.

    Raises
    ------
    ConfigError
        If the variables set by torchrun are inconsistent, or other processes do not respond.
    """
    size = os.environ.get("WORLD_SIZE", "1")
    if size == "1":
        yield ProcessGroup()
        return
    try:
        rank = int(os.environ["RANK"])
        if not 0 <= rank < int(size):
            raise ValueError(f"RANK is {rank}, allowed are 0 to WORLD_SIZE - 1")
        backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
        dist.init_process_group(backend, timeout=RENDEZVOUS_TIMEOUT)
    except (KeyError, ValueError, RuntimeError) as error:
        reason = "RANK is not set" if isinstance(error, KeyError) else str(error).splitlines()[0]
        raise ConfigError(
            f"WORLD_SIZE is {size}, but the processes could not be joined ({reason}). Start all "
            "of them by torchrun, or unset WORLD_SIZE."
        ) from error
    yield ProcessGroup(dist.get_rank(), dist.get_world_size())
    if torch.cuda.is_available():
        dist.destroy_process_group()  # gloo's may hang (PyTorch 2.3, once in tens of runs)


def own_device(device: str) -> str:
    """Return this process's device: for cuda without an index, index LOCAL_RANK."""
    index = os.environ.get("LOCAL_RANK")
    return f"cuda:{index}" if device == "cuda" and index is not None else device
