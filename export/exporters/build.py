"""Construction of the integer network of a trained model, with its read-outs."""

from typing import TYPE_CHECKING

from ipvae.emulator import OnMessage
from ipvae.evaluation.readouts import DECODER
from ipvae.export.calibration.float_baseline import FloatBaseline
from ipvae.export.calibration.refit import refit_decoder
from ipvae.export.calibration.start import (
    SettledRates,
    largest_step_scale,
    scaled,
    with_start,
)
from ipvae.export.exporters.error_units import error_units
from ipvae.export.exporters.feedforward import amortized
from ipvae.export.exporters.lca import lca_network
from ipvae.export.exporters.readouts import averaged_code, with_classes, with_decoder
from ipvae.export.importers.arrays import from_parameters
from ipvae.export.options import AFFINE, ExportOptions
from ipvae.export.rounding.fake_quantize import with_learned_rounding
from ipvae.export.rounding.optq import CalibrationMoments
from ipvae.export.rounding.quantize import Images, quantize
from ipvae.network.description import InputFormat, IntNetwork

if TYPE_CHECKING:
    from ipvae.float_models.checkpoint import Checkpoint

REFIT_IMAGES = 3000


def build_network(
    checkpoint: "Checkpoint",
    options: ExportOptions,
    before: FloatBaseline,
    train: Images,
    test: Images,
    pixels: InputFormat,
    on_message: OnMessage | None = None,
) -> IntNetwork:
    """Build the network with its read-outs; all fits use the training images.

    Parameters
    ----------
    checkpoint : trained model
    options : ExportOptions
    before : results of the float model on the calibration images
    train, test : images for fits, and images to store in the network file
    pixels : format of the images
    on_message : callable, optional
        See `ipvae.emulator.Emulator`.
    """
    network = _without_readouts(checkpoint, options, before, test, pixels)
    if options.changed_inference:
        network = _changed(network, checkpoint, options, before, train, on_message)
    if options.refit_decoder:
        network = refit_decoder(network, train.pixels[:REFIT_IMAGES], options.seed, on_message)
    for name in options.readouts:
        if name == DECODER:
            network = with_decoder(network, options.weight_bits)
        else:
            codes = averaged_code(
                network, train.pixels, 2 * options.steps[0], options.seed, on_message
            )
            network = with_classes(network, codes, train.labels, options.weight_bits)
    return network


def _changed(
    network: IntNetwork,
    checkpoint: "Checkpoint",
    options: ExportOptions,
    before: FloatBaseline,
    train: Images,
    on_message: OnMessage | None,
) -> IntNetwork:
    """Return the network with the start and the scales of the options, fitted with its own runs."""
    trained = from_parameters(checkpoint.params)
    settled = SettledRates.of(network, train.pixels, options.seed, on_message)
    bound = largest_step_scale(trained, settled)
    made = quantize(
        scaled(trained, options, bound),
        network.input,
        Images(network.test_images, network.test_labels),
        options.weight_bits,
        activity=before.activity,
    )
    facts = {"images": len(train.pixels), "largest_step_scale": bound}
    if options.start == AFFINE:
        made, facts["explained_variance"] = with_start(made, settled, options)
    return made.with_provenance(start_fit=facts)


def _without_readouts(
    checkpoint: "Checkpoint",
    options: ExportOptions,
    before: FloatBaseline,
    test: Images,
    pixels: InputFormat,
) -> IntNetwork:
    stored, bits = Images(test.pixels, test.labels), options.weight_bits
    if options.inference == "lca":
        return lca_network(
            before.decoder,
            options.threshold,
            before.largest_code,
            pixels,
            stored,
            nonnegative=checkpoint.member.latent != "gaussian",
            weight_bits=bits,
        )
    if options.layout == "feed-forward":
        return amortized(checkpoint.params, before.real, pixels, stored, bits)
    trained = from_parameters(checkpoint.params)
    if options.learned and "recurrent_change" in checkpoint.params:
        trained = with_learned_rounding(trained, checkpoint.params["recurrent_change"], bits)
    if before.activity is None:
        return quantize(trained, pixels, stored, bits)
    if before.largest_error is None:
        return quantize(trained, pixels, stored, bits, activity=before.activity)
    assert isinstance(before.activity, CalibrationMoments)
    largest = before.largest_error / trained.sigma
    return error_units(trained, pixels, stored, largest, before.activity, bits)
