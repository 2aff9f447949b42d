"""Datasets of a network file and their conversion to a network; specified in docs/spec/versions.md.

Version 1 can contain one recurrent layer of Poisson neurons with 12 fraction bits, version 2 any
network. A network is written in the oldest version that can represent it.
"""

import re
from typing import Any

import numpy as np

from ipvae.errors import DescriptionError
from ipvae.network.description import InputFormat, IntNetwork
from ipvae.network.io.start_fields import START, start_fields, start_from
from ipvae.network.layers import SUBTRACTED, GradedLayer, PoissonLayer
from ipvae.network.provenance import json_data, json_text
from ipvae.network.rules import poisson, random_source
from ipvae.network.rules.activations import LINEAR, SWISH, ceiling_table, swish_table
from ipvae.network.rules.arithmetic import FRAC_BITS
from ipvae.network.schedule import AnyLayer, ScheduledLayer

VERSIONS = (1, 2)
MINOR = {2: 1}
"""Latest minor version of a version, where that is not 0."""
LATENCY = 1
"""Chip steps from sending a message to its arrival."""

Spec = dict[str, tuple[str, int]]
"""Path -> (dtype, number of dimensions)."""

_NAME = "S10"
_TEXT = "S32"
_WHOLE = ("<i8", 0)

_INPUT: Spec = {
    "layer/0/type": (_NAME, 1),
    "layer/0/shape": ("<i8", 1),
}
_PIXELS: Spec = {
    "ipvae/latency": _WHOLE,
    "ipvae/input/minimum": _WHOLE,
    "ipvae/input/maximum": _WHOLE,
    "ipvae/input/scale": ("<f8", 0),
    "ipvae/input/shape": ("<i8", 1),
}
_MERIT: Spec = {
    "ipvae/decoder": ("<f4", 2),
    "ipvae/test/images": ("<i2", 2),
    "ipvae/test/labels": ("<i2", 1),
    "ipvae/provenance": ("|u1", 1),
}
_SAMPLER: Spec = {
    "ipvae/random": (_TEXT, 0),
    "ipvae/sampler/name": (_TEXT, 0),
    "ipvae/sampler/thresholds": ("<i4", 2),
}
_LAYER: Spec = {
    "type": (_NAME, 1),
    "shape": ("<i8", 1),
    "inFeatures": _WHOLE,
    "outFeatures": _WHOLE,
    "weight": ("<i2", 2),
    "weight_rec": ("|i1", 2),
    "bias": ("<i4", 1),
    "neuron/type": (_NAME, 1),
}
_POISSON: Spec = {
    "neuron/messageBits": _WHOLE,
    "neuron/fracBits": _WHOLE,
    "neuron/weight_exp": _WHOLE,
    "neuron/uInit": ("<i4", 1),
    "neuron/uMin": _WHOLE,
    "neuron/uMax": _WHOLE,
    "neuron/duMin": _WHOLE,
    "neuron/duMax": _WHOLE,
    "neuron/selfWeight": ("<i4", 1),
}
_POISSON_2: Spec = {**_POISSON, "neuron/memory": _WHOLE, "neuron/ceiling": _WHOLE}
_GRADED: Spec = {
    "neuron/weight_exp": _WHOLE,
    "neuron/zMin": _WHOLE,
    "neuron/zMax": _WHOLE,
    "neuron/leak": _WHOLE,
    "neuron/threshold": _WHOLE,
    "neuron/shift": _WHOLE,
    "neuron/activation": (_NAME, 1),
    "neuron/unit": ("<f8", 0),
}
_PLACE: Spec = {
    "role": (_NAME, 0),
    "source": _WHOLE,
    "sign": _WHOLE,
    "phase": _WHOLE,
    "lag": _WHOLE,
    "drive_exp": _WHOLE,
}

FIELDS_1: Spec = {
    **_INPUT,
    **{f"layer/1/{name}": kind for name, kind in {**_LAYER, **_POISSON}.items()},
    "ipvae/drive_exp": _WHOLE,
    **_PIXELS,
    **_SAMPLER,
    **_MERIT,
}
"""All datasets of a file of version 1, in the order in which they are written."""

