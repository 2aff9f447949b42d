"""Parts of `ipvae.evaluate` and `ipvae.compare`: further figures, changed images, seeds, text."""
