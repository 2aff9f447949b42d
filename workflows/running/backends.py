"""Backends by name; each runs images and returns a trace."""

import logging

import numpy as np

from ipvae.errors import InputError
from ipvae.lava_procs.supervision.watchdog import TIMEOUT_SECONDS
from ipvae.network.description import IntNetwork
from ipvae.network.traces.selection import EVERYTHING, Record
from ipvae.network.traces.trace import Trace

BACKENDS = ("emulator", "lava", "lava-stock", "loihi2")
LAVA = {"lava": "event-driven", "lava-stock": "stock"}
"""Lava's CPU simulator, with the Dense model of ipvae or of Lava."""

__all__ = ["BACKENDS", "TIMEOUT_SECONDS", "require_known", "run_backend"]

log = logging.getLogger("ipvae")


def require_known(name: str) -> None:
    """Raise InputError unless the name is a backend of ipvae."""
    if name not in BACKENDS:
        raise InputError(f"backend: found '{name}', allowed {', '.join(BACKENDS)}")


def run_backend(
    name: str,
    network: IntNetwork,
    images: np.ndarray,
    n_steps: int,
    seed: int,
    draws: np.ndarray | None = None,
    record: Record = EVERYTHING,
    hold: int | None = None,
    timeout: float = TIMEOUT_SECONDS,
) -> Trace:
    """Run images for n_steps updates on a backend and record a trace.

    Parameters
    ----------
    name : one of BACKENDS
    network : IntNetwork
    images : (N, M) int, or (N, frames, M) with `hold`
    n_steps : int
    seed : int
    draws : (N, n_steps + 1, K) int, optional
        Counts to replay instead of sampling.
    record : Record
    hold : int, optional
        Updates of each frame of a stream.
    timeout : float, seconds
        For Lava's backends: longest time without a response.

    Raises
    ------
    InputError
        If the backend is unknown, or does not support the request.
    BackendError
        If the backend is not available on this machine.
    HungBackendError
        If the backend stops responding.
    """
    require_known(name)
    if name == "emulator":
        from ipvae.emulator.recording import run

        return run(
            network,
            images,
            n_steps,
            seed,
            draws=draws,
            record=record,
            hold=hold,
            on_message=log.info,
        )
    if name in LAVA:
        from ipvae.lava_procs.runner import run as run_lava

        dense = LAVA[name]
        return run_lava(network, images, n_steps, seed, timeout, draws, record, hold, dense)
    if record != EVERYTHING or hold is not None:
        raise InputError(
            f"backend '{name}': found a choice of what is recorded, or frame_steps=, allowed on "
            "emulator, lava and lava-stock. Omit it."
        )
    from ipvae.lava_procs.board.loihi2 import run as run_loihi2

    return run_loihi2(network, images, n_steps, seed, draws=draws)
