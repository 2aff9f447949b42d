"""Parts of `ipvae.make_report`."""
