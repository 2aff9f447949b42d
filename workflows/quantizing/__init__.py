"""Parts of `ipvae.quantize`."""
