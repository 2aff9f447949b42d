"""Parts of `ipvae.compare`: what is compared and on what, costs and accuracy of each point."""
