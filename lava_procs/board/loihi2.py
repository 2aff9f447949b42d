"""Loihi 2 backend: all steps that public Lava supports, and a one-line error where they end.

It needs a board, Intel's extension lava-loihi and a neuro-core model of each kind of neuron.
Members of the Intel Neuromorphic Research Community can obtain the extension and access to a board,
and write the models (docs/loihi2.md). CPU models are never used silently instead. The backend is
untested on a chip so far.
"""

from typing import Any

import numpy as np

from ipvae.lava_procs.board.find import Board, find_board
from ipvae.lava_procs.board.host_stepped import HostSteppedRunner, run_hosted
from ipvae.lava_procs.board.neuro_core_models import configuration, models_for
from ipvae.network.description import IntNetwork
from ipvae.network.rules import random_source
from ipvae.network.traces.replay import check_draws
from ipvae.network.traces.trace import Trace

__all__ = ["require_loihi2", "run"]


def require_loihi2() -> Board:
    """Find a board; raise BackendError if this machine cannot reach one through the extension."""
    return find_board()


def prepared(network: IntNetwork) -> Any:
    """Find a board and all models; return Lava's configuration for them."""
    find_board()
    return configuration(models_for(network), {})


def run(
    network: IntNetwork,
    images: np.ndarray,
    n_steps: int,
    seed: int,
    draws: np.ndarray | None = None,
) -> Trace:
    """Run images on a board, with its own or with recorded draws (N, n_steps + 1, K).

    Raises
    ------
    InputError
        If recorded draws do not fit the run.
    BackendError
        If the extension, a board or a neuro-core model is missing, or Lava selects a CPU model
        instead.
    HungBackendError
        If the network cannot be built or stops answering.
    """
    random_source.check_steps(n_steps)
    if draws is not None:
        check_draws(draws, network, len(images), n_steps + 1)
    made = prepared(network)
    with HostSteppedRunner(network, n_steps, made, replay=draws is not None) as runner:
        return run_hosted(runner, images, seed, "loihi2", draws)
