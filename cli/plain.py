"""`ipvae run`, `report` and `info` of a plain lava-dl network: run, count, describe."""

import contextlib
import json as json_module
import time
from pathlib import Path

from ipvae.cli.output import emit, json_data, table, working
from ipvae.energy.models import MODELS
from ipvae.energy.plain_counts import LayerCounts, PlainCounter, fan_out
from ipvae.lava_procs.watch import TIMEOUT_SECONDS
from ipvae.network.atomic import replacing, require_writable_folder
from ipvae.network.errors import InputError
from ipvae.network.plain_file import read_plain
from ipvae.network.plain_input import Frames, load_frames, messages
from ipvae.network.plain_net import (
    ConvSynapses,
    CubaNeuron,
    Neuron,
    PlainLayer,
    PlainNetwork,
)
from ipvae.report.earlier import leftovers, remove
from ipvae.report.numbers import band, count, percent, whole
from ipvae.workflows.backends import require_known

STATUS = "No Loihi 2 was measured: counts come from Lava's CPU simulator, energies are modelled."
COLUMNS = [
    *("layer", "neurons", "messages", "synaptic ops", "count-weighted", "effective MACs"),
    "neuron updates",
]


def run_plain_net(
    net: Path,
    backend: str,
    samples: int,
    steps: int,
    seed: int,
    timeout: float,
    images: Path | None,
    json: str | None,
    refused: dict[str, object],
) -> None:
    """Run samples on Lava and count what every layer does: `ipvae run` of a lava-dl network.

    Parameters
    ----------
    refused : dict of option -> value
        Options that only our own networks have.
    """
    require_known(backend)
    if backend != "lava":
        raise InputError(
            f"backend: found '{backend}', allowed for a lava-dl network is lava: add --backend lava"
        )
    network, frames = _inputs(net, samples, steps, seed, images, refused)
    counter, seconds = _count(network, frames, steps, timeout)
    counts = counter.total(_host_products(network, frames))
    result = {
        "backend": backend,
        "samples": samples,
        "steps": steps,
        "seconds": seconds,
        "image_steps_per_second": samples * steps / seconds,
        "spikes": round(counts.spikes * samples),
        "zeros": counter.zeros,
        "counts": counts.as_dict(),
        "layers": [layer.as_dict() for layer in counter.layers()],
    }
    rows = [
        ["images x steps", f"{samples} x {steps}"],
        ["time", f"{seconds:.2f} s, {result['image_steps_per_second']:.1f} image-steps/s"],
        [
            "messages",
            f"{count(counts.messages)} per image ({percent(counter.zeros)} of all are zero)",
        ],
    ]
    text: list = [table(f"{net} on {backend}", ["", ""], rows), _layer_table(counter.layers())]
    emit(result, json, text)


def report_plain_net(
    net: Path,
    out: Path,
    samples: int,
    steps: int,
    seed: int,
    images: Path | None,
    json: str | None,
    refused: dict[str, object],
) -> None:
    """Count the operations of a run and model its energy: `ipvae report` of a lava-dl network."""
    network, frames = _inputs(net, samples, steps, seed, images, refused)
    require_writable_folder(out)
    counter, _ = _count(network, frames, steps, TIMEOUT_SECONDS)
    counts = counter.total(_host_products(network, frames))
    layers = counter.layers()
    result = {
        "status": STATUS,
        "network": str(net),
        "backend": "lava",
        "samples": samples,
        "steps": steps,
        "counts": counts.as_dict(),
        "layers": [layer.as_dict() for layer in layers],
        "energy": [model(counts).as_dict() for model in MODELS],
    }
    earlier = leftovers(out, ["report.json"])
    with replacing(out / "report.json") as temporary:
        temporary.write_text(json_module.dumps(json_data(result), indent=2) + "\n")
    remove(earlier)
    energy = [
        [row["model"], row["kind"], row["part"], band(row["low_j"], row["high_j"])]
        for row in result["energy"]
    ]
    text: list = [
        STATUS,
        table("per image", ["counts (docs/energy.md)", ""], _figures(counts.as_dict())),
        _layer_table(layers),
        table("energy per image", ["model", "kind", "part", "microjoules"], energy),
        *(f"{row['model']}: {row['source']}" for row in result["energy"]),
    ]
    emit(result, json, text)


def _figures(counts: dict[str, float]) -> list[list[str]]:
    return [[name, count(value)] for name, value in counts.items()]


