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
from ipvae.network.drive import drives
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
        Whether the code's neurons take recorded counts in place of drawing their own.

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

        from ipvae.lava_procs.procs.layered_network.process import LayeredNetwork

        self.network, self.n_steps, self.timeout = network, n_steps, timeout
        self._usable = True
        handlers = list(logging.root.handlers)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "net.h5"
            write_network(path, network)
            self._process = LayeredNetwork(path, n_steps=n_steps, replay=replay)
        logging.root.handlers[:] = handlers  # each of Lava's processes adds one
        neurons: dict[str, Any] = self._process.neurons
        code = neurons[network.code]
        pipes = [port for neuron in neurons.values() for port in (neuron.image, neuron.trace)]
        for port in [*pipes, code.draws] if replay else pipes:
            port.flag_external_pipe(buffer_size=PIPE_BUFFER)
        self._build(Loihi2SimCfg(select_tag="fixed_pt"))
        self._send: dict[str, Any] = {
            name: neuron.image.external_pipe_csp_send_port for name, neuron in neurons.items()
        }
        self._receive: dict[str, Any] = {
            name: neuron.trace.external_pipe_csp_recv_port for name, neuron in neurons.items()
        }
        self._send_draws: Any = code.draws.external_pipe_csp_send_port if replay else None
        self._rows = code.rows

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
        self,
        drives_of_image: dict[str, np.ndarray],
        key: random_source.Key,
        draws: np.ndarray | None = None,
    ) -> dict[str, np.ndarray]:
        """Run one image.

        Parameters
        ----------
        drives_of_image : dict of layer's number -> (K,) int32
        key : Key
            The image's random key; without effect when nothing is drawn.
        draws : (n_steps + 1, K) int, if and only if the network was built to replay
            Counts of the code.

        Returns
        -------
        dict of layer's number -> (n_steps + 1, 3, K) int32
            a_in, u and z of every row.

        Raises
        ------
        InputError
            If the drives are none that `network.drive.drives` gives.
        HungBackendError
            If a process died or stopped answering; the network is then ended.
        """
        from lava.magma.core.run_conditions import RunSteps

        from ipvae.lava_procs.watch import wait_until

        if (draws is None) != (self._send_draws is None):
            raise ValueError("run_image: give draws if and only if built with replay=True")
        if not self._usable:
            raise HungBackendError("backend 'lava': this network was stopped; build it again")
        self._check_drives(drives_of_image)
        runtime = self._runtime
        doing = f"in one of the steps 0..{self.n_steps} of an image"
        try:
            for name, pipe in self._send.items():
                drawn = self.network.draws and name == self.network.code
                message = [drives_of_image[name], key] if drawn else [drives_of_image[name]]
                pipe.send(np.concatenate(message).astype(np.int32))
            chip_steps = self.network.wiring.chip_steps(self.n_steps)
            self._process.run(RunSteps(chip_steps, blocking=False))
            record = self._collect(doing, draws)
            answers = runtime.service_to_runtime
            wait_until(lambda: all(a.probe() for a in answers), runtime, self.timeout, doing)
            runtime.wait()
        except BaseException:
            self.close()
            raise
        return record

    def _check_drives(self, found: dict[str, np.ndarray]) -> None:
        layers = self.network.layers
        if found.keys() != layers.keys():
            raise InputError(
                f"drives: of the layers {', '.join(found)}, allowed {', '.join(layers)}, all of "
                "them; take them from ipvae.network.drive"
            )
        for name, layer in layers.items():
            drive, k = found[name], layer.n_neurons
            if np.shape(drive) != (k,) or np.abs(drive).max() > TERM_MAX:
                raise InputError(
                    f"drive of layer {name}: shape {np.shape(drive)}, allowed ({k},) within "
                    f"+-{TERM_MAX}; take it from ipvae.network.drive"
                )

    def _collect(self, doing: str, draws: np.ndarray | None) -> dict[str, np.ndarray]:
        """Receive the traces of one image, message by message; send its draws likewise.

        Messages are taken in whatever order they come: layers whose messages hold few rows
        send more of them, and a full pipe would stop its layer, then all others.
        """
        from ipvae.lava_procs.watch import wait_until

        n_rows, code = self.n_steps + 1, self.network.code
        records = {
            name: np.empty((n_rows, 3, layer.n_neurons), dtype=np.int32)
            for name, layer in self.network.layers.items()
        }
        waiting = dict.fromkeys(records, 0)  # rows received so far
        if draws is not None:
            self._give(draws)
        while waiting:
            pipes = [self._receive[name] for name in waiting]
            wait_until(
                lambda pipes=pipes: any(pipe.probe() for pipe in pipes),
                self._runtime,
                self.timeout,
                doing,
            )
            for name in [name for name in waiting if self._receive[name].probe()]:
                first = waiting.pop(name)
                part = np.asarray(self._receive[name].recv())[: n_rows - first]
                done = first + len(part)
                records[name][first:done] = part
                if done < n_rows:
                    waiting[name] = done
                    if draws is not None and name == code:
                        self._give(draws[done:])
        return records

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
            ports = [*self._send.values(), *self._receive.values()]
            tear_down(
                self._runtime, ports if self._send_draws is None else [*ports, self._send_draws]
            )


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
    b = drives(network, images)
    if draws is None:
        keys = [random_source.image_key(seed, i) for i in range(len(images))]
        replayed = [None] * len(images)
    else:
        check_draws(draws, network, len(images), n_steps + 1)
        keys = [random_source.Key(0, 0)] * len(images)
        replayed = list(draws)
    samples = []
    with LavaRunner(network, n_steps, timeout, replay=draws is not None) as runner:
        for i, (key, counts) in enumerate(zip(keys, replayed, strict=True)):
            of_image = {name: of_layer[i] for name, of_layer in b.items()}
            records = runner.run_image(of_image, key, counts)
            samples.append({name: _named(record) for name, record in records.items()})
    return Trace("lava", seed, checksum(network), samples)


def _named(record: np.ndarray) -> dict[str, np.ndarray]:
    """Variables of a record (T + 1, 3, K), by name."""
    return {name: record[:, i] for i, name in enumerate(VARIABLES)}
