"""Training of float models in PyTorch; `ipvae.float_models` uses the results without PyTorch.

This package imports only names that need no torch, from `ipvae.float_models` and
`ipvae.train.datasets.images`. `.errors` remains for old imports.
"""

from ipvae.errors import (
    CheckpointError,
    ConfigError,
    DataError,
    DivergenceError,
    TrainingError,
)
from ipvae.float_models.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from ipvae.float_models.config import PRESETS, TrainConfig, preset_config
from ipvae.train.datasets.images import DataInfo, Images, load_images

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
