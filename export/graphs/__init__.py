"""Spiking networks of other tools, from NIR graphs in float to integer networks."""
