"""Certificate of an exported network: its integers, derived again from the model."""

from pathlib import Path

import numpy as np

from ipvae.errors import InputError
from ipvae.export.calibration.float_baseline import FloatBaseline, float_baseline
from ipvae.export.certificate.certify import certify_export
from ipvae.export.certificate.moments import Moments
from ipvae.export.options import LAYOUTS, ExportOptions
from ipvae.float_models.checkpoint import Checkpoint
from ipvae.network.description import IntNetwork
from ipvae.network.io.network_file import checksum
from ipvae.network.network import Network
from ipvae.workflows.boundary import public
from ipvae.workflows.image_input.images import ImagesLike
from ipvae.workflows.models import load_model
from ipvae.workflows.output.certificate import Certificate
from ipvae.workflows.progress import Listener, listening, stage
from ipvae.workflows.quantize import CALIBRATION_IMAGES, activity_images, export_images

CHANGES = ("start", "step_scale", "inhibition_scale")
"""Options of an export that change the inference; absent in the provenance of others."""


@public
def certify(
    network: IntNetwork,
    model: Checkpoint | str | Path,
    images: ImagesLike = None,
    *,
    data_dir: str | Path | None = None,
    seed: int = 0,
    progress: Listener | None = None,
) -> Certificate:
    """Derive a network's numbers again from its model, by other code than the exporter's.

    Weights, scales, tables, limits, drive, log-rates, biases and self-inhibition are compared with
    values that are derived a second time (docs/certificate.md). The float model runs on the
    calibration images of the export, so these and the seed must be the same.

    Parameters
    ----------
    network : IntNetwork, or path of its file
        An export of `ipvae.quantize`; options of the export are read from its provenance.
    model : trained model, its path, or the name of a shipped one
    images : array, path or name of a set, optional
        Images that the export was calibrated on; by default the model's data set.
    data_dir : path, optional
        Folder of the model's data set.
    seed : int
        Seed of the export.
    progress : callable, optional
        As for `ipvae.run`.

    Returns
    -------
    Certificate

    Raises
    ------
    InputError
        If the network is no export of a model, or an argument cannot be used.
    """
    if isinstance(network, Network):
        raise InputError(
            "network: found a network of connections, allowed is what ipvae.quantize makes of "
            "dense models; for other models use the loss in the report of ipvae.quantize, and "
            "ipvae.verify"
        )
    where = str(model) if isinstance(model, (str, Path)) else "the model"
    checkpoint = model if isinstance(model, Checkpoint) else load_model(model)
    checkpoint.require_dictionary(where)
    _require_same_size(network, checkpoint, where)
    options = _options(network, checkpoint, where, seed)
    data = checkpoint.data
    pixels = data.pixel_format
    train, test = export_images(data.preset, pixels, images, None, data_dir, options)
    with listening(progress):
        with stage("running the float model"):
            active = train.pixels[: activity_images(options)]
            judged = min(len(active), CALIBRATION_IMAGES)
            before = float_baseline(checkpoint, options, active, pixels, judged)
        with stage("deriving the network again"):
            found = certify_export(network, checkpoint, options, _moments(before), test.pixels)
    return Certificate(checksum(network), f"{checkpoint.model} of {data.preset}", tuple(found))


def _require_same_size(network: IntNetwork, checkpoint: Checkpoint, where: str) -> None:
    shape = checkpoint.params["phi"].shape
    if network.decoder.shape != shape:
        raise InputError(
            f"network: has {network.n_pixels} pixels and {network.n_neurons} neurons, {where} has "
            f"{shape[0]} and {shape[1]}; give the model that it was exported from"
        )


def _options(network: IntNetwork, checkpoint: Checkpoint, where: str, seed: int) -> ExportOptions:
    """Options of the export, as the network's provenance has them."""
    given = network.provenance
    missing = [key for key in ("weight_bits", "layout", "inference") if key not in given]
    if missing:
        raise InputError(
            f"network: its provenance has no {', '.join(missing)}; allowed are networks of "
            "ipvae.quantize"
        )
    layout = given["layout"]
    return ExportOptions.of(
        checkpoint,
        where,
        layout=LAYOUTS[0] if layout == "feed-forward" else layout,
        inference=given["inference"],
        threshold=given.get("threshold"),
        weight_bits=given["weight_bits"],
        seed=seed,
        **{name: given[name] for name in CHANGES if name in given and given[name] is not None},
    )


def _moments(baseline: FloatBaseline) -> Moments:
    nothing = np.zeros(0)
    activity = baseline.activity
    return Moments(
        nothing if activity is None else activity.mean,
        nothing if activity is None else activity.covariance,
        baseline.largest_error,
        baseline.largest_code,
        baseline.real,
        getattr(activity, "slopes", None),
        getattr(activity, "image", None),
    )
