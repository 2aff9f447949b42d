"""The `ipvae` command: wires the packages; nothing imports it."""
