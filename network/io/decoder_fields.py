"""Datasets of a decoder: minor version 3.1 of docs/spec/file.md."""

from typing import Any

import numpy as np

from ipvae.errors import DescriptionError
from ipvae.network.convolutional.decoder import Decoder

NAME = "S10"
DECODER = {
    "ipvae/decoder/layer": (NAME, 0),
    "ipvae/decoder/weight": ("<f4", 4),
    "ipvae/decoder/stride": ("<i8", 1),
    "ipvae/decoder/crop": ("<i8", 1),
}
"""Path -> (dtype, number of dimensions); all or none are present."""


def decoder_fields(decoder: Decoder | None) -> dict[str, Any]:
    """Datasets of a decoder by path; none without one."""
    if decoder is None:
        return {}
    return {
        "ipvae/decoder/layer": np.array(decoder.layer, NAME),
        "ipvae/decoder/weight": decoder.weight.astype("<f4"),
        "ipvae/decoder/stride": np.array(decoder.stride, "<i8"),
        "ipvae/decoder/crop": np.array(decoder.crop, "<i8"),
    }


def decoder_from(fields: dict[str, np.ndarray]) -> Decoder | None:
    """Build the decoder of a network, if its datasets are there.

    Raises
    ------
    DescriptionError
        If they describe no decoder.
    """
    if "ipvae/decoder/weight" not in fields:
        return None
    pairs = {name: fields[f"ipvae/decoder/{name}"] for name in ("stride", "crop")}
    for name, values in pairs.items():
        if values.shape != (2,):
            raise DescriptionError(
                f"ipvae/decoder/{name}: {len(values)} values, allowed (rows, columns)"
            )
    stride, crop = ((int(a), int(b)) for a, b in pairs.values())
    layer = fields["ipvae/decoder/layer"].reshape(-1)[0].decode("latin-1")
    return Decoder(layer, fields["ipvae/decoder/weight"], stride, crop)
