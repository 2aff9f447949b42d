"""`ipvae export`: a trained model becomes an integer network file."""

from pathlib import Path
from typing import Annotated, Any

import typer

from ipvae.cli.inputs import (
    DataDirOption,
    ImagesOption,
    SeedOption,
    is_nir,
    not_nir,
    require_distinct,
)
from ipvae.cli.nir import export_nir, require_no_others
from ipvae.cli.output import JsonOption, emit, require_json_target, table
from ipvae.errors import InputError
from ipvae.export.options import LAYOUTS
from ipvae.network.atomic import require_writable_file
from ipvae.network.description import IntNetwork
from ipvae.workflows.quantize import MOST_LOSS, Quantized, quantize

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
    folder = model if model.is_dir() else model.parent
    require_distinct(
        {"--out": out, "--json": json},
        {**{f"MODEL's {name}": folder / name for name in CHECKPOINT_FILES}, "--images": images},
    )
    require_json_target(json)
    if images is not None and data_dir is not None:
        raise InputError("--images and --data-dir: give one of them")
    if is_nir(out):
        require_no_others(context, out)
        export_nir(model, out, inference, threshold, json)
        return
    readouts = tuple(name.strip() for name in readout.split(",")) if readout else ()
    require_writable_file(out)
    made = quantize(
        model,
        images,
        weight_bits=weight_bits,
        layout=layout,
        inference=inference,
        threshold=threshold,
        readouts=readouts,
        refit_decoder=refit_decoder,
        most_loss=most_loss,
        data_dir=data_dir,
        seed=seed,
    )
    made.network.save(out, overwrite=True)
    result = as_json(out, made)
    emit(result, json, summary(out, made.network, result))


def as_json(out: Path, made: Quantized) -> dict[str, Any]:
    """Return the result of an export: the report's figures with those of the code's weights."""
    network, report = made.network, made.report
    of_code = report.layers[int(network.code) - 1]["grids"]
    grid = of_code.get("weight_rec") or of_code["weight"]
    return {
        "network": str(out),
        "checksum": report.checksum,
        "weight_bits": report.options.weight_bits,
        "layout": report.options.layout,
        "inference": report.options.inference,
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
        "loss": report.loss,
        "layers": report.layers,
        "calibration": {"integer": report.integer, "float": report.real},
        "check": report.check.as_dict(),
    }


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
