"""Run an integer network on training images and record what its variables reach."""

from collections.abc import Sequence

import numpy as np

from ipvae.emulator import Emulator, Tell
from ipvae.evaluation.metrics import judged
from ipvae.network.bounds import layer_saturations
from ipvae.network.description import IntNetwork
from ipvae.network.drive import drives
from ipvae.network.layers import PoissonLayer
from ipvae.network.pixels import to_real
from ipvae.network.wiring import AnyLayer


def calibrate(
    network: IntNetwork,
    images: np.ndarray,
    steps: Sequence[int],
    seed: int,
    tell: Tell | None = None,
) -> dict:
    """Measure ranges and quality of an integer network.

    Parameters
    ----------
    network : IntNetwork
    images : (N, M) int
    steps : rising numbers of updates after which to judge; the last ends the run
    seed : int
    tell : callable, optional
        As `ipvae.emulator.Emulator`.

    Returns
    -------
    dict
        JSON data: `images`, `steps`, `seed`; of the code `reach` (largest magnitude of each
        variable), `saturations` (over all images and steps), `silent_neurons` (never sent
        anything) and `saturated_neurons` (stood at the largest rate once, or sent a limit), both
        until the first of `steps`; `curve`, `steps`, `mse`, `r2`, `zeros` of `judged`; and
        `layers`, the first four of every layer.
    """
    b = drives(network, images)
    layers = {name: _Record(layer.n_neurons) for name, layer in network.layers.items()}
    counts = {}
    for t, row in enumerate(Emulator(network, tell=tell).rows(images, steps[-1], seed)):
        for name, record in layers.items():
            step = {"a_in": row[name].a_in, "u": row[name].u, "z": row[name].z}
            record.add(network.layers[name], step, b[name], judged=t <= steps[0])
        if t in steps or (t and not network.layer.memory):
            counts[t] = row[network.code].z
    found = {name: record.as_dict() for name, record in layers.items()}
    return {
        "images": len(images),
        "seed": seed,
        **found[network.code],
        **judged(
            to_real(images, network.input), counts, network.decoder, mean=not network.layer.memory
        ),
        "layers": found,
    }


class _Record:
    """What one layer has reached so far."""

    def __init__(self, n_neurons: int) -> None:
        self.reach: dict[str, int] = dict.fromkeys(("a_in", "u", "z", "drive"), 0)
        self.saturations: dict[str, int] = dict.fromkeys(("drive", "a_in", "u", "z"), 0)
        self.sent = np.zeros(n_neurons, dtype=np.int64)
        self.at_limit = np.zeros(n_neurons, dtype=bool)

    def add(
        self, layer: AnyLayer, step: dict[str, np.ndarray], drive: np.ndarray, *, judged: bool
    ) -> None:
        """Take one step of all images in."""
        for name, values in {**step, "drive": drive}.items():
            self.reach[name] = max(self.reach[name], int(np.abs(values).max()))
        for name, count in layer_saturations(layer, step, drive).items():
            self.saturations[name] = count if name == "drive" else self.saturations[name] + count
        if not judged:
            return
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
