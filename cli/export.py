"""`ipvae export`: a trained model becomes an integer network file."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer

from ipvae import __version__
from ipvae.cli.float_states import float_states
from ipvae.cli.inputs import (
    DataDirOption,
    ImagesOption,
    SeedOption,
    is_nir,
    not_nir,
    require_distinct,
)
from ipvae.cli.integers import integers
from ipvae.cli.nir import export_nir, require_no_others
from ipvae.cli.output import (
    JsonOption,
    emit,
    json_data,
    note,
    require_json_target,
    table,
    working,
)
from ipvae.cli.wish import LAYOUTS, Wish
from ipvae.network.atomic import require_writable_file
from ipvae.network.check import check
from ipvae.network.description import InputFormat, IntNetwork
from ipvae.network.errors import InputError
from ipvae.network.file import checksum, write_network
from ipvae.workflows.images import LabelledImages, given_images, preset_images

if TYPE_CHECKING:
    from ipvae.float_models.checkpoint import Checkpoint

STORED_IMAGES = 64
CALIBRATION_IMAGES = 256
TRAINING_IMAGES = 5000
MOST_LOSS = 0.05
CHECKPOINT_FILES = ("model.safetensors", "model.json")
FIGURES = (("R2", "r2", ".4f"), ("MSE", "mse", ".3e"), ("zeros", "zeros", ".4f"))
NEURONS = (("silent neurons", "silent_neurons"), ("saturated neurons", "saturated_neurons"))


def export(
    context: typer.Context,
    model: Annotated[
        Path, typer.Argument(metavar="MODEL", help="Trained model.", callback=not_nir)
    ],
    out: Annotated[Path, typer.Option(help="Network file to write; *.nir for NIR.")],
    weight_bits: Annotated[int, typer.Option(help="Bits of a weight, 2 to 8.")] = 8,
    layout: Annotated[
        str, typer.Option(help="Of an iterative model: recurrent (K x K) or error-units (2 M K).")
    ] = LAYOUTS[0],
    refit_decoder: Annotated[
        bool, typer.Option("--refit-decoder", help="Fit the decoder to what the network sends.")
    ] = False,
    readout: Annotated[
        str | None,
        typer.Option(help="Layers that read the code: decoder, classes or decoder,classes."),
    ] = None,
    inference: Annotated[
        str, typer.Option(help="model: its own; lca: sparse coding on the model's dictionary.")
    ] = "model",
    threshold: Annotated[
        float | None, typer.Option(help="Of --inference lca, pixel units; else 0.1.")
    ] = None,
    most_loss: Annotated[
        float, typer.Option(min=0.0, help="Refuse a network whose R2 is lower by more than this.")
    ] = MOST_LOSS,
    data_dir: DataDirOption = None,
    images: ImagesOption = None,
    seed: SeedOption = 0,
    json: JsonOption = None,
) -> None:
    """Quantize a trained model, calibrate it on training images and write the network file.

    To a file *.nir its float model is written, as far as NIR can say it (docs/nir.md).

    Exit 1, and nothing is written, if the network is worse than the model by more than
    --most-loss.
    """
    from ipvae.export.calibrate import calibrate
    from ipvae.export.losses import layer_facts, require_small_loss
    from ipvae.float_models.checkpoint import load_checkpoint

    folder = model if model.is_dir() else model.parent
    require_distinct(
        {"--out": out, "--json": json},
        {**{f"MODEL's {name}": folder / name for name in CHECKPOINT_FILES}, "--images": images},
    )
    require_json_target(json)
    if images is not None and data_dir is not None:
        raise InputError("--images and --data-dir: give one of them")
    if is_nir(out):
        require_no_others(context, "export", out)
        export_nir(model, out, inference, threshold, json)
        return
    checkpoint = load_checkpoint(model)
    wish = Wish.of(
        checkpoint,
        model,
        layout=layout,
        inference=inference,
        threshold=threshold,
        readout=readout,
        weight_bits=weight_bits,
        refit=refit_decoder,
        seed=seed,
    )
    require_writable_file(out)
    pixels = pixel_format(checkpoint)
    train, test = export_images(checkpoint, pixels, data_dir, images)
    if "classes" in wish.readouts and images is not None:
        raise InputError("--readout classes: needs labelled images; leave --images away")
    calibration = train.first(CALIBRATION_IMAGES)
    with working("running the float model"):
        before = float_states(checkpoint, wish, calibration.pixels, pixels)
    with working("quantizing"):
        network = integers(checkpoint, wish, before, train, test, pixels)
    with working("calibrating"):
        after = calibrate(network, calibration.pixels, wish.steps, seed, note)
    real = before.figures
    require_small_loss(real, after, most_loss, str(model), wish.advice)
    layers = layer_facts(network, after)
    measured: dict[str, Any] = {"integer": after, "float": real}
    network = with_provenance(network, checkpoint, wish, measured)
    write_network(out, network)
    checked = check(network)
    of_code = layers[int(network.code) - 1]["grids"]
    grid = of_code.get("weight_rec") or of_code["weight"]
    result = {
        "network": str(out),
        "checksum": checksum(network),
        "weight_bits": weight_bits,
        "layout": wish.layout,
        "inference": wish.inference,
        "weight_exp": network.layer.weight_exp,
        "drive_exp": network.layer.drive_exp,
        "payload_bits": getattr(network.layer, "payload_bits", None),
        "synapses": sum(
            layer.weight_rec.size
            for layer in network.layers.values()
            if layer.weight_rec is not None
        ),
        "clipped_weights": grid["clipped"],
        "zero_weights": grid["zeros"],
        "loss": {key: after[key] - real[key] for key in ("r2", "mse", "zeros")},
        "layers": layers,
        "calibration": measured,
        "check": checked.as_dict(),
    }
    emit(result, json, summary(out, network, result))


def pixel_format(checkpoint: "Checkpoint") -> InputFormat:
    """Integer pixels of a model's data."""
    data = checkpoint.data
    height, width = data.image_shape
    return InputFormat(data.pixel_min, data.pixel_max, data.scale, (height, width))