TABLES = {"ipvae/tables/ceiling": ceiling_table, "ipvae/tables/swish": swish_table}
"""Tables stored for neurons that use them."""

_LAYER_PATH = re.compile(r"layer/([1-9][0-9]?)/(.+)")


def version_of(network: IntNetwork) -> int:
    """Return the oldest version of the format that can represent a network."""
    layer = network.layer
    return (
        1
        if isinstance(layer, PoissonLayer)
        and not network.hidden
        and not network.readouts
        and layer.frac_bits == FRAC_BITS
        and layer.memory
        and not layer.ceiling
        and layer.start is None
        and layer.sign == SUBTRACTED
        and layer.weight is not None
        and layer.weight.ndim == 2
        else 2
    )


def minor_of(network: IntNetwork) -> int:
    """Return the minor version: 1 for a code whose start depends on the image, else 0."""
    return int(getattr(network.layer, "start", None) is not None)


def expected_fields(version: int, datasets: dict[str, tuple[np.dtype, tuple]]) -> Spec:
    """Return the datasets that a file must have, derived from the names in it.

    Parameters
    ----------
    version : int
    datasets : dict of path -> (dtype, shape)
        As found in the file. The names determine the layers and their kinds.
    """
    if version == 1:
        return FIELDS_1
    names = {int(m[1]) for m in map(_LAYER_PATH.fullmatch, datasets) if m}
    spec = {**_INPUT, **_PIXELS, **_MERIT, "ipvae/period": _WHOLE}
    for i in sorted(names):
        poisson_layer = f"layer/{i}/neuron/uInit" in datasets
        neuron = _POISSON_2 if poisson_layer else _GRADED
        if poisson_layer and any(f"layer/{i}/{name}" in datasets for name in START):
            neuron = neuron | START
        spec |= _of_layer(i, neuron, datasets)
        if poisson_layer:
            spec |= _SAMPLER
    spec |= {path: ("<i4", 1) for path in TABLES if path in datasets}
    return spec


def _of_layer(i: int, neuron: Spec, datasets: dict[str, tuple[np.dtype, tuple]]) -> Spec:
    spec = {f"layer/{i}/{name}": kind for name, kind in {**_LAYER, **neuron}.items()}
    weight, received = f"layer/{i}/weight", f"layer/{i}/weight_rec"
    found = datasets.get(weight)
    if found is not None and found[0] == np.dtype("|i1"):
        spec[weight] = ("|i1", 2)
    elif found is not None and len(found[1]) == 1:
        spec[weight] = ("<i2", 1)
    if received not in datasets:
        del spec[received]
    return spec | {f"ipvae/layers/{i}/{name}": kind for name, kind in _PLACE.items()}


def to_fields(network: IntNetwork, version: int | None = None) -> dict[str, np.ndarray]:
    """All datasets of a network's file, in the given version or the oldest possible one."""
    version = version_of(network) if version is None else version
    values = _common_values(network)
    if network.draws:
        values |= {
            "ipvae/random": random_source.NAME.encode(),
            "ipvae/sampler/name": poisson.NAME.encode(),
            "ipvae/sampler/thresholds": poisson.thresholds(),
        }
    if version == 1:
        values["ipvae/drive_exp"] = network.layer.drive_exp
        values |= _layer_values("1", network.layer, network.n_pixels, version)
        spec = FIELDS_1
    else:
        values["ipvae/period"] = network.schedule.period
        for stage in network.schedule.stages:
            values |= _layer_values(stage.name, stage.layer, network.n_pixels, version)
            values |= _place_values(stage)
        used = {getattr(layer, "activation", LINEAR) for layer in network.layers.values()}
        if SWISH in used:
            values["ipvae/tables/swish"] = swish_table()
        if getattr(network.layer, "ceiling", False):
            values["ipvae/tables/ceiling"] = ceiling_table()
        shapes = {path: (np.asarray(v).dtype, np.shape(v)) for path, v in values.items()}
        spec = expected_fields(version, shapes)
    return {path: np.asarray(values[path], dtype=spec[path][0]) for path in spec}


