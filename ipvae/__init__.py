"""Carry trained Poisson variational autoencoders onto Loihi 2, bit for bit."""

__version__ = "0.1.0"
