"""`ipvae info`: what a network file or a trained model is."""

from pathlib import Path
from typing import Annotated

import typer

from ipvae.cli.inputs import training_errors
from ipvae.cli.output import JsonOption, emit, table
from ipvae.network import poisson, random_source
from ipvae.network.arithmetic import FRAC_BITS
from ipvae.network.bounds import bounds
from ipvae.network.fields import version_of
from ipvae.network.file import checksum, read_network


def info(
    path: Annotated[Path, typer.Argument(metavar="NET.h5|MODEL", help="Network file or model.")],
    json: JsonOption = None,
) -> None:
    """Describe a network file or a trained model."""
    described = describe_network(path) if path.suffix == ".h5" else describe_model(path)
    rows = [[key, str(value)] for key, value in described.items() if not isinstance(value, dict)]
    emit(described, json, table(str(path), ["", ""], rows))


def describe_network(path: Path) -> dict:
    """Facts of a network file."""
    network = read_network(path)
    layer = network.layer
    return {
        "kind": "integer network",
        "format_version": version_of(network),
        "checksum": checksum(network),
        "pixels": network.n_pixels,
        "neurons": layer.n_neurons,
        "pixel_range": [network.input.minimum, network.input.maximum],
        "image_shape": list(network.input.shape),
        "payload_bits": layer.payload_bits,
        "weight_exp": layer.weight_exp,
        "drive_exp": layer.drive_exp,
        "log_rate_range": [layer.u_min, layer.u_max],
        "rate_range": [2.0 ** (u / 2**FRAC_BITS) for u in (layer.u_min, layer.u_max)],
        "random_source": random_source.NAME,
        "sampler": poisson.NAME,
        "overflow_proved": all(bound.holds for bound in bounds(network)),
        "test_images": len(network.test_images),
        "provenance": network.provenance,
    }


def describe_model(path: Path) -> dict:
    """Facts of a trained model."""
    from ipvae.train.checkpoint import load_checkpoint

    with training_errors():
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
