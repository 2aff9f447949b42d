"""Calibration of an integer network: ranges of its variables on training images."""

from collections.abc import Sequence

import numpy as np

from ipvae.emulator import Emulator, OnMessage
from ipvae.emulator.observing import observe
from ipvae.evaluation.metrics import judged
from ipvae.network.description import IntNetwork
from ipvae.network.layers import PoissonLayer
from ipvae.network.pixels import to_real
from ipvae.network.rules.drive import drives
from ipvae.network.schedule import AnyLayer
from ipvae.network.traces.observers import Row
from ipvae.network.traces.trace import VARIABLES


def calibrate(
    network: IntNetwork,
    images: np.ndarray,
    steps: Sequence[int],
    seed: int,
    on_message: OnMessage | None = None,
) -> dict:
    """Measure ranges and quality of an integer network.

    Parameters
    ----------
    network : IntNetwork
    images : (N, M) int
    steps : ascending numbers of updates with quality measures; the run ends at the last
    seed : int
    on_message : callable, optional
        See `ipvae.emulator.Emulator`.

    Returns
    -------
    dict
        JSON data. `images`, `steps` and `seed` are the arguments. For the code, `reach` is the
        largest magnitude of each variable and `saturations` are counted over all images and steps.
        `silent_neurons` never sent a message; `saturated_neurons` reached the highest rate or sent
        a limit, both up to the first of `steps`. `curve`, `steps`, `mse`, `r2` and `zeros` are from
        `judged`. `layers` has the first four fields for every layer.
    """
    wanted = range(1, steps[-1] + 1) if not network.layer.memory else steps
    totals, (layers,) = observe(
        Emulator(network, on_message=on_message),
        images,
        steps[-1],
        seed,
        [_Reaches(network.layers, steps[0])],
        at=wanted,
    )
    for name, drive in drives(network, images).items():
        layers[name].reach["drive"] = _largest(drive)
    found = {
        name: {**layer.as_dict(), "saturations": totals.layers[name].saturations}
        for name, layer in layers.items()
    }
    counts = {step: kept[network.code][1] for step, kept in totals.kept.items()}
    return {
        "images": len(images),
        "seed": seed,
        **found[network.code],
        **judged(
            to_real(images, network.input), counts, network.decoder, mean=not network.layer.memory
        ),
        "layers": found,
    }


def _largest(values: np.ndarray) -> int:
    """Largest magnitude."""
    return max(int(values.max()), -int(values.min()))


class _Reach:
    """Running ranges of one layer."""

    def __init__(self, layer: AnyLayer) -> None:
        self._layer = layer
        self.reach: dict[str, int] = dict.fromkeys((*VARIABLES, "drive"), 0)
        self.sent = np.zeros(layer.n_neurons, dtype=bool)
        self.at_limit = np.zeros(layer.n_neurons, dtype=bool)

    def see(self, values: dict[str, np.ndarray], *, judged: bool) -> None:
        """Add one row."""
        for name, found in values.items():
            self.reach[name] = max(self.reach[name], _largest(found))
        if not judged:
            return
        self.sent |= values["z"].any(axis=0)
        if isinstance(self._layer, PoissonLayer):
            self.at_limit |= (values["u"] >= self._layer.u_max).any(axis=0)
        else:
            self.at_limit |= (np.abs(values["z"]) >= self._layer.z_max).any(axis=0)

    def add(self, other: "_Reach") -> None:
        """Add the ranges of other images."""
        self.reach = {name: max(most, other.reach[name]) for name, most in self.reach.items()}
        self.sent |= other.sent
        self.at_limit |= other.at_limit

    def as_dict(self) -> dict:
        """JSON data."""
        return {
            "reach": self.reach,
            "saturations": {},
            "silent_neurons": int((~self.sent).sum()),
            "saturated_neurons": int(self.at_limit.sum()),
        }


class _Reaches:
    """Observer of a run: ranges of each layer, and its messages up to a step."""

    def __init__(self, layers: dict[str, AnyLayer], judged: int) -> None:
        self._layers, self._judged = layers, judged

    def watch(self, first: int, n_images: int, n_steps: int) -> "_Watched":  # noqa: ARG002
        """Start a range of images."""
        return _Watched(self._layers, self._judged)

    def joined(self, parts: Sequence[dict[str, _Reach]]) -> dict[str, _Reach]:
        """Join the ranges of several ranges of images."""
        whole = {name: _Reach(layer) for name, layer in self._layers.items()}
        for part in parts:
            for name, reach in part.items():
                whole[name].add(reach)
        return whole


class _Watched:
    """Running ranges of all layers over some images."""

    def __init__(self, layers: dict[str, AnyLayer], judged: int) -> None:
        self._reaches = {name: _Reach(layer) for name, layer in layers.items()}
        self._judged = judged

    def see(self, step: int, row: Row) -> None:
        """Add one row."""
        for name, reach in self._reaches.items():
            values = {v: getattr(row, v)(name) for v in VARIABLES}
            reach.see(values, judged=step <= self._judged)

    def result(self) -> dict[str, _Reach]:
        """Return the ranges."""
        return self._reaches
