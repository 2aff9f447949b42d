"""`ipvae export`: a trained model becomes an integer network file."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer

from ipvae import __version__
from ipvae.cli.inputs import (
    DataDirOption,
    ImagesOption,
    LabelledImages,
    SeedOption,
    preset_images,
    training_errors,
)
from ipvae.cli.output import JsonOption, emit, json_data, require_json_target, table, working
from ipvae.evaluation.metrics import quality
from ipvae.network.atomic import require_writable_folder
from ipvae.network.check import check
from ipvae.network.description import InputFormat, IntNetwork
from ipvae.network.errors import InputError
from ipvae.network.file import checksum, write_network
from ipvae.network.pixels import load_pixels, to_real

if TYPE_CHECKING:
    from ipvae.train.checkpoint import Checkpoint

STORED_IMAGES = 64
CALIBRATION_IMAGES = 256
CALIBRATION_STEPS = 64
FIGURES = (("R2", "r2", ".4f"), ("MSE", "mse", ".3e"), ("zeros", "zeros", ".4f"))


def export(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="Trained model.")],
    out: Annotated[Path, typer.Option(help="Network file to write.")],
    weight_bits: Annotated[int, typer.Option(help="Bits of a weight, 2 to 8.")] = 8,
    data_dir: DataDirOption = None,
    images: ImagesOption = None,
    seed: SeedOption = 0,
    json: JsonOption = None,
) -> None:
    """Quantize a trained model, calibrate it on training images and write the network file."""
    from ipvae.export.calibrate import calibrate
    from ipvae.export.model import from_parameters
    from ipvae.export.quantize import Images, clipped_weights, quantize
    from ipvae.train.checkpoint import load_checkpoint

    require_json_target(json)
    with training_errors():
        checkpoint = load_checkpoint(model)
    require_exportable(checkpoint, model)
    require_writable_folder(out.parent)
    pixels = pixel_format(checkpoint)
    calibration, test = export_images(checkpoint, pixels, data_dir, images)
    trained = from_parameters(checkpoint.params)
    network = quantize(
        trained,
        pixels,
        Images(test.pixels, test.labels),
        weight_bits,
    )
    with working("calibrating"):
        measured: dict[str, Any] = {
            "integer": calibrate(network, calibration, CALIBRATION_STEPS, seed),
            "float": float_quality(checkpoint, network, calibration, seed),
        }
    network = with_provenance(network, checkpoint, weight_bits, measured)
    write_network(out, network)
    result = {
        "network": str(out),
        "checksum": checksum(network),
        "weight_bits": weight_bits,
        "weight_exp": network.layer.weight_exp,
        "drive_exp": network.layer.drive_exp,
        "payload_bits": network.layer.payload_bits,
        "clipped_weights": clipped_weights(trained, network.layer),
        "zero_weights": int((network.layer.weight_rec == 0).sum()),
        "calibration": measured,
        "check": check(network).as_dict(),
    }
    emit(result, json, summary(out, network, result))


def require_exportable(checkpoint: "Checkpoint", path: Path) -> None:
    """Refuse models that have no integer network."""
    if checkpoint.model != "ipvae":
        member = checkpoint.member
        raise InputError(
            f"{path}: holds a model '{checkpoint.model}' ({member.latent} latents, "
            f"{member.inference} inference); only ipvae can be exported, for the network file "
            "holds Poisson neurons and recurrent updates from a fixed start, nothing else. "
            "Train one with --model ipvae; `ipvae evaluate` takes any model"
        )


def pixel_format(checkpoint: "Checkpoint") -> InputFormat:
    """Integer pixels of a model's data."""
    data = checkpoint.data
    height, width = data.image_shape
    return InputFormat(data.pixel_min, data.pixel_max, data.scale, (height, width))


def export_images(
    checkpoint: "Checkpoint", pixels: InputFormat, data_dir: Path | None, images: Path | None
) -> tuple[np.ndarray, LabelledImages]:
    """Images to calibrate on (training images) and to store (test images).

    A user's own images serve as both.
    """
    if images is not None:
        own = load_pixels(images, pixels)
        return own[:CALIBRATION_IMAGES], LabelledImages(
            own[:STORED_IMAGES], np.full(len(own[:STORED_IMAGES]), -1, dtype=np.int16)
        )
    preset = checkpoint.data.preset
    if preset == "arrays":
        raise InputError(
            "this model was imported from arrays and names no data set; "
            "give images to calibrate on with --images FILE.npy"
        )
    data = preset_images(preset, data_dir)
    return (
        data.train_pixels[:CALIBRATION_IMAGES].astype(np.int16),
        LabelledImages(
            data.test_pixels[:STORED_IMAGES].astype(np.int16),
            data.test_labels[:STORED_IMAGES].astype(np.int16),
        ),
    )


def float_quality(
    checkpoint: "Checkpoint", network: IntNetwork, pixels: np.ndarray, seed: int
) -> dict:
    """Quality of the float model on the calibration images, for comparison."""
    from ipvae.train.infer import infer

    real = to_real(pixels, network.input)
    state = infer(checkpoint.params, real.astype(np.float32), [CALIBRATION_STEPS], seed=seed)
    return quality(real, state[CALIBRATION_STEPS].counts, network.decoder)


def with_provenance(
    network: IntNetwork, checkpoint: "Checkpoint", weight_bits: int, measured: dict
) -> IntNetwork:
    """Add how the network was made."""
    data = checkpoint.data
    return replace(
        network,
        provenance={
            "ipvae": __version__,
            "data": {"preset": data.preset, "n_train": data.n_train},
            "training": checkpoint.config.to_json() if checkpoint.config else None,
            "weight_bits": weight_bits,
            "calibration": json_data(measured),
        },
    )


def summary(out: Path, network: IntNetwork, result: dict) -> list:
    """What was written and what it lost."""
    measured = result["calibration"]
    layer, whole, real = network.layer, measured["integer"], measured["float"]
    rows = [[name, f"{real[key]:{form}}", f"{whole[key]:{form}}"] for name, key, form in FIGURES]
    title = f"{whole['images']} training images after {whole['steps']} steps"
    return [
        f"wrote {out}: {network.n_pixels} pixels, {layer.n_neurons} neurons, "
        f"{layer.payload_bits}-bit counts, weight exponent {layer.weight_exp}",
        table(title, ["", "float", "integer"], rows),
        f"{result['clipped_weights']} of {layer.weight_rec.size} weights clipped, "
        f"saturations {sum(whole['saturations'].values())}, silent neurons "
        f"{whole['silent_neurons']}, largest count {whole['reach']['z']}",
    ]
