"""The fast bit-exact engine, vectorised over images. See `ipvae.emulator.engine`."""

from ipvae.emulator.engine import Emulator, Step, run

__all__ = ["Emulator", "Step", "run"]
