"""Export of a model that was trained for few bits."""

import dataclasses

import numpy as np
import pytest

from ipvae.export.calibration.float_baseline import float_baseline
from ipvae.export.exporters.build import build_network
from ipvae.export.importers.arrays import from_parameters
from ipvae.export.options import ExportOptions
from ipvae.export.rounding.fake_quantize import fake_quantize
from ipvae.export.rounding.quantize import Images
from ipvae.float_models.checkpoint import Checkpoint
from ipvae.float_models.config import preset_config
from ipvae.train.datasets.images import load_images


def test_export_takes_learned_rounding_for_its_own_bits_alone(rng):
    pytest.importorskip("torch", reason="PyTorch is not installed")
    from ipvae.train.run.fit import new_model

    images = load_images("digits")
    config = preset_config("digits", latents=12, weight_bits=4)
    params = new_model(config, images).arrays()
    params["phi"] = (0.2 * rng.normal(size=(64, 12))).astype(np.float32)
    params["log_lr"] = np.asarray(-3.0, np.float32)
    plain = Checkpoint(params, dataclasses.replace(config, weight_bits=0), images.info)
    change = rng.normal(size=(12, 12)).astype(np.float32)
    learned = Checkpoint({**params, "recurrent_change": change}, config, images.info)
    shown = Images(images.test_pixels[:20].astype(np.int16), np.zeros(20, np.int16))

    def weights(checkpoint, bits):
        options = ExportOptions.of(checkpoint, weight_bits=bits)
        pixels = checkpoint.data.pixel_format
        before = float_baseline(checkpoint, options, shown.pixels, pixels)
        made = build_network(checkpoint, options, before, shown, shown, pixels)
        return np.asarray(made.layer.weight_rec)

    gram = from_parameters(params).gram()
    runs, step, _ = fake_quantize(gram, change.astype(float), 4)
    off_diagonal = ~np.eye(12, dtype=bool)
    np.testing.assert_allclose(weights(learned, 4)[off_diagonal], (runs / step)[off_diagonal])
    assert (weights(learned, 4) != weights(plain, 4)).sum() > 20
    np.testing.assert_array_equal(weights(learned, 5), weights(plain, 5))
