"""Run images through a network on Lava's CPU simulator and record everything."""

import logging
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from ipvae.lava_procs.importing import import_lava
from ipvae.network import random_source
from ipvae.network.arithmetic import TERM_MAX
from ipvae.network.bounds import require_proved
from ipvae.network.description import IntNetwork
from ipvae.network.draws import check_draws
from ipvae.network.drive import drive
from ipvae.network.errors import HungBackendError, InputError
from ipvae.network.file import checksum, write_network
from ipvae.network.trace import VARIABLES, Trace

TIMEOUT_SECONDS = 120.0
"""Longest wait for a part of one image's trace before a network counts as hung."""

PIPE_BUFFER = 4


class LavaRunner:
    """A network compiled once, for any number of images; use it in a `with` statement.

    Parameters
    ----------
    network : IntNetwork
    n_steps : int
        Updates of each image (T).
    timeout : float, seconds
        Longest wait for a part (about 1 MB) of an image's trace.
    replay : bool
        Whether the neurons take recorded counts in place of drawing their own.

    Raises
    ------
    BackendError
        If Lava is not installed.
    UnprovedOverflowError
        If a variable of the network may leave its range.
    """

    def __init__(
        self,
        network: IntNetwork,
        n_steps: int,
        timeout: float = TIMEOUT_SECONDS,
        replay: bool = False,
    ) -> None:
        require_proved(network)
        import_lava()
        from lava.magma.core.run_configs import Loihi2SimCfg

        from ipvae.lava_procs.procs.poisson_network.process import PoissonNetwork

        self.network, self.n_steps, self.timeout = network, n_steps, timeout
        self._usable = True
        handlers = list(logging.root.handlers)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "net.h5"
            write_network(path, network)
            self._process = PoissonNetwork(path, n_steps=n_steps, replay=replay)
        logging.root.handlers[:] = handlers  # each of Lava's processes adds one
        block: Any = self._process.layers[-1]
        neuron = block.neuron
        neuron.image.flag_external_pipe(buffer_size=PIPE_BUFFER)
        neuron.trace.flag_external_pipe(buffer_size=PIPE_BUFFER)
        if replay:
            neuron.draws.flag_external_pipe(buffer_size=PIPE_BUFFER)
        self._build(Loihi2SimCfg(select_tag="fixed_pt"))
        self._send: Any = neuron.image.external_pipe_csp_send_port
        self._receive: Any = neuron.trace.external_pipe_csp_recv_port
        self._send_draws: Any = neuron.draws.external_pipe_csp_send_port if replay else None
        self._rows = neuron.trace.shape[0]

    def _build(self, configuration: Any) -> None:
        """Compile and start the processes; leave nothing behind if that fails."""
        from ipvae.lava_procs.watch import tear_down

        try:
            self._process.create_runtime(configuration)
        except BaseException as error:
            if self._process.runtime is not None:
                tear_down(self._process.runtime, [])
            if isinstance(error, Exception):
                raise HungBackendError(
                    f"backend 'lava': the network could not be built "
                    f"({type(error).__name__}: {error})"
                ) from error
            raise

    def __enter__(self) -> "LavaRunner":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def run_image(
        self, drive_of_image: np.ndarray, key: random_source.Key, draws: np.ndarray | None = None
    ) -> np.ndarray:
        """Run one image.

        Parameters
        ----------
        drive_of_image : (K,) int32
        key : Key
            The image's random key; without effect when draws are replayed.
        draws : (n_steps + 1, K) int, if and only if the network was built to replay

        Returns
        -------
        (n_steps + 1, 3, K) int32
            a_in, u and z of every step.

        Raises
        ------
        InputError
            If the drive is none that `network.drive` gives.
        HungBackendError
            If a process died or stopped answering; the network is then ended.
        """
        from lava.magma.core.run_conditions import RunSteps

        from ipvae.lava_procs.watch import wait_until

        if (draws is None) != (self._send_draws is None):
            raise ValueError("run_image: give draws if and only if built with replay=True")
        if not self._usable:
            raise HungBackendError("backend 'lava': this network was stopped; build it again")
        k = self.network.layer.n_neurons
        if np.shape(drive_of_image) != (k,) or np.abs(drive_of_image).max() > TERM_MAX:
            raise InputError(
                f"drive: shape {np.shape(drive_of_image)}, allowed ({k},) within +-{TERM_MAX}; "
                "take it from ipvae.network.drive"
            )
        runtime = self._runtime
        doing = f"in one of the steps 0..{self.n_steps} of an image"
        try:
            self._send.send(np.append(drive_of_image, key).astype(np.int32))
            self._process.run(RunSteps(self.n_steps + 1, blocking=False))
            record = self._collect(doing, draws)
            answers = runtime.service_to_runtime
            wait_until(lambda: all(a.probe() for a in answers), runtime, self.timeout, doing)
            runtime.wait()
        except BaseException:
            self.close()
            raise
        return record

    def _collect(self, doing: str, draws: np.ndarray | None) -> np.ndarray:
        """Receive the trace of one image, message by message; send its draws likewise."""
        from ipvae.lava_procs.watch import wait_until

        parts, missing = [], self.n_steps + 1
        while missing > 0:
            if draws is not None:
                self._give(draws[self.n_steps + 1 - missing :])
            wait_until(self._receive.probe, self._runtime, self.timeout, doing)
            part = np.array(self._receive.recv())[:missing]
            parts.append(part)
            missing -= len(part)
        return np.concatenate(parts)

    def _give(self, draws: np.ndarray) -> None:
        """Send the next message of draws.

        It never waits: the trace that answers the message before was received, so the neurons
        have taken that one, and at most its acknowledgement is under way; the pipe holds more.
        """
        message = np.zeros((self._rows, draws.shape[1]), dtype=np.int32)
        message[: len(draws)] = draws[: self._rows]
        self._send_draws.send(message)

    @property
    def _runtime(self) -> Any:
        return self._process.runtime

    def close(self) -> None:
        """End all processes and free the shared memory, in whatever state they are."""
        from ipvae.lava_procs.watch import tear_down

        if self._usable:
            self._usable = False
            ports = [self._send, self._receive, self._send_draws]
            tear_down(self._runtime, [port for port in ports if port is not None])


