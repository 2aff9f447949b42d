"""Parts of a training, for `ipvae.workflows.train`."""
