"""Checkpoints, under the path that it had before `ipvae.float_models`."""

from ipvae.float_models.checkpoint import (
    Checkpoint,
    check_params,
    from_text,
    load_checkpoint,
    model_of,
    save_checkpoint,
    to_text,
)

__all__ = [
    "Checkpoint",
    "check_params",
    "from_text",
    "load_checkpoint",
    "model_of",
    "save_checkpoint",
    "to_text",
]
