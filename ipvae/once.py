"""Results computed once for each network and stored in it."""

from collections.abc import Callable
from functools import wraps
from typing import TypeVar

N = TypeVar("N")
R = TypeVar("R")


def once(function: Callable[[N], R]) -> Callable[[N], R]:
    """Compute a function of a network once for each network.

    The result is stored in the network's `__dict__`, as a `cached_property` does it:
    `dataclasses.replace` makes a network without it, and neither equality nor pickling includes it.
    It must not depend on the provenance, since `IntNetwork.with_provenance` copies it.
    """
    key = f"{function.__module__}.{function.__qualname__}"

    @wraps(function)
    def kept(network: N) -> R:
        results = vars(network)
        if key not in results:
            results[key] = function(network)
        return results[key]

    return kept
