"""Products of encoders and drives against PyTorch's own counter."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from ipvae.float_models.zoo import DENSE, MODEL_SPECS, input_macs
from ipvae.train.models.vae import VAE

SHAPE, LATENTS = (7, 10), 5
DRIVE = 7 * 10 * LATENTS


@pytest.mark.parametrize("name", DENSE)
def test_products_are_those_that_pytorch_counts(name):
    member = MODEL_SPECS[name]
    counted = 0
    if member.encoder is not None:
        model = VAE(name, SHAPE, LATENTS)
        with FlopCounterMode(display=False) as counter:
            model.guess(torch.zeros(1, 70))
        counted = counter.get_total_flops() // 2  # a product and a sum
        assert counted > 0
    if member.inference != "amortized":
        counted += DRIVE
    assert input_macs(member, SHAPE, LATENTS) == counted