def _inputs(
    net: Path,
    samples: int,
    steps: int,
    seed: int,
    images: Path | None,
    refused: dict[str, object],
) -> tuple[PlainNetwork, Frames]:
    """Read the network and its images; say what makes no sense with it."""
    network = read_plain(net)
    for option, value in refused.items():
        if value is not None:
            raise InputError(
                f"{option}: found {value}, but {net} is a lava-dl network, which it does not "
                "concern; leave it out"
            )
    if seed != 0:
        raise InputError(f"--seed: found {seed}, but nothing is drawn in {net}; leave it out")
    if images is None:
        raise InputError(
            f"{net}: a lava-dl network holds no images; give some with --images FILE.npy, "
            f"(n, {', '.join(str(n) for n in network.input.shape)})"
        )
    frames = load_frames(images, network, steps, first=samples)
    if samples > len(frames):
        raise InputError(f"--samples: found {samples}, allowed up to {len(frames)} ({images})")
    return network, frames.first(samples)


def _count(
    network: PlainNetwork, frames: Frames, steps: int, timeout: float
) -> tuple[PlainCounter, float]:
    """Run all samples; return their counts and the seconds of the run."""
    from ipvae.lava_procs.importing import import_lava
    from ipvae.lava_procs.plain_net import run_plain

    import_lava()
    counter, n = PlainCounter(network), len(frames)
    start = time.perf_counter()
    with working(f"running {n} images for {steps} steps on lava"):
        sent = (messages(network.input, values, steps) for values in frames.values)
        with contextlib.closing(run_plain(network, sent, steps, n, timeout)) as records:
            for values, record in zip(frames.values, records, strict=True):
                counter.add(messages(network.input, values, steps), record)
    return counter, time.perf_counter() - start


def _host_products(network: PlainNetwork, frames: Frames) -> float:
    """Products of the input transform for each image, where there is one."""
    return float(network.input.size * frames.values.shape[1]) if frames.real else 0.0


def _layer_table(layers: list[LayerCounts]):
    rows = [
        [
            f"{layer.layer} {layer.kind}",
            str(layer.neurons),
            *(
                count(value)
                for value in (
                    layer.messages,
                    layer.synaptic_ops,
                    layer.count_weighted_ops,
                    layer.effective_macs,
                    layer.neuron_updates,
                )
            ),
        ]
        for layer in layers
    ]
    return table("per layer and image (docs/energy.md)", COLUMNS, rows)


def describe_plain(path: Path) -> dict:
    """Facts of a lava-dl network: `ipvae info`."""
    network = read_plain(path)
    entry = network.input
    return {
        "kind": "lava-dl network",
        "input_shape": list(entry.shape),
        "input_neuron": _neuron(entry.neuron),
        "input_transform": {"weight": entry.weight, "bias": entry.bias},
        "neurons": network.n_neurons,
        "neuron_family": "sigma-delta" if network.sigma_delta else "CUBA",
        "layers": [_describe_layer(layer) for layer in network.layers],
    }


def _describe_layer(layer: PlainLayer) -> dict:
    synapses = layer.synapses
    facts: dict = {
        "layer": layer.name,
        "kind": "conv" if isinstance(synapses, ConvSynapses) else "dense",
        "shape": list(layer.shape),
        "neuron": _neuron(layer.neuron),
        "neurons": layer.n_neurons,
        "synapses": int(fan_out(synapses).sum()),
        "zero_synapses": int((fan_out(synapses) - fan_out(synapses, nonzero=True)).sum()),
        "weights": synapses.weight.size,
        "weight_range": [int(synapses.weight.min()), int(synapses.weight.max())],
    }
    if isinstance(synapses, ConvSynapses):
        facts |= {
            "kernel": list(synapses.weight.shape[2:]),
            "stride": list(synapses.stride),
            "padding": list(synapses.padding),
            "dilation": list(synapses.dilation),
            "groups": synapses.groups,
        }
    return facts


def _neuron(neuron: Neuron | None) -> str:
    """What a neuron does, in a few words."""
    if neuron is None:
        return "none: images are messages"
    if isinstance(neuron, CubaNeuron):
        return (
            f"CUBA, threshold {neuron.threshold}, decays {neuron.current_decay} and "
            f"{neuron.voltage_decay} of 4096"
        )
    return "sigma" if neuron.sums else f"sigma-delta, threshold {neuron.threshold}"


def plain_rows(described: dict) -> list[list[str]]:
    """Rows of the layers' table of `ipvae info`."""
    return [
        [
            f"{layer['layer']} {layer['kind']}",
            " x ".join(str(n) for n in layer["shape"]),
            layer["neuron"],
            f"{whole(layer['synapses'])} ({whole(layer['zero_synapses'])} zero)",
        ]
        for layer in described["layers"]
    ]


PLAIN_COLUMNS = ["", "shape", "neuron", "synapses"]
