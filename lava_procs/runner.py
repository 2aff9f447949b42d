"""Run images through a network on Lava's CPU simulator and record their variables."""

from typing import Any

import numpy as np

from ipvae.errors import InputError
from ipvae.lava_procs.configuration import EVENT_DRIVEN, configuration
from ipvae.lava_procs.importing import import_lava
from ipvae.lava_procs.supervision.session import LavaSession, log_handlers_kept
from ipvae.lava_procs.supervision.watchdog import TIMEOUT_SECONDS, require_timeout
from ipvae.network.description import IntNetwork
from ipvae.network.io.network_file import checksum
from ipvae.network.proof.bounds import require_proved
from ipvae.network.rules import random_source
from ipvae.network.rules.arithmetic import TERM_MAX
from ipvae.network.rules.start import require_start, start_log_rates
from ipvae.network.rules.stream import frames, stream_drives
from ipvae.network.traces.replay import check_draws
from ipvae.network.traces.selection import EVERYTHING, Record
from ipvae.network.traces.trace import Trace

PIPE_BUFFER = 4


class LavaRunner:
    """Network compiled once, for any number of images; use it in a `with` statement.

    Parameters
    ----------
    network : IntNetwork
    n_steps : int
        Updates of each image (T).
    timeout : float, seconds
        Longest time without a heartbeat from any of its neurons, after which it counts as hung.
    replay : bool
        True if the code's neurons replay recorded counts instead of drawing.
    record : Record
        Selection of recorded values.
    hold : int, optional
        Images are streams of frames; number of updates that each frame drives.
    dense : 'event-driven' or 'stock'
        Model of Lava's Dense (`ipvae.lava_procs.configuration`).

    Raises
    ------
    BackendError
        If Lava is not installed.
    HungBackendError
        If the network cannot be built.
    InputError
        If the record does not fit the network, the model of Dense is unknown, the steps cannot
        be keyed, the timeout is not above 0 or `hold` is below 1.
    UnprovedOverflowError
        If a variable of the network may leave its range.
    """

    def __init__(
        self,
        network: IntNetwork,
        n_steps: int,
        timeout: float = TIMEOUT_SECONDS,
        replay: bool = False,
        record: Record = EVERYTHING,
        hold: int | None = None,
        dense: str = EVENT_DRIVEN,
    ) -> None:
        require_proved(network)
        random_source.check_steps(n_steps)
        record.require_fits(network)
        require_timeout(timeout)
        import_lava()
        from ipvae.lava_procs.models.count_kernel import prepare
        from ipvae.lava_procs.procs.layered_network.process import LayeredNetwork

        chosen = configuration(dense)
        self.network, self.n_steps, self.timeout = network, n_steps, timeout
        self._frames = frames(n_steps, hold)
        with log_handlers_kept():
            self._process = LayeredNetwork(
                network, n_steps=n_steps, record=record, hold=hold, replay=replay
            )
        neurons: dict[str, Any] = self._process.neurons
        parts = {n: record.of_layer(n, layer.n_neurons) for n, layer in network.layers.items()}
        self._recorded = {name: part for name, part in parts.items() if part is not None}
        code = neurons[network.code]
        pipes = [neuron.image for neuron in neurons.values()]
        pipes += [neurons[name].trace for name in self._recorded]
        pipes += [code.draws] if replay else []
        for port in pipes:
            port.flag_external_pipe(buffer_size=PIPE_BUFFER)
        self._draw_rows = code.draws.shape[0] if replay else 0
        if network.draws:
            prepare()
        blocks = dict(zip(network.layers, self._process.layers, strict=True))
        self._built = LavaSession(self._process, chosen, pipes, blocks, timeout)
        self._send: dict[str, Any] = {
            name: neuron.image.external_pipe_csp_send_port for name, neuron in neurons.items()
        }
        self._receive: dict[str, Any] = {
            name: neurons[name].trace.external_pipe_csp_recv_port for name in self._recorded
        }
        self._send_draws: Any = code.draws.external_pipe_csp_send_port if replay else None

    def __enter__(self) -> "LavaRunner":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def run_image(
        self,
        drives_of_image: dict[str, np.ndarray],
        key: random_source.Key,
        draws: np.ndarray | None = None,
        start: np.ndarray | None = None,
    ) -> dict[str, dict[str, np.ndarray]]:
        """Run one image, or one stream.

        Parameters
        ----------
        drives_of_image : dict of layer's number -> (K,) int32, or (frames, K) of a stream
        key : Key
            Random key of the image; without effect if nothing is drawn.
        draws : (n_steps + 1, K) int, if and only if the network was built for replay
            Counts of the code.
        start : (K,) int, if and only if the network has a start for each image
            Log-rates of the code at row 0 (`ipvae.network.rules.start`).

        Returns
        -------
        dict of layer's number -> {variable: (rows, neurons) int32}
            Recorded values.

        Raises
        ------
        InputError
            If the drives are not a result of `network.drive.drives`, or the start is not one of
            `start_log_rates`.
        HungBackendError
            If a process died or stopped answering; the network is then ended.
        """
        if (draws is None) != (self._send_draws is None):
            raise ValueError("run_image: give draws if and only if built with replay=True")
        self._built.require_usable()
        self._check_drives(drives_of_image)
        require_start(self.network, start)
        of_code = [key] if start is None else [start, key]
        try:
            for name, pipe in self._send.items():
                drawn = self.network.draws and name == self.network.code
                drive = np.ravel(drives_of_image[name])
                pipe.send(np.concatenate([drive, *(of_code if drawn else [])]).astype(np.int32))
            chip_steps = self.network.schedule.chip_steps(self.n_steps)
            self._built.start(chip_steps)
            records = self._collect(draws)
            self._built.finish()
        except BaseException:
            self.close()
            raise
        return {
            name: {v: record[:, i] for i, v in enumerate(self._recorded[name].variables)}
            for name, record in records.items()
        }

    def _check_drives(self, found: dict[str, np.ndarray]) -> None:
        layers = self.network.layers
        if found.keys() != layers.keys():
            raise InputError(
                f"drives: of the layers {', '.join(found)}, allowed {', '.join(layers)}, all of "
                "them; take them from ipvae.network.rules.drive"
            )
        for name, layer in layers.items():
            drive, k = np.asarray(found[name]), layer.n_neurons
            shapes = ((self._frames, k), (k,)) if self._frames == 1 else ((self._frames, k),)
            whole = drive.dtype.kind in "iu"
            if drive.shape not in shapes or not whole or np.abs(drive).max() > TERM_MAX:
                raise InputError(
                    f"drive of layer {name}: shape {drive.shape} of {drive.dtype}, allowed "
                    f"{shapes[-1]} of integers within +-{TERM_MAX}; take it from "
                    "ipvae.network.rules.drive"
                )

    def _collect(self, draws: np.ndarray | None) -> dict[str, np.ndarray]:
        """Receive the traces of one image, message by message, and send its draws in the same loop.

        Messages are received in any order. Layers whose messages contain few rows send more of
        them, and a full pipe would block its layer and then all others.
        """
        records = {
            name: np.empty((part.rows(self.n_steps), len(part.variables), part.width), np.int32)
            for name, part in self._recorded.items()
        }
        waiting = dict.fromkeys(records, 0)  # rows received so far
        while waiting or (draws is not None and len(draws)):
            pipes = [self._receive[name] for name in waiting]
            if draws is not None and len(draws):
                pipes.append(self._send_draws)
            self._built.wait(pipes)
            for name in [name for name in waiting if self._receive[name].probe()]:
                first = waiting.pop(name)
                part = np.asarray(self._receive[name].recv())[: len(records[name]) - first]
                done = first + len(part)
                records[name][first:done] = part
                if done < len(records[name]):
                    waiting[name] = done
            while draws is not None and len(draws) and self._send_draws.probe():
                draws = self._give(draws)
        return records

    def _give(self, draws: np.ndarray) -> np.ndarray:
        """Send the next message of draws; return the rest."""
        message = np.zeros((self._draw_rows, draws.shape[1]), dtype=np.int32)
        message[: len(draws)] = draws[: self._draw_rows]
        self._send_draws.send(message)
        return draws[self._draw_rows :]

    @property
    def _runtime(self) -> Any:
        return self._built.runtime

    def close(self) -> None:
        """End all processes and free the shared memory, in any state of the processes."""
        self._built.close()


