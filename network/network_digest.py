"""Checksum of a `Network`: what runs, and nothing else."""

import hashlib
from dataclasses import fields
from typing import Any

import numpy as np

from ipvae.network.network import Network
from ipvae.once import once


@once
def network_digest(network: Network) -> str:
    """SHA-256 of every number that the run depends on, in hexadecimal.

    The same network read from another file has the same checksum.
    """
    digest = hashlib.sha256(b"ipvae network\n")
    _add(digest, "input", network.input)
    for layer in network.layers:
        _add(digest, f"layer {layer.id}", layer.neuron)
        _add_value(digest, "bias", layer.bias)
        for connection in layer.connections:
            for name in ("source", "exponent", "delay"):
                _add_value(digest, name, getattr(connection, name))
            _add(digest, connection.weights.kind, connection.weights)
    return digest.hexdigest()


def _add(digest: Any, name: str, value: Any) -> None:
    """Add the fields of a dataclass by name."""
    digest.update(f"{name}: {type(value).__name__}\n".encode())
    for field in fields(value):
        found = getattr(value, field.name)
        if hasattr(found, "__dataclass_fields__"):
            _add(digest, field.name, found)
        else:
            _add_value(digest, field.name, found)


def _add_value(digest: Any, name: str, value: Any) -> None:
    if isinstance(value, np.ndarray):
        digest.update(f"{name} {value.shape}\n".encode())
        digest.update(np.ascontiguousarray(value, "<i4").tobytes())
    else:
        digest.update(f"{name} {value!r}\n".encode())
