"""Bit-exact deployment of spiking networks, mainly Poisson VAEs, on Loihi 2.

    import ipvae

    net = ipvae.load_network("net.h5")
    result = ipvae.run(net, steps=64, backend="emulator")
    ipvae.verify(net, backends=("emulator", "lava")).bit_exact
    ipvae.count_operations(net, result)

Every public name is imported on first use. docs/api.md lists them all.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ipvae.errors import IpvaeError
    from ipvae.workflows.certify import certify
    from ipvae.workflows.compare import compare
    from ipvae.workflows.conformance import conformance
    from ipvae.workflows.count import count_operations, estimate_energy
    from ipvae.workflows.describe import describe
    from ipvae.workflows.doctor import doctor
    from ipvae.workflows.evaluate import evaluate
    from ipvae.workflows.graphs.finetuning import finetune
    from ipvae.workflows.graphs.torch_module import import_torch
    from ipvae.workflows.image_input.spike_coding import encode_events, encode_latency, encode_rate
    from ipvae.workflows.import_model import import_model
    from ipvae.workflows.models import load_model, shipped_models
    from ipvae.workflows.networks import diff, load_network, load_trace
    from ipvae.workflows.nir import save_nir
    from ipvae.workflows.place import check, place
    from ipvae.workflows.quantize import quantize
    from ipvae.workflows.quantizing.resize import resize
    from ipvae.workflows.report import make_report
    from ipvae.workflows.run import run
    from ipvae.workflows.streams.animation import draw_film
    from ipvae.workflows.streams.evaluation import evaluate_film
    from ipvae.workflows.streams.films import film
    from ipvae.workflows.streams.stream import Stream
    from ipvae.workflows.train import train_model
    from ipvae.workflows.verify import verify, verify_trace

__version__ = "0.2.0"

_HOMES = {
    "errors": ("IpvaeError",),
    "workflows.certify": ("certify",),
    "workflows.compare": ("compare",),
    "workflows.conformance": ("conformance",),
    "workflows.count": ("count_operations", "estimate_energy"),
    "workflows.describe": ("describe",),
    "workflows.doctor": ("doctor",),
    "workflows.evaluate": ("evaluate",),
    "workflows.graphs.finetuning": ("finetune",),
    "workflows.graphs.torch_module": ("import_torch",),
    "workflows.image_input.spike_coding": ("encode_events", "encode_latency", "encode_rate"),
    "workflows.import_model": ("import_model",),
    "workflows.models": ("load_model", "shipped_models"),
    "workflows.networks": ("diff", "load_network", "load_trace"),
    "workflows.nir": ("save_nir",),
    "workflows.place": ("check", "place"),
    "workflows.quantize": ("quantize",),
    "workflows.quantizing.resize": ("resize",),
    "workflows.report": ("make_report",),
    "workflows.run": ("run",),
    "workflows.streams.animation": ("draw_film",),
    "workflows.streams.evaluation": ("evaluate_film",),
    "workflows.streams.films": ("film",),
    "workflows.streams.stream": ("Stream",),
    "workflows.train": ("train_model",),
    "workflows.verify": ("verify", "verify_trace"),
}
"""Module and the public names that it defines."""

_HOME = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "IpvaeError",
    "Stream",
    "certify",
    "check",
    "compare",
    "conformance",
    "count_operations",
    "describe",
    "diff",
    "doctor",
    "draw_film",
    "encode_events",
    "encode_latency",
    "encode_rate",
    "estimate_energy",
    "evaluate",
    "evaluate_film",
    "film",
    "finetune",
    "import_model",
    "import_torch",
    "load_model",
    "load_network",
    "load_trace",
    "make_report",
    "place",
    "quantize",
    "resize",
    "run",
    "save_nir",
    "shipped_models",
    "train_model",
    "verify",
    "verify_trace",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'ipvae' has no attribute '{name}'")
    value = getattr(import_module(f"ipvae.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
