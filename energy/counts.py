"""Counting under its old path; deprecated. The public API counts operations."""

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
