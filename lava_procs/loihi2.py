"""The Loihi 2 backend, up to the door that public Lava cannot open.

Needs a board and Intel's extension lava-loihi, which members of the Intel
Neuromorphic Research Community get. Without them there is one clear line, and
never a silent fall-back to CPU models.
"""

import numpy as np

from ipvae.lava_procs.importing import import_lava
from ipvae.network.description import IntNetwork
from ipvae.network.draws import check_draws
from ipvae.network.errors import BackendError
from ipvae.network.trace import Trace

EXTENSION = "lava.utils.loihi2_profiler"
"""A module that only Intel's extension brings; public Lava's own test for it."""


def require_loihi2() -> None:
    """Raise BackendError unless this machine can reach a Loihi 2 through Intel's extension."""
    import_lava()
    from lava.utils import loihi

    if not loihi.is_installed(EXTENSION):
        raise BackendError(
            "backend 'loihi2': Intel's extension lava-loihi (module "
            f"{EXTENSION}) and a Loihi 2 board are missing; members of the Intel Neuromorphic "
            "Research Community get both. Use --backend lava for the CPU simulator"
        )


def run(
    network: IntNetwork,
    images: np.ndarray,
    n_steps: int,
    seed: int,
    draws: np.ndarray | None = None,
) -> Trace:
    """Run images on a board, with its own draws or with recorded ones (N, n_steps + 1, K).

    Raises
    ------
    InputError
        If recorded draws do not fit the run.
    BackendError
        If the board or the extension is missing, or no neuro-core model of the Poisson
        neuron is installed.
    """
    del seed
    if draws is not None:
        check_draws(draws, network, len(images), n_steps + 1)
    require_loihi2()
    raise BackendError(
        "backend 'loihi2': the extension is here, but no neuro-core model of the Poisson neuron: "
        "its microcode can only be built by members, from docs/arithmetic.md and docs/vectors"
    )
