"""Certificate of a network: every number that a rule determines, derived again from its model."""

from typing import TYPE_CHECKING

import numpy as np

from ipvae.export.certificate.amortized import certify_amortized
from ipvae.export.certificate.checks import Check, Checks
from ipvae.export.certificate.general import (
    certify_decoder,
    certify_input,
    certify_intervals,
    certify_payload,
)
from ipvae.export.certificate.iterative import (
    certify_error_units,
    certify_few_bits,
    certify_learned,
    certify_recurrent,
)
from ipvae.export.certificate.lca import certify_lca, unit_atoms
from ipvae.export.certificate.model_values import ModelValues
from ipvae.export.certificate.moments import Moments
from ipvae.export.certificate.readouts import certify_readouts
from ipvae.export.certificate.sampler import certify_sampler
from ipvae.export.certificate.structure import certify_structure
from ipvae.export.options import ExportOptions
from ipvae.network.description import IntNetwork

if TYPE_CHECKING:
    from ipvae.float_models.checkpoint import Checkpoint


def certify_export(
    network: IntNetwork,
    checkpoint: "Checkpoint",
    options: ExportOptions,
    moments: Moments,
    test_pixels: np.ndarray,
) -> list[Check]:
    """Return all checks of a network against the model that it was made from.

    Parameters
    ----------
    network : IntNetwork
    checkpoint : trained model
    options : ExportOptions
        Options of the export.
    moments : Moments
        Statistics of the float model on the calibration images.
    test_pixels : (n, M) int
        Images of which the first are stored in the network.
    """
    checks, bits = Checks(), options.weight_bits
    certify_input(checks, network, checkpoint.data.pixel_format, test_pixels)
    layout = "lca" if options.inference == "lca" else options.layout
    if not certify_structure(checks, network, layout):
        checks.not_derived("all other numbers", "the layout's", "it is another layout")
        return checks.found
    phi = np.asarray(checkpoint.params["phi"])
    if options.inference == "lca":
        atoms = unit_atoms(phi)
        nonnegative = checkpoint.member.latent != "gaussian"
        certify_lca(
            checks,
            network,
            atoms,
            options.threshold,
            moments.largest_code,
            bits,
            nonnegative=nonnegative,
        )
        certify_decoder(checks, network, atoms * network.layer.unit)
    else:
        certify_decoder(checks, network, phi)
        if options.layout == "feed-forward":
            certify_amortized(checks, network, checkpoint.params, moments.images, bits)
        elif options.learned:
            change = np.asarray(checkpoint.params["recurrent_change"], np.float64)
            certify_learned(checks, network, ModelValues.of(checkpoint.params), change, bits)
        elif options.errors:
            model = ModelValues.of(checkpoint.params)
            certify_error_units(checks, network, model, moments, bits)
        else:
            scales = options.step_scale, options.inhibition_scale
            model = ModelValues.of(checkpoint.params).scaled(*scales)
            few = moments.slopes is not None
            (certify_few_bits if few else certify_recurrent)(checks, network, model, moments, bits)
    if getattr(network.layer, "start", None) is not None:
        reason = "fitted to the log-rates of the calibration images"
        checks.not_derived("log-rates at reset of each image", "the fit's weights", reason)
    certify_payload(checks, network)
    certify_readouts(checks, network, bits)
    certify_intervals(checks, network)
    if network.draws:
        certify_sampler(checks)
    return checks.found
