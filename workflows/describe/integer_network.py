"""Facts of an integer network, and its layers as a table."""

from typing import Any

from ipvae.evaluation.readouts import readout_names
from ipvae.network.description import IntNetwork
from ipvae.network.io.fields import version_of
from ipvae.network.io.network_file import checksum
from ipvae.network.layers import GradedLayer, PoissonLayer
from ipvae.network.proof.bounds import bounds
from ipvae.network.rules import poisson, random_source
from ipvae.network.schedule import ScheduledLayer
from ipvae.workflows.results import Table

COLUMNS = ["", "neurons", "number", "receives", "synapses", "sends"]


def network_facts(network: IntNetwork) -> dict[str, Any]:
    """Return the facts of a network; JSON data."""
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
        "chip_steps_per_update": network.schedule.period,
        "test_images": len(network.test_images),
        "layers": [
            _layer_facts(stage, network)
            for stage in sorted(network.schedule.stages, key=lambda s: int(s.name))
        ],
        "provenance": network.provenance,
    }


def layer_table(facts: dict[str, Any]) -> Table:
    """Return the layers of a network as text."""
    return Table("layers", COLUMNS, [_row(layer) for layer in facts["layers"]])


def _row(layer: dict[str, Any]) -> list[str]:
    """Row of one layer in the table."""
    low, high = layer["sends"]
    return [
        f"{layer['layer']} {layer['role']}",
        layer["neuron"],
        str(layer["neurons"]),
        ", ".join(layer["receives"]),
        f"{layer['synapses']} ({layer['zero_synapses']} zero)" if layer["synapses"] else "none",
        f"{low}..{high}",
    ]


def _layer_facts(stage: ScheduledLayer, network: IntNetwork) -> dict[str, Any]:
    """Facts of one layer, including the code layer."""
    layer = stage.layer
    synapses = layer.weight_rec
    receives = ["image"] if layer.weight is not None else []
    receives += [f"layer {layer.source}"] if synapses is not None else []
    return {
        "layer": stage.name,
        "role": readout_names(network).get(stage.name, stage.role),
        "neuron": "Poisson" if isinstance(layer, PoissonLayer) else _graded(layer),
        "neurons": layer.n_neurons,
        "receives": receives,
        "hears": receives,  # deprecated name of `receives`
        "synapses": 0 if synapses is None else synapses.size,
        "zero_synapses": 0 if synapses is None else int((synapses == 0).sum()),
        "sends": list(layer.sent),
        "phase": stage.phase,
        "lag": stage.input_delay,
    }


def _graded(layer: GradedLayer) -> str:
    """Short text on the function of a graded neuron."""
    parts = ["graded", layer.activation]
    parts += [f"leak 2^-{layer.leak}"] if layer.leak else []
    parts += [f"threshold {layer.threshold}"] if layer.threshold else []
    return ", ".join(parts)
