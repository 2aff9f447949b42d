"""Run an integer network on training images and record what its variables reach."""

import numpy as np

from ipvae.emulator import Emulator
from ipvae.evaluation.metrics import mse, r2, zeros
from ipvae.network.bounds import saturations
from ipvae.network.description import IntNetwork
from ipvae.network.drive import drive
from ipvae.network.pixels import to_real


def calibrate(network: IntNetwork, images: np.ndarray, n_steps: int, seed: int) -> dict:
    """Measure ranges and quality of an integer network.

    Parameters
    ----------
    network : IntNetwork
    images : (N, M) int
    n_steps : int
    seed : int

    Returns
    -------
    dict
        JSON data: `images`, `steps`, `seed`, `reach` (largest magnitude of each variable),
        `saturations` (over all images and steps), `silent_neurons` (never sent a count), and
        `mse`, `r2`, `zeros` from the counts of the last step.
    """
    reach = {"a_in": 0, "u": 0, "z": 0}
    saturated = {"drive": 0, "a_in": 0, "u": 0, "z": 0}
    sent = np.zeros(network.n_neurons, dtype=np.int64)
    b = drive(network, images)
    step = None
    for step in Emulator(network).steps(images, n_steps, seed):
        variables = {name: getattr(step, name) for name in reach}
        for name, values in variables.items():
            reach[name] = max(reach[name], int(np.abs(values).max()))
        for name, count in saturations(network, variables, b).items():
            saturated[name] = count if name == "drive" else saturated[name] + count
        sent += step.z.sum(axis=0)
    assert step is not None  # step 0 always comes
    real = to_real(images, network.input)
    reconstruction = step.z @ network.decoder.T.astype(np.float64)
    return {
        "images": len(images),
        "steps": n_steps,
        "seed": seed,
        "reach": {**reach, "drive": int(np.abs(b).max())},
        "saturations": saturated,
        "silent_neurons": int((sent == 0).sum()),
        "mse": mse(real, reconstruction),
        "r2": r2(real, reconstruction),
        "zeros": zeros(step.z),
    }
