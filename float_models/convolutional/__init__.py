"""Convolutional iP-VAE in NumPy: grid of maps, Gram form, inference and decoder."""
