"""Errors of training, under the path that they had before `ipvae.errors`."""

from ipvae.errors import (
    CheckpointError,
    ConfigError,
    DataError,
    DivergenceError,
    StoppedError,
    TeamError,
    TrainingError,
)

__all__ = [
    "CheckpointError",
    "ConfigError",
    "DataError",
    "DivergenceError",
    "StoppedError",
    "TeamError",
    "TrainingError",
]
