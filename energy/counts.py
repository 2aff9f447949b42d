"""Deprecated module path of the counts; use the public API of ipvae to count operations."""

from ipvae.moved import moved

__getattr__ = moved(
    __name__,
    {
        "count": (
            "ipvae.energy.counting.counts:count_run",
            "ipvae.count_operations(network, result)",
        ),
    },
)