def _common_values(network: IntNetwork) -> dict[str, Any]:
    pixels = network.input
    return {
        "layer/0/type": [b"input"],
        "layer/0/shape": [network.n_pixels],
        "ipvae/latency": LATENCY,
        "ipvae/input/minimum": pixels.minimum,
        "ipvae/input/maximum": pixels.maximum,
        "ipvae/input/scale": pixels.scale,
        "ipvae/input/shape": pixels.shape,
        "ipvae/decoder": network.decoder,
        "ipvae/test/images": network.test_images,
        "ipvae/test/labels": network.test_labels,
        "ipvae/provenance": np.frombuffer(json_text(network.provenance), dtype=np.uint8),
    }


def _layer_values(name: str, layer: AnyLayer, n_pixels: int, version: int) -> dict[str, Any]:
    """Group of one layer: dense with one kind of weights, dense_rec with both."""
    both = layer.weight is not None and layer.weight_rec is not None
    weight = layer.weight_rec if layer.weight is None else layer.weight
    n_inputs = n_pixels if layer.weight is not None else layer.n_neurons
    if layer.weight is None and layer.weight_rec is not None:
        n_inputs = layer.weight_rec.shape[1]
    values = {
        "type": [b"dense_rec" if both else b"dense"],
        "shape": [layer.n_neurons],
        "inFeatures": n_inputs,
        "outFeatures": layer.n_neurons,
        "weight": weight,
        "bias": layer.bias,
        **{f"neuron/{key}": value for key, value in neuron_fields(layer, version).items()},
    }
    if both:
        values["weight_rec"] = layer.weight_rec
    return {f"layer/{name}/{key}": value for key, value in values.items()}


def neuron_fields(layer: AnyLayer, version: int = 1) -> dict[str, Any]:
    """Datasets of the `neuron` group, under lava-dl's names where lava-dl has one."""
    if isinstance(layer, GradedLayer):
        return {
            "type": [b"GRADED"],
            "weight_exp": layer.weight_exp,
            "zMin": layer.z_min,
            "zMax": layer.z_max,
            "leak": layer.leak,
            "threshold": layer.threshold,
            "shift": layer.shift,
            "activation": [layer.activation.encode()],
            "unit": layer.unit,
        }
    fields = {
        "type": [b"POISSON"],
        "messageBits": layer.payload_bits,
        "fracBits": layer.frac_bits,
        "weight_exp": layer.weight_exp,
        "uInit": layer.u_init,
        "uMin": layer.u_min,
        "uMax": layer.u_max,
        "duMin": layer.du_min,
        "duMax": layer.du_max,
        "selfWeight": layer.self_weight,
    }
    return (
        fields
        if version == 1
        else fields
        | {
            "memory": int(layer.memory),
            "ceiling": int(layer.ceiling),
        }
        | ({} if layer.start is None else start_fields(layer.start))
    )


def _place_values(stage: ScheduledLayer) -> dict[str, Any]:
    layer = stage.layer
    values = {
        "role": stage.role.encode(),
        "source": layer.source,
        "sign": layer.sign,
        "phase": stage.phase,
        "lag": stage.input_delay,
        "drive_exp": layer.drive_exp,
    }
    return {f"ipvae/layers/{stage.name}/{key}": value for key, value in values.items()}


