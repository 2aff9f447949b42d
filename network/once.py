"""Results that are computed once for a network, and kept with it."""

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from ipvae.network.description import IntNetwork

R = TypeVar("R")


def once(function: "Callable[[IntNetwork], R]") -> "Callable[[IntNetwork], R]":
    """Compute a function of a network once for each network.

    The result lies in the network's `__dict__` beside its fields, as that of a `cached_property`:
    `dataclasses.replace` makes a network without it, and neither equality nor pickling sees it.
    It must not depend on the provenance: `IntNetwork.with_provenance` passes it on.
    """
    key = f"{function.__module__}.{function.__qualname__}"

    @wraps(function)
    def kept(network: "IntNetwork") -> R:
        results = vars(network)
        if key not in results:
            results[key] = function(network)
        return results[key]

    return kept
