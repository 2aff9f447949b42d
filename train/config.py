"""The record of a training, under the path that it had before `ipvae.float_models`."""

from ipvae.float_models.config import (
    KL_FORMS,
    PRESETS,
    SETTABLE,
    TrainConfig,
    dumps,
    preset_config,
    setting_from_text,
)

__all__ = [
    "KL_FORMS",
    "PRESETS",
    "SETTABLE",
    "TrainConfig",
    "dumps",
    "preset_config",
    "setting_from_text",
]