def export_images(
    checkpoint: "Checkpoint", pixels: InputFormat, data_dir: Path | None, images: Path | None
) -> tuple[LabelledImages, LabelledImages]:
    """Training images, to calibrate and to fit classes on, and test images to store.

    A user's own images serve as both.
    """
    if images is not None:
        own = given_images(images, pixels).pixels
        unknown = np.full(len(own), -1, dtype=np.int16)
        both = LabelledImages(own, unknown)
        return both.first(TRAINING_IMAGES), both.first(STORED_IMAGES)
    preset = checkpoint.data.preset
    if preset == "arrays":
        raise InputError(
            "this model was imported from arrays and names no data set; "
            "give images to calibrate on with --images FILE.npy"
        )
    data = preset_images(preset, data_dir)
    train, test = (
        LabelledImages(x.astype(np.int16), y.astype(np.int16))
        for x, y in (
            (data.train_pixels, data.train_labels),
            (data.test_pixels, data.test_labels),
        )
    )
    return train.first(TRAINING_IMAGES), test.first(STORED_IMAGES)


def with_provenance(
    network: IntNetwork, checkpoint: "Checkpoint", wish: Wish, measured: dict
) -> IntNetwork:
    """Add how the network was made."""
    data = checkpoint.data
    return replace(
        network,
        provenance={
            **network.provenance,
            "ipvae": __version__,
            "data": {"preset": data.preset, "n_train": data.n_train},
            "training": checkpoint.config.to_json() if checkpoint.config else None,
            **wish.as_dict(),
            "calibration": json_data(measured),
        },
    )


def summary(out: Path, network: IntNetwork, result: dict) -> list:
    """What was written and what it lost."""
    whole, real = (result["calibration"][kind] for kind in ("integer", "float"))
    rows = [
        [f"{name}, {x['step']} steps", f"{x[key]:{form}}", f"{y[key]:{form}}"]
        for x, y in zip(real["curve"], whole["curve"], strict=True)
        for name, key, form in FIGURES
    ]
    rows += [[name, str(real[key]), str(whole[key])] for name, key in NEURONS]
    title = f"{whole['images']} training images"
    layers = [_layer_row(facts) for facts in result["layers"]]
    sizes = ", ".join(f"{f['neurons']} {f['role']}" for f in result["layers"])
    return [
        f"wrote {out}: {network.n_pixels} pixels, neurons: {sizes}; {result['synapses']} synapses, "
        f"{result['weight_bits']} bits",
        table(title, ["", "float", "integer"], rows),
        table("layers", LAYER_COLUMNS, layers),
    ]


LAYER_COLUMNS = ["", "weights", "scale", "range", "clipped", "zero", "widest sum", "saturations"]


def _layer_row(facts: dict) -> list[str]:
    """One layer; its synapses where it has them, else its drive."""
    grids = facts["grids"]
    grid = grids.get("weight_rec") or grids.get("weight")
    shown = ["", "", "", "", ""]
    if grid:
        low, high = grid["range"]
        shown = [
            str(grid["weights"]),
            f"{grid['scale']:g}",
            f"{low}..{high}",
            str(grid["clipped"]),
            str(grid["zeros"]),
        ]
    return [
        f"{facts['layer']} {facts['role']}",
        *shown,
        f"{facts['accumulator_bits']} bits" if facts["widest_accumulator"] else "none",
        str(sum(facts["saturations"].values())),
    ]
