"""Train the iterative Poisson VAE in float and keep it as safetensors + JSON.

Nothing is imported here but names that need no torch: `ipvae.train.checkpoint`,
`ipvae.train.config` and `ipvae.train.data` are safe where torch is absent.
`ipvae.train.fit`, `.model`, `.loss`, `.dynamics`, `.relaxed_poisson`, `.infer`, `.state`,
`.resume` and `.keeper` import it.
"""

from ipvae.train.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from ipvae.train.config import PRESETS, TrainConfig, preset_config
from ipvae.train.data import DataInfo, Images, load_images
from ipvae.train.errors import (
    CheckpointError,
    ConfigError,
    DataError,
    DivergenceError,
    TrainingError,
)

__all__ = [
    "PRESETS",
    "Checkpoint",
    "CheckpointError",
    "ConfigError",
    "DataError",
    "DataInfo",
    "DivergenceError",
    "Images",
    "TrainConfig",
    "TrainingError",
    "load_checkpoint",
    "load_images",
    "preset_config",
    "save_checkpoint",
]
