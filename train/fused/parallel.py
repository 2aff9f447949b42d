"""Python threads that share a batch, each with one torch thread.

torch's own threads wait for each other at every operation: on a machine that also does other
work a step of training was seen to take 80 times as long. Shards meet once for each batch.
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
    """Give a function that maps items in up to `threads` threads, results in order.

    Within, torch runs single-threaded; its number of threads is put back at the end.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    pool = None
    try:
        if threads <= 1:
            yield lambda function, items: [function(item) for item in items]
        else:
            # The number of threads is a setting of each thread: make it one in the new ones too.
            pool = ThreadPoolExecutor(threads, "ipvae", torch.set_num_threads, (1,))
            yield lambda function, items: list(pool.map(function, items))
    finally:
        if pool is not None:
            pool.shutdown(cancel_futures=True)
        torch.set_num_threads(before)


@contextmanager
def matrix_precision(name: str) -> Iterator[None]:
    """Let float32 matrix products be 'float32', or 'bfloat16' with sums in float32."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium" if name == "bfloat16" else "highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def split(n: int, parts: int) -> list[slice]:
    """Cut range(n) into at most `parts` slices of nearly the same length, none empty."""
    parts = max(1, min(parts, n))
    edges = [n * i // parts for i in range(parts + 1)]
    return [slice(a, b) for a, b in itertools.pairwise(edges)]
