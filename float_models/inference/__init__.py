"""Float inference: steps, draws and compiled kernels, without torch."""
