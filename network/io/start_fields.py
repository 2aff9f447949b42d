"""Datasets of a start that depends on the image: minor version 2.1 of docs/spec/versions.md."""

from typing import Any

import numpy as np

from ipvae.network.layers import AffineStart

START = {
    "neuron/startWeight": ("<i2", 2),
    "neuron/startBias": ("<i4", 1),
    "neuron/start_exp": ("<i8", 0),
    "neuron/startThreshold": ("<i8", 0),
    "neuron/startMargin": ("<i8", 0),
}
"""Path in the layer's group -> (dtype, number of dimensions); all or none are present."""


def start_fields(start: AffineStart) -> dict[str, Any]:
    """Datasets of the `neuron` group."""
    return {
        "startWeight": start.weight,
        "startBias": start.bias,
        "start_exp": start.exponent,
        "startThreshold": start.threshold,
        "startMargin": start.margin,
    }


def start_from(neuron: str, fields: dict[str, np.ndarray]) -> AffineStart | None:
    """Build the start of a layer from the datasets of its group `neuron`, if they are there.

    Raises
    ------
    DescriptionError
        If they describe no valid start.
    """
    if f"{neuron}/startWeight" not in fields:
        return None
    return AffineStart(
        weight=fields[f"{neuron}/startWeight"],
        bias=fields[f"{neuron}/startBias"],
        exponent=int(fields[f"{neuron}/start_exp"]),
        threshold=int(fields[f"{neuron}/startThreshold"]),
        margin=int(fields[f"{neuron}/startMargin"]),
    )
