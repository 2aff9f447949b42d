"""Trainable models and their parts, in PyTorch."""
