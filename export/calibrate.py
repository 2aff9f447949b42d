"""Run an integer network on training images and record what its variables reach."""

import numpy as np

from ipvae.emulator import Emulator
from ipvae.evaluation.metrics import mse, r2, zeros
from ipvae.network.bounds import layer_saturations
from ipvae.network.description import IntNetwork
from ipvae.network.drive import drives
from ipvae.network.layers import PoissonLayer
from ipvae.network.pixels import to_real
from ipvae.network.wiring import AnyLayer


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
        JSON data: `images`, `steps`, `seed`; of the code `reach` (largest magnitude of each
        variable), `saturations` (over all images and steps), `silent_neurons` (never sent
        anything) and `saturated_neurons` (stood at the largest rate once, or sent a limit); `mse`,
        `r2`, `zeros` from what it sent last; and `layers`, the first four of every layer.
    """
    b = drives(network, images)
    layers = {name: _Record(layer.n_neurons) for name, layer in network.layers.items()}
    row = None
    for row in Emulator(network).rows(images, n_steps, seed):
        for name, record in layers.items():
            step = {"a_in": row[name].a_in, "u": row[name].u, "z": row[name].z}
            record.add(network.layers[name], step, b[name])
    assert row is not None  # step 0 always comes
    z = row[network.code].z
    real = to_real(images, network.input)
    reconstruction = z @ network.decoder.T.astype(np.float64)
    found = {name: record.as_dict() for name, record in layers.items()}
    return {
        "images": len(images),
        "steps": n_steps,
        "seed": seed,
        **found[network.code],
        "mse": mse(real, reconstruction),
        "r2": r2(real, reconstruction),
        "zeros": zeros(z),
        "layers": found,
    }


class _Record:
    """What one layer has reached so far."""

    def __init__(self, n_neurons: int) -> None:
        self.reach: dict[str, int] = dict.fromkeys(("a_in", "u", "z", "drive"), 0)
        self.saturations: dict[str, int] = dict.fromkeys(("drive", "a_in", "u", "z"), 0)
        self.sent = np.zeros(n_neurons, dtype=np.int64)
        self.at_limit = np.zeros(n_neurons, dtype=bool)

    def add(self, layer: AnyLayer, step: dict[str, np.ndarray], drive: np.ndarray) -> None:
        """Take one step of all images in."""
        for name, values in {**step, "drive": drive}.items():
            self.reach[name] = max(self.reach[name], int(np.abs(values).max()))
        for name, count in layer_saturations(layer, step, drive).items():
            self.saturations[name] = count if name == "drive" else self.saturations[name] + count
        self.sent += np.abs(step["z"]).sum(axis=0)
        if isinstance(layer, PoissonLayer):
            self.at_limit |= (step["u"] >= layer.u_max).any(axis=0)
        else:
            self.at_limit |= (np.abs(step["z"]) >= layer.z_max).any(axis=0)

    def as_dict(self) -> dict:
        """JSON data."""
        return {
            "reach": self.reach,
            "saturations": self.saturations,
            "silent_neurons": int((self.sent == 0).sum()),
            "saturated_neurons": int(self.at_limit.sum()),
        }
