"""Products of a float model, under the path that it had before `ipvae.float_models`."""

from ipvae.float_models.zoo import (
    input_macs,
)

__all__ = [
    "input_macs",
]
