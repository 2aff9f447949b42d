"""The Loihi 2 backend, up to the door that public Lava cannot open.

Needs a board and Intel's extension lava-loihi, which members of the Intel
Neuromorphic Research Community get. Without them there is one clear line, and
never a silent fall-back to CPU models.
"""

import numpy as np

from ipvae.lava_procs.importing import import_lava
from ipvae.network.description import IntNetwork
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


def run(network: IntNetwork, images: np.ndarray, n_steps: int, seed: int) -> Trace:
    """Run images on a board.

    Raises
    ------
    BackendError
        If the board or the extension is missing, or no neuro-core model of the Poisson
        neuron is installed.
    """
    del network, images, n_steps, seed
    require_loihi2()
    raise BackendError(
        "backend 'loihi2': the extension is here, but no neuro-core model of the Poisson neuron: "
        "its microcode can only be built by members, from docs/arithmetic.md and docs/vectors"
    )
