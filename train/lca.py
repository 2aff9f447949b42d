"""Sparse coding by LCA, under the path that it had before `ipvae.float_models`."""

from ipvae.float_models.lca import (
    Lca,
    lca,
    lca_codes,
)

__all__ = [
    "Lca",
    "lca",
    "lca_codes",
]
