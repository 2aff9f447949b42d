"""The `ipvae` command, on top of all other packages: none of them imports it."""