def from_fields(version: int, fields: dict[str, np.ndarray]) -> IntNetwork:
    """Build a network from its datasets; redundant datasets are not compared here.

    Raises
    ------
    DescriptionError, ValueError, RecursionError
        If they do not describe a valid network.
    """
    numbers = sorted({int(m[1]) for m in map(_LAYER_PATH.fullmatch, fields) if m})
    if not numbers or numbers != list(range(1, len(numbers) + 1)):
        raise DescriptionError(f"/layer: layers {numbers}, allowed are 1, 2, ... without a gap")
    layers, roles = [], []
    for i in numbers:
        try:
            layers.append(_layer_of(version, i, fields))
        except DescriptionError as error:
            raise DescriptionError(f"layer {i}: {error}") from error
        roles.append("code" if version == 1 else _text(fields[f"ipvae/layers/{i}/role"], "role"))
    if roles.count("code") != 1:
        raise DescriptionError(f"/ipvae/layers: roles {', '.join(roles)}, allowed one code")
    place = roles.index("code")
    height_width = [int(n) for n in fields["ipvae/input/shape"]]
    if len(height_width) != 2:
        raise DescriptionError("/ipvae/input/shape is not (height, width)")
    return IntNetwork(
        input=InputFormat(
            minimum=int(fields["ipvae/input/minimum"]),
            maximum=int(fields["ipvae/input/maximum"]),
            scale=float(fields["ipvae/input/scale"]),
            shape=(height_width[0], height_width[1]),
        ),
        layer=layers[place],
        hidden=_graded(layers[:place]),
        readouts=_graded(layers[place + 1 :]),
        decoder=fields["ipvae/decoder"],
        test_images=fields["ipvae/test/images"],
        test_labels=fields["ipvae/test/labels"],
        provenance=json_data(fields["ipvae/provenance"].tobytes()),
    )


def _graded(layers: list[AnyLayer]) -> tuple[GradedLayer, ...]:
    graded = tuple(layer for layer in layers if isinstance(layer, GradedLayer))
    if len(graded) < len(layers):
        raise DescriptionError("/layer: Poisson neurons outside the code; allowed are graded ones")
    return graded


def _layer_of(version: int, i: int, fields: dict[str, np.ndarray]) -> AnyLayer:
    group = f"layer/{i}"

    def whole(name: str) -> int:
        return int(fields[f"{group}/neuron/{name}"])

    def place(name: str, version_1: int) -> int:
        return version_1 if version == 1 else int(fields[f"ipvae/layers/{i}/{name}"])

    weight, received = fields[f"{group}/weight"], fields.get(f"{group}/weight_rec")
    if weight.dtype == np.int8:
        weight, received = None, weight
    drive_exp = int(fields["ipvae/drive_exp"]) if version == 1 else place("drive_exp", 0)
    common = {
        "weight": weight,
        "weight_rec": received,
        "bias": fields[f"{group}/bias"],
        "drive_exp": drive_exp,
        "weight_exp": whole("weight_exp"),
        "source": place("source", 1),
        "sign": place("sign", SUBTRACTED),
    }
    if f"{group}/neuron/uInit" not in fields:
        return GradedLayer(
            **common,
            z_min=whole("zMin"),
            z_max=whole("zMax"),
            leak=whole("leak"),
            threshold=whole("threshold"),
            shift=whole("shift"),
            activation=_text(fields[f"{group}/neuron/activation"], "activation"),
            unit=float(fields[f"{group}/neuron/unit"]),
        )
    return PoissonLayer(
        **common,
        self_weight=fields[f"{group}/neuron/selfWeight"],
        u_init=fields[f"{group}/neuron/uInit"],
        u_min=whole("uMin"),
        u_max=whole("uMax"),
        du_min=whole("duMin"),
        du_max=whole("duMax"),
        payload_bits=whole("messageBits"),
        frac_bits=whole("fracBits"),
        memory=True if version == 1 else _flag(whole("memory"), "memory"),
        ceiling=False if version == 1 else _flag(whole("ceiling"), "ceiling"),
        start=start_from(f"{group}/neuron", fields),
    )


def _flag(value: int, name: str) -> bool:
    if value not in (0, 1):
        raise DescriptionError(f"{name} = {value}, allowed are 0 and 1")
    return bool(value)


def _text(array: np.ndarray, name: str) -> str:
    if array.size != 1:
        raise DescriptionError(f"{name} has shape {array.shape}, allowed is one text")
    return array.reshape(-1)[0].decode("latin-1")
