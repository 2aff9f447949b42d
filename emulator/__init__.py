"""Fast bit-exact engine: images in tiles, threads over tiles. See docs/performance.md."""

from ipvae.emulator.early_stopping import Stopped, StopRule, run_until_settled
from ipvae.emulator.engine import Emulator, OnMessage, Row, Step
from ipvae.emulator.recording import run_to_file
from ipvae.emulator.snapshots import totals_at
from ipvae.moved import moved

__all__ = [
    "Emulator",
    "OnMessage",
    "Row",
    "Step",
    "StopRule",
    "Stopped",
    "run_to_file",
    "run_until_settled",
    "totals_at",
]

__getattr__ = moved(
    __name__,
    {
        "run": (
            "ipvae.emulator.recording:run",
            'ipvae.run(network, images, steps=, seed=, record="all").trace',
        )
    },
)
