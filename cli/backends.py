"""Backends by name; each runs images and gives a trace."""

import numpy as np

from ipvae.network.description import IntNetwork
from ipvae.network.errors import InputError
from ipvae.network.trace import Trace

BACKENDS = ("emulator", "lava", "lava-stock", "loihi2")
"""`lava-stock` is Lava's CPU simulator with Lava's own model of Dense, `lava` with ours."""


def require_known(name: str) -> None:
    """Raise InputError unless the backend's name is one of ours."""
    if name not in BACKENDS:
        raise InputError(f"backend: found '{name}', allowed {', '.join(BACKENDS)}")


def run_backend(
    name: str,
    network: IntNetwork,
    images: np.ndarray,
    n_steps: int,
    seed: int,
    draws: np.ndarray | None = None,
) -> Trace:
    """Run images (N, M) for n_steps updates on a backend.

    With `draws` (N, n_steps + 1, K) these counts are replayed in place of the sampler's.

    Raises
    ------
    InputError
        If the backend is unknown.
    BackendError
        If this machine does not have it.
    HungBackendError
        If it stops answering.
    """
    require_known(name)
    if name == "emulator":
        from ipvae.emulator import run

        return run(network, images, n_steps, seed, draws=draws)
    if name == "lava":
        from ipvae.lava_procs.runner import run as run_lava

        return run_lava(network, images, n_steps, seed, draws=draws)
    from ipvae.lava_procs.loihi2 import run as run_loihi2

    return run_loihi2(network, images, n_steps, seed, draws=draws)
