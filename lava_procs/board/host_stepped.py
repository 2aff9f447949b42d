"""Run images through a network that the host controls through variables, as a board allows.

Before an image the host writes its values. Then the network takes one chip step at a time, and the
host reads the neurons' variables at each row. Only `Var.set`, `Var.get` and `run` are needed, and
no messages of Lava's host processes. This is slow and intended for verification.
"""

from typing import Any

import numpy as np

from ipvae.errors import HungBackendError
from ipvae.lava_procs.importing import import_lava
from ipvae.lava_procs.supervision.session import LavaSession, log_handlers_kept
from ipvae.network.description import IntNetwork
from ipvae.network.io.network_file import checksum
from ipvae.network.layers import PoissonLayer
from ipvae.network.proof.bounds import require_proved
from ipvae.network.rules import random_source
from ipvae.network.rules.drive import drives
from ipvae.network.rules.start import require_start, start_log_rates
from ipvae.network.traces.trace import VARIABLES, Trace

TIMEOUT_SECONDS = 600.0
"""Longest wait for a step: access to a shared board may take time."""

IF_SLOW = "see whether the board is free (docs/loihi2.md)"
"""Remedy in the message if a board gives no heartbeat in time."""

READ = dict(zip(VARIABLES, ("received", "u", "z"), strict=True))
"""Variable of the neurons that contains a variable of a trace."""

Start = dict[str, dict[str, np.ndarray]]
"""Values that the host writes before an image, by layer and variable."""


class HostSteppedRunner:
    """Network compiled once, for any number of images; use it in a `with` statement.

    Parameters
    ----------
    network : IntNetwork
    n_steps : int
        Updates of each image (T).
    configuration : RunConfig
        Lava's configuration, which selects the models.
    start : Start, optional
        Initial values of the variables, in effect from the first step. Without it one step is run
        immediately, since Lava allows writes to variables only after a network has run.
    replay : bool
        True if the code's neurons replay given counts instead of drawing.
    timeout : float, seconds
        Longest wait for a run to end.

    Raises
    ------
    BackendError
        If Lava is not installed, or the configuration rejects a model.
    HungBackendError
        If Lava cannot build the network.
    UnprovedOverflowError
        If a variable of the network may leave its range.
    """

    def __init__(
        self,
        network: IntNetwork,
        n_steps: int,
        configuration: Any,
        start: Start | None = None,
        replay: bool = False,
        timeout: float = TIMEOUT_SECONDS,
    ) -> None:
        require_proved(network)
        import_lava()
        from ipvae.lava_procs.procs.layered_network.process import LayeredNetwork

        self.network, self.n_steps, self.timeout, self.replay = network, n_steps, timeout, replay
        with log_handlers_kept():
            self._process = LayeredNetwork(network, n_steps=n_steps, replay=replay, hosted=True)
        self.neurons: dict[str, Any] = self._process.neurons
        for layer, values in (start or {}).items():
            for name, value in values.items():
                getattr(self.neurons[layer], name).init = value
        blocks = dict(zip(network.layers, self._process.layers, strict=True))
        self._built = LavaSession(
            self._process, configuration, [], blocks, timeout, "loihi2", IF_SLOW
        )
        if start is None:
            self.advance(1)

    def __enter__(self) -> "HostSteppedRunner":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def advance(self, n: int) -> None:
        """Run n steps of the chip.

        Raises
        ------
        HungBackendError
            If a process died or stopped answering. The network is then ended.
        """
        self._built.require_usable()
        try:
            self._built.start(n)
            self._built.finish()
        except BaseException:
            self.close()
            raise

    def run_image(
        self,
        drives_of_image: dict[str, np.ndarray],
        key: random_source.Key,
        draws: np.ndarray | None = None,
        start: np.ndarray | None = None,
    ) -> dict[str, dict[str, np.ndarray]]:
        """Run one image.

        Parameters
        ----------
        drives_of_image : dict of layer's number -> (K,) int32
        key : Key
            Random key of the image; without effect if nothing is drawn.
        draws : (n_steps + 1, K) int, if and only if the network was built for replay
            Counts of the code.
        start : (K,) int32, if and only if the network has a start for each image
            Log-rates of the code at row 0 (`ipvae.network.rules.start`).

        Returns
        -------
        dict of layer's number -> dict of variable -> (n_steps + 1, K) int32

        Raises
        ------
        HungBackendError
            As for `advance`, or if the value of a variable is not an integer.
        """
        if (draws is None) == self.replay:
            raise ValueError("run_image: give draws if and only if built with replay=True")
        for layer, values in start_of(self.network, drives_of_image, key, start).items():
            for name, value in values.items():
                getattr(self.neurons[layer], name).set(value)
        rows: dict[str, list[list[np.ndarray]]] = {name: [] for name in self.neurons}
        schedule = self.network.schedule
        for step in range(schedule.chip_steps(self.n_steps)):
            due = {}
            for stage in schedule.stages:
                row, between = divmod(step - stage.phase, schedule.period)
                if not between and 0 <= row <= self.n_steps:
                    due[stage.name] = row
            if draws is not None and self.network.code in due:
                counts = draws[due[self.network.code]]
                self.neurons[self.network.code].given.set(counts.astype(np.int32))
            self.advance(1)
            for layer in due:
                rows[layer].append([self._read(layer, name) for name in READ.values()])
        return {
            layer: dict(zip(READ, np.stack(found, axis=1), strict=True))
            for layer, found in rows.items()
        }

    def _read(self, layer: str, name: str) -> np.ndarray:
        """Read a variable of a layer's neurons, (K,) int32; Lava returns floating-point numbers."""
        found = np.asarray(getattr(self.neurons[layer], name).get())
        whole = found.astype(np.int32)
        if not np.array_equal(whole, found):
            raise HungBackendError(
                f"backend 'loihi2': variable {name} of layer {layer} holds {found.ravel()[:3]}, "
                "allowed integers of 24 bits; the neuron's model is wrong"
            )
        return whole

    def close(self) -> None:
        """End all processes and free the shared memory, in any state of the processes."""
        self._built.close()


