"""Compiled kernels of the emulator: 16 neurons at a time."""
