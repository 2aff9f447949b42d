"""The fast bit-exact engine: images by the tile, threads over tiles. See docs/performance.md."""

from ipvae.emulator.engine import Emulator, Row, Step
from ipvae.emulator.recording import run, run_to_file

__all__ = ["Emulator", "Row", "Step", "run", "run_to_file"]