def run(
    network: IntNetwork,
    images: np.ndarray,
    n_steps: int,
    seed: int,
    timeout: float = TIMEOUT_SECONDS,
    draws: np.ndarray | None = None,
    record: Record = EVERYTHING,
    hold: int | None = None,
    dense: str = EVENT_DRIVEN,
) -> Trace:
    """Run images and record every variable at every step, or the selection `record`.

    Parameters
    ----------
    network : IntNetwork
    images : (N, M) int; (N, frames, M) with `hold`
    n_steps : int
    seed : int
    timeout : float, seconds
        Longest time without a heartbeat from any of the neurons.
    draws : (N, n_steps + 1, K) int, optional
        Counts to replay instead of sampling; the seed is then only recorded in the trace.
    record : Record
    hold : int, optional
        Updates that each frame of a stream drives (`ipvae.network.rules.stream`).
    dense : 'event-driven' or 'stock'
        Model of Lava's Dense; the trace's backend is 'lava' or 'lava-stock' accordingly.

    Returns
    -------
    Trace

    Raises
    ------
    BackendError
        If Lava is not installed.
    InputError
        If images, draws, record or the model of Dense are invalid.
    HungBackendError
        If a process died or stopped answering.
    """
    random_source.check_steps(n_steps)
    b = stream_drives(network, images, n_steps, hold)
    starts = start_log_rates(network, images, hold)
    if draws is None:
        keys = [random_source.image_key(seed, i) for i in range(len(images))]
        replayed = [None] * len(images)
    else:
        check_draws(draws, network, len(images), n_steps + 1)
        keys = [random_source.Key(0, 0)] * len(images)
        replayed = list(draws)
    samples = []
    built = LavaRunner(network, n_steps, timeout, draws is not None, record, hold, dense)
    with built as runner:
        for i, (key, counts) in enumerate(zip(keys, replayed, strict=True)):
            of_image = {name: of_layer[i] for name, of_layer in b.items()}
            start = None if starts is None else starts[i]
            samples.append(runner.run_image(of_image, key, counts, start))
    name = "lava" if dense == EVENT_DRIVEN else "lava-stock"
    return record.trace(name, seed, checksum(network), samples, hold)
