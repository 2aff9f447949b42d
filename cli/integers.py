"""From a trained model and a user's wish to the integer network that answers it."""

from typing import TYPE_CHECKING

from ipvae.cli.float_states import FloatStates, activity
from ipvae.cli.output import note
from ipvae.cli.wish import Wish
from ipvae.evaluation.readouts import DECODER
from ipvae.network.description import InputFormat, IntNetwork
from ipvae.network.pixels import to_real
from ipvae.workflows.images import LabelledImages

if TYPE_CHECKING:
    from ipvae.float_models.checkpoint import Checkpoint

REFIT_IMAGES = 3000
ACTIVITY_IMAGES = 1024


def integers(
    checkpoint: "Checkpoint",
    wish: Wish,
    before: FloatStates,
    train: LabelledImages,
    test: LabelledImages,
    pixels: InputFormat,
) -> IntNetwork:
    """Build the network with its read-outs; what is fitted is fitted on the training images."""
    from ipvae.export.readouts import averaged_code, with_classes, with_decoder
    from ipvae.export.refit import refit_decoder

    network = _without_readouts(checkpoint, wish, before, train, test, pixels)
    if wish.refit:
        network = refit_decoder(network, train.pixels[:REFIT_IMAGES], wish.seed, note)
    for name in wish.readouts:
        if name == DECODER:
            network = with_decoder(network, wish.weight_bits)
        else:
            codes = averaged_code(network, train.pixels, 2 * wish.steps[0], wish.seed, note)
            network = with_classes(network, codes, train.labels, wish.weight_bits)
    return network


def _without_readouts(
    checkpoint: "Checkpoint",
    wish: Wish,
    before: FloatStates,
    train: LabelledImages,
    test: LabelledImages,
    pixels: InputFormat,
) -> IntNetwork:
    from ipvae.export.error_units import error_units
    from ipvae.export.fake_quantize import with_learned_rounding
    from ipvae.export.feedforward import amortized
    from ipvae.export.lca import lca_network
    from ipvae.export.model import from_parameters
    from ipvae.export.quantize import Images, quantize

    stored, bits = Images(test.pixels, test.labels), wish.weight_bits
    if wish.inference == "lca":
        return lca_network(
            before.decoder,
            wish.threshold,
            before.largest_code,
            pixels,
            stored,
            nonnegative=checkpoint.member.latent != "gaussian",
            weight_bits=bits,
        )
    if wish.layout == "feed-forward":
        return amortized(checkpoint.params, before.real, pixels, stored, bits)
    trained = from_parameters(checkpoint.params)
    config = checkpoint.config
    if wish.layout == "recurrent" and config is not None and config.weight_bits == bits:
        if "recurrent_change" in checkpoint.params:
            change = checkpoint.params["recurrent_change"]
            trained = with_learned_rounding(trained, change, bits)
        return quantize(trained, pixels, stored, bits)
    sent = activity(checkpoint, wish, to_real(train.pixels[:ACTIVITY_IMAGES], pixels))
    if wish.layout == "error-units":
        largest = before.largest_error / trained.sigma
        return error_units(trained, pixels, stored, largest, sent, bits)
    return quantize(trained, pixels, stored, bits, activity=sent)
