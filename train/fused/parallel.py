"""Python threads that share a batch, each with one torch thread.

torch's own threads synchronize at every operation. On a busy machine, a training step was observed
to take 80 times as long. Shards synchronize once for each batch.
"""

import itertools
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import torch

Run = Callable[[Callable[[Any], Any], Sequence[Any]], list[Any]]


@contextmanager
def workers(threads: int) -> Iterator[Run]:
    """Yield a function that maps items in up to `threads` threads, with results in order.

    Inside the context, torch is single-threaded; its number of threads is restored at the end.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    pool = None
    try:
        if threads <= 1:
            yield lambda function, items: [function(item) for item in items]
        else:
            # The number of torch threads is set per thread, so set it in the new threads too.
            pool = ThreadPoolExecutor(threads, "ipvae", torch.set_num_threads, (1,))
            yield lambda function, items: list(pool.map(function, items))
    finally:
        if pool is not None:
            pool.shutdown(cancel_futures=True)
        torch.set_num_threads(before)


@contextmanager
def matrix_precision(name: str) -> Iterator[None]:
    """Set the precision of matrix products: 'float32', or 'bfloat16' with float32 sums."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium" if name == "bfloat16" else "highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def split(n: int, parts: int) -> list[slice]:
    """Divide range(n) into at most `parts` nonempty slices of almost equal length."""
    parts = max(1, min(parts, n))
    edges = [n * i // parts for i in range(parts + 1)]
    return [slice(a, b) for a, b in itertools.pairwise(edges)]
