"""First lines of a description: kind and size, quality, fit to the target, next command."""

from collections.abc import Mapping
from numbers import Real
from typing import Any

from ipvae.chip.check import check
from ipvae.network.description import IntNetwork
from ipvae.network.traces.trace import Trace
from ipvae.report.html.counted_nouns import number_of
from ipvae.report.limits import fits_text
from ipvae.report.numbers import error, fit, percent, whole

TARGET = "loihi2"


def network_summary(network: IntNetwork, facts: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """Lines of a network exported by ipvae; `name` is its path in the next command."""
    layers = facts["layers"]
    synapses = sum(layer["synapses"] for layer in layers)
    size = (
        f"integer network: {_shape(facts)} pixels, {number_of(facts['neurons'], 'neuron')} in "
        f"{number_of(len(layers), 'layer')}, {whole(synapses)} synapses"
    )
    found = check(network, TARGET).as_dict()
    if found["ok"]:
        fits = f"fits {fits_text(found)}"
    else:
        broken = ", ".join(dict.fromkeys(line["rule"] for line in found["violations"]))
        fits = f"does not fit {TARGET}: {broken or 'overflow'} exceeded (ipvae.check('{name}'))"
    merit = _of(network.provenance, "calibration", "integer")
    quality = _quality(merit, "on the export's calibration images") or (
        f"quality: not in the file (ipvae.evaluate('{name}'))"
    )
    return size, quality, fits, f"next: ipvae.make_report('{name}')"


def model_summary(facts: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """Lines of a trained model."""
    size = (
        f"trained model {facts['model']} of data set {facts['data']}: {_shape(facts)} pixels, "
        f"{number_of(facts['neurons'], 'neuron')}, {whole(facts['parameters'])} parameters"
    )
    quality = _quality(facts["metrics"], "on held-out images at the end of training")
    quality = quality or f"quality: not stored (ipvae.evaluate('{name}'))"
    own = "; it needs images= to calibrate on" if facts["data"] == "arrays" else ""
    return size, quality, f"next: ipvae.quantize('{name}'){own}"


def any_network_summary(facts: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """Lines of a lava-dl network."""
    layers = facts["layers"]
    return (
        f"{facts['kind']}: input {' x '.join(map(str, facts['input_shape']))}, "
        f"{number_of(facts['neurons'], 'neuron')} in {number_of(len(layers), 'layer')}, "
        f"{whole(sum(layer['synapses'] for layer in layers))} synapses, {facts['neuron_family']}",
        f"next: ipvae.run('{name}', images='FILE.npy')",
    )


def trace_facts(trace: Trace) -> dict[str, Any]:
    """Return the facts of a trace; JSON data."""
    first = trace.samples[0] if trace.samples else {}
    return {
        "kind": "trace",
        "backend": trace.backend,
        "network_checksum": trace.checksum,
        "seed": trace.seed,
        "samples": len(trace.samples),
        "steps": trace.steps,
        "complete": trace.complete,
        "variables": [f"{layer}/{name}" for layer, found in first.items() for name in found],
    }


def trace_summary(facts: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """Lines of a trace."""
    return (
        f"trace: what backend {facts['backend']} recorded of network "
        f"{facts['network_checksum'][:12]}..., {number_of(facts['samples'], 'image')}, steps 0 to "
        f"{whole(facts['steps'])}, seed {facts['seed']}",
        f"next: ipvae.diff('{name}', 'OTHER.h5'), or ipvae.verify_trace('NET.h5', trace='{name}')",
    )


def _shape(facts: Mapping[str, Any]) -> str:
    return " x ".join(map(str, facts["image_shape"]))


def _of(found: Any, *keys: str) -> Any:
    """Value at nested keys of provenance, which may have any form; None if it is missing."""
    for key in keys:
        found = found.get(key) if isinstance(found, Mapping) else None
    return found


def _quality(merit: Any, where: str) -> str:
    """Format figures of merit; empty if R2 is not a number."""
    forms = (("R2", "r2", fit), ("MSE", "mse", error), ("zeros", "zeros", percent))
    values = [(name, _of(merit, key), form) for name, key, form in forms]
    if not isinstance(values[0][1], Real):
        return ""
    texts = [f"{name} {form(float(v))}" for name, v, form in values if isinstance(v, Real)]
    curve = _of(merit, "curve")
    last = curve[-1] if isinstance(curve, list) and curve else merit
    step = _of(last, "step") or _of(merit, "steps")
    after = f" after {number_of(step, 'step')}" if isinstance(step, int) else ""
    return f"quality: {', '.join(texts)}{after}, {where}"
