"""Parts of `ipvae.compare`: subjects, images, and cost and accuracy of each point."""