def run(
    network: IntNetwork,
    images: np.ndarray,
    n_steps: int,
    seed: int,
    timeout: float = TIMEOUT_SECONDS,
    draws: np.ndarray | None = None,
) -> Trace:
    """Run images and record every variable at every step.

    Parameters
    ----------
    network : IntNetwork
    images : (N, M) int
    n_steps : int
    seed : int
    timeout : float, seconds
        Longest wait for a part (about 1 MB) of an image's trace.
    draws : (N, n_steps + 1, K) int, optional
        Counts to replay in place of the sampler's; the seed is then only a name in the trace.

    Returns
    -------
    Trace
        Of backend 'lava'.

    Raises
    ------
    BackendError
        If Lava is not installed.
    HungBackendError
        If a process died or stopped answering.
    """
    random_source.check_steps(n_steps)
    drives = drive(network, images)
    if draws is None:
        keys = [random_source.image_key(seed, i) for i in range(len(images))]
        replayed = [None] * len(images)
    else:
        check_draws(draws, network, len(images), n_steps + 1)
        keys = [random_source.Key(0, 0)] * len(images)
        replayed = list(draws)
    samples = []
    with LavaRunner(network, n_steps, timeout, replay=draws is not None) as runner:
        for drive_of_image, key, counts in zip(drives, keys, replayed, strict=True):
            record = runner.run_image(drive_of_image, key, counts)
            samples.append({network.code: {name: record[:, i] for i, name in enumerate(VARIABLES)}})
    return Trace("lava", seed, checksum(network), samples)
