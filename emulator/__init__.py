"""The fast bit-exact engine: images by the tile, threads over tiles. See docs/performance.md."""

from ipvae.emulator.engine import Emulator, Row, Step, Tell
from ipvae.emulator.recording import run, run_to_file
from ipvae.emulator.settling import Stopped, StopRule, run_until_settled
from ipvae.emulator.snapshots import totals_at

__all__ = [
    "Emulator",
    "Row",
    "Step",
    "StopRule",
    "Stopped",
    "Tell",
    "run",
    "run_to_file",
    "run_until_settled",
    "totals_at",
]
