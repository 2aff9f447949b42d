"""Parts of `ipvae.run`."""
