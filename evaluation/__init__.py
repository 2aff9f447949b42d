"""Quality measures from counts and reconstructions."""

from ipvae.evaluation.metrics import curve, mse, quality, r2, zeros

__all__ = ["curve", "mse", "quality", "r2", "zeros"]