def start_of(
    network: IntNetwork,
    drives_of_image: dict[str, np.ndarray],
    key: random_source.Key,
    start: np.ndarray | None = None,
) -> Start:
    """Return the values written before an image: start state of every neuron, drive and key.

    `start` (K,) int32 are the code's log-rates at row 0, of a network that starts from the image.
    """
    require_start(network, start)
    found: Start = {}
    for name, layer in network.layers.items():
        zeros = np.zeros(layer.n_neurons, np.int32)
        values = {"u": zeros, "z": zeros, "drive": np.asarray(drives_of_image[name], np.int32)}
        if isinstance(layer, PoissonLayer):
            u = layer.u_init if start is None else start
            values |= {"u": u.copy(), "image_key": np.array(key, np.int32)}
        found[name] = values | {"step": np.zeros(1, np.int32)}
    return found


def run_hosted(
    runner: HostSteppedRunner,
    images: np.ndarray,
    seed: int,
    backend: str,
    draws: np.ndarray | None = None,
) -> Trace:
    """Run images (N, M) and record every variable at every row, as `runner.run`.

    Returns
    -------
    Trace
        Trace with the given backend's name.
    """
    network = runner.network
    b, starts = drives(network, images), start_log_rates(network, images)
    samples = []
    for i in range(len(images)):
        key = random_source.image_key(seed, i) if draws is None else random_source.Key(0, 0)
        of_image = {name: of_layer[i] for name, of_layer in b.items()}
        counts = None if draws is None else draws[i]
        start = None if starts is None else starts[i]
        samples.append(runner.run_image(of_image, key, counts, start))
    return Trace(backend, seed, checksum(network), samples)
