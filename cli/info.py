"""`ipvae info`: what a network file or a trained model is."""

from pathlib import Path
from typing import Annotated

import typer

from ipvae.cli.inputs import not_nir
from ipvae.cli.output import JsonOption, emit, table
from ipvae.cli.plain import PLAIN_COLUMNS, describe_plain, plain_rows
from ipvae.evaluation.readouts import readout_names
from ipvae.network import poisson, random_source
from ipvae.network.bounds import bounds
from ipvae.network.description import IntNetwork
from ipvae.network.fields import version_of
from ipvae.network.file import checksum, read_network
from ipvae.network.layers import GradedLayer, PoissonLayer
from ipvae.network.plain_file import is_plain
from ipvae.network.wiring import Stage

COLUMNS = ["", "neurons", "number", "hears", "synapses", "sends"]


def info(
    path: Annotated[
        Path,
        typer.Argument(metavar="NET.h5|MODEL", help="Network file or model.", callback=not_nir),
    ],
    json: JsonOption = None,
) -> None:
    """Describe a network file or a trained model."""
    plain = is_plain(path)
    if plain:
        described = describe_plain(path)
    else:
        described = describe_network(path) if path.suffix == ".h5" else describe_model(path)
    layers = described.get("layers", [])
    rows = [
        [key, str(value)]
        for key, value in described.items()
        if not isinstance(value, dict) and value is not layers
    ]
    text: list = [table(str(path), ["", ""], rows)]
    if plain:
        text.append(table("layers", PLAIN_COLUMNS, plain_rows(described)))
    elif layers:
        text.append(table("layers", COLUMNS, [_row(layer) for layer in layers]))
    emit(described, json, text)


def _row(layer: dict) -> list[str]:
    """One layer in the table."""
    low, high = layer["sends"]
    return [
        f"{layer['layer']} {layer['role']}",
        layer["neuron"],
        str(layer["neurons"]),
        ", ".join(layer["hears"]),
        f"{layer['synapses']} ({layer['zero_synapses']} zero)" if layer["synapses"] else "none",
        f"{low}..{high}",
    ]


def describe_network(path: Path) -> dict:
    """Facts of a network file."""
    network = read_network(path)
    code = network.layer
    described = {
        "kind": "integer network",
        "format_version": version_of(network),
        "checksum": checksum(network),
        "pixels": network.n_pixels,
        "neurons": network.n_neurons,
        "pixel_range": [network.input.minimum, network.input.maximum],
        "image_shape": list(network.input.shape),
        "weight_exp": code.weight_exp,
        "drive_exp": code.drive_exp,
    }
    if isinstance(code, PoissonLayer):
        limits = [code.u_min, code.u_max]
        described |= {
            "payload_bits": code.payload_bits,
            "log_rate_range": limits,
            "log_rate_fraction_bits": code.frac_bits,
            "rate_range": [2.0 ** (u / 2**code.frac_bits) for u in limits],
            "random_source": random_source.NAME,
            "sampler": poisson.NAME,
        }
    return described | {
        "overflow_proved": all(bound.holds for bound in bounds(network)),
        "chip_steps_per_update": network.wiring.period,
        "test_images": len(network.test_images),
        "layers": [
            describe_layer(stage, network)
            for stage in sorted(network.wiring.stages, key=lambda s: int(s.name))
        ],
        "provenance": network.provenance,
    }


def describe_layer(stage: Stage, network: IntNetwork) -> dict:
    """Facts of one layer, of the code too."""
    layer = stage.layer
    synapses = layer.weight_rec
    return {
        "layer": stage.name,
        "role": readout_names(network).get(stage.name, stage.role),
        "neuron": "Poisson" if isinstance(layer, PoissonLayer) else _graded(layer),
        "neurons": layer.n_neurons,
        "hears": (["image"] if layer.weight is not None else [])
        + ([f"layer {layer.source}"] if synapses is not None else []),
        "synapses": 0 if synapses is None else synapses.size,
        "zero_synapses": 0 if synapses is None else int((synapses == 0).sum()),
        "sends": list(layer.sent),
        "phase": stage.phase,
        "lag": stage.lag,
    }


def _graded(layer: GradedLayer) -> str:
    """What a graded neuron does, in a few words."""
    parts = ["graded", layer.activation]
    parts += [f"leak 2^-{layer.leak}"] if layer.leak else []
    parts += [f"threshold {layer.threshold}"] if layer.threshold else []
    return ", ".join(parts)


def describe_model(path: Path) -> dict:
    """Facts of a trained model."""
    from ipvae.float_models.checkpoint import load_checkpoint

    checkpoint = load_checkpoint(path)
    config = checkpoint.config.to_json() if checkpoint.config else {}
    return {
        "kind": "trained model",
        "model": checkpoint.model,
        "latent": checkpoint.member.latent,
        "inference": checkpoint.member.inference,
        "encoder": checkpoint.member.encoder or "none",
        "pixels": checkpoint.n_pixels,
        "neurons": checkpoint.n_latents,
        "data": checkpoint.data.preset,
        "image_shape": list(checkpoint.data.image_shape),
        "parameters": sum(array.size for array in checkpoint.params.values()),
        "config": config,
        "metrics": checkpoint.metrics,
    }
