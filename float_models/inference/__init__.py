"""Float inference without torch: steps, draws and compiled kernels."""
