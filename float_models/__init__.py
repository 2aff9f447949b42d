"""Trained float models as arrays: parameters, checkpoints, inference with NumPy, without torch.

This suffices to quantize, calibrate and evaluate a model. `ipvae.train` trains models.
"""
