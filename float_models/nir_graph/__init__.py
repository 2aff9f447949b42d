"""Spiking networks of other tools, read from NIR graphs: description and float reference."""
