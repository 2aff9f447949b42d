"""Trained float models as arrays: parameters, checkpoints, inference. NumPy only, no torch.

Quantizing, calibrating and evaluating a model need no more than this. `ipvae.train` makes models.
"""
