"""Parts of `ipvae.conformance`: other implementations, run as programs."""
