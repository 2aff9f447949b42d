"""Figures of a model, under the path that they had before `ipvae.float_models`."""

from ipvae.float_models.figures import ACTIVE, Figures, figures

__all__ = ["ACTIVE", "Figures", "figures"]
