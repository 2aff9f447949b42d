"""Run a network of any kinds of neurons on Lava's CPU models; receive every layer's variables.

A layer's row 0 is at chip step `phase` (`ipvae.network.row_schedule`), since every synapse delays
messages by a step. Lava's LIFReset resets CUBA neurons, as in netx: just before row 0 of every
sample. Samples therefore follow one another without a gap through one compiled network.
Networks with neurons that cannot be reset, or with delays, are built for every sample, since states
or messages on their way would pass from one to the next. So are networks with Poisson and graded
neurons, whose drives and keys the host sends to each layer before its row 0.
"""

import contextlib
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from itertools import chain, islice, repeat
from typing import Any

import numpy as np

from ipvae.errors import BackendError, InputError
from ipvae.lava_procs.importing import import_lava
from ipvae.lava_procs.supervision.session import LavaSession, log_handlers_kept
from ipvae.lava_procs.supervision.watchdog import TIMEOUT_SECONDS, require_timeout
from ipvae.network.network import INPUT, Layer, Network
from ipvae.network.proof.driven import require_driven_proved
from ipvae.network.rules import random_source
from ipvae.network.rules.network_drive import layer_drive

PIPE_BYTES, PIPE_MESSAGES = 2**22, 64
"""Limits of a pipe: number of messages, and bytes (at least two messages)."""

SampleTrace = dict[str, dict[str, np.ndarray]]
"""Variables of one sample: layer id -> variable -> (rows, n_neurons) int32, in (C, H, W) order."""


def run_network(
    network: Network,
    samples: Iterable[np.ndarray],
    n_steps: int,
    n_samples: int,
    timeout: float = TIMEOUT_SECONDS,
    stock: bool = False,
    record: Iterable[str] = (),
    frames: np.ndarray | None = None,
    seed: int = 0,
) -> Generator[SampleTrace, None, None]:
    """Run samples one after another, each from a network at rest.

    Parameters
    ----------
    network : Network
    samples : iterable of (n_steps, n_inputs) int32
        Messages of the input, from `network.rules.input_messages.messages`.
    n_steps, n_samples : int
    timeout : float, seconds
        Longest time without a message or a heartbeat of any layer.
    stock : bool
        True for Lava's own models of synapses; ipvae's are bit-exact to them and faster.
    record : iterable of str
        Variables in addition to `z`, of every layer whose kind has them.
    frames : (n_samples, 1 or n_steps, n_inputs) int32
        Images of the samples, of a network with Poisson or graded layers.
    seed : int
        Of neurons that draw.

    Yields
    ------
    dict of layer id -> dict of variable -> (rows, n_neurons) int32
        Rows 0..n_steps - 1 of each layer, of which row t answers the input's row t. In a
        free-running network the `schedule.lead_in` rows before row 0 come first.

    Raises
    ------
    BackendError
        If Lava is not installed, or has no process for a part of the network.
    InputError
        If the timeout is not above 0, or no layer has a recorded variable.
    HungBackendError
        If a process died or stopped answering. All processes are then ended, as they are when the
        caller stops early.
    UnprovedOverflowError
        If a variable of a Poisson or graded layer may leave its range.
    """
    require_timeout(timeout)
    require_driven_proved(network)
    record = tuple(record)
    _require_variables(network, record)
    import_lava()
    require_runnable(network)
    samples = iter(samples)
    alone = network.schedule.free_running or network.delayed or network.driven
    per_build = 1 if alone else n_samples
    for sample in range(0, n_samples, per_build):
        given, drives = {}, 1
        if network.driven:
            assert frames is not None
            given, drives = image_messages(network, frames[sample], seed, sample), len(frames[0])
        stream = _Stream(network, n_steps, per_build, timeout, stock, record, given, drives)
        with contextlib.closing(stream):
            yield from stream.run(islice(samples, per_build))


def image_messages(
    network: Network, frames: np.ndarray, seed: int, image: int
) -> dict[str, np.ndarray]:
    """Messages of the host to each driven layer: drives of all frames, then key words if it draws.

    Parameters
    ----------
    frames : (1 or rows, n_inputs) int32
    seed : int
    image : int
        Its index in the run.
    """
    found = {}
    for layer in network.layers:
        if layer.neuron.driven:
            key = random_source.image_key(seed, image) if layer.neuron.draws else ()
            drives = layer_drive(layer, frames).ravel()
            found[layer.id] = np.concatenate([drives, np.array(key, np.int32)]).astype(np.int32)
    return found


def require_runnable(network: Network) -> None:
    """Raise BackendError if Lava's CPU models have no exact equivalent of a part of the network."""
    from ipvae.lava_procs.neurons import require_kind
    from ipvae.lava_procs.synapses import require_synapse

    schedule = network.schedule
    _require_connected(network)
    for layer in network.layers:
        require_kind(layer)
        for connection in layer.connections:
            require_synapse(layer.id, connection)
    if schedule.period > 1:
        late = [
            f"{layer.id} (from {c.source})"
            for layer in network.layers
            for c in layer.connections
            if c.least_delay + schedule.phase[layer.id] - schedule.phase[c.source] < 1
        ]
        raise BackendError(
            "backend 'lava' runs a row in one chip step, and delays are too short for that in the "
            f"loops of layers {', '.join(late)}; {schedule.period} steps a row would be needed"
        )


def _require_connected(network: Network) -> None:
    """Raise BackendError if a part of the network is connected neither to the input nor with it."""
    links = [{c.source, layer.id} for layer in network.layers for c in layer.connections]
    found, before = {INPUT if network.sends_input else network.layers[0].id}, 0
    while len(found) > before:
        before = len(found)
        found = found.union(*(link for link in links if link & found))
    apart = [layer.id for layer in network.layers if layer.id not in found]
    if apart:
        raise BackendError(
            f"backend 'lava' cannot run layers {', '.join(apart)}: they are not connected to the "
            f"{'input' if network.sends_input else 'first layer'}, directly or through other "
            "layers; connect or remove them"
        )


def _require_variables(network: Network, record: tuple[str, ...]) -> None:
    known = {name for layer in network.layers for name in layer.neuron.variables}
    for name in record:
        if name not in known:
            raise InputError(
                f"record: found '{name}', allowed are {', '.join(sorted(known))}, the variables of "
                "this network's layers"
            )


class _Feed:
    """Pipe from the host to the network, and the messages that are yet to be sent."""

    def __init__(self, port: Any, messages: Iterator[np.ndarray]) -> None:
        self.port, self._messages = port.external_pipe_csp_send_port, messages
        self.next = next(messages, None)

    def serve(self) -> None:
        """Send a message if there is room for it."""
        if self.next is not None and self.port.probe():
            self.port.send(self.next)
            self.next = next(self._messages, None)


class _Tap:
    """Pipe from a layer to the host: one message for each chip step.

    Attributes
    ----------
    left : int
        Messages that are yet to come.
    rows : deque of (variables, n_neurons) int32
        Rows received that belong to samples.
    """

    def __init__(
        self, port: Any, layer: Layer, variables: tuple[str, ...], steps: range, total: int
    ) -> None:
        self.port = port.external_pipe_csp_recv_port
        self.layer, self.variables = layer.id, variables
        own = port.shape if variables == ("z",) else port.shape[1:]
        self._shape = (len(variables), *own)
        self._steps, self._total, self.left = steps, total, total
        self.rows: deque[np.ndarray] = deque()

    def serve(self) -> None:
        """Receive a message if there is one."""
        if not self.left or not self.port.probe():
            return
        message = np.asarray(self.port.recv()).reshape(self._shape)
        if self._total - self.left in self._steps:
            flat = [one.transpose().reshape(-1) for one in message]  # Lava's order is (W, H, C)
            self.rows.append(np.array(flat, np.int32))
        self.left -= 1

    def take(self, n_rows: int) -> dict[str, np.ndarray]:
        """Remove the next rows; return them by variable."""
        rows = np.stack([self.rows.popleft() for _ in range(n_rows)], axis=1)
        return dict(zip(self.variables, rows, strict=True))


class _RowTap(_Tap):
    """Pipe from a driven layer to the host: recorded rows, some in a message."""

    def __init__(self, port: Any, layer: Layer, variables: tuple[str, ...], n_rows: int) -> None:
        self._together, self._rows = port.shape[0], n_rows
        super().__init__(port, layer, variables, range(0), -(-n_rows // self._together))

    def serve(self) -> None:
        """Receive a message if there is one; the last one may end in unused rows."""
        if self.left and self.port.probe():
            first = (self._total - self.left) * self._together
            self.rows.extend(np.asarray(self.port.recv(), np.int32)[: self._rows - first])
            self.left -= 1


class _Stream:
    """One compiled network and the samples that run through it."""

    def __init__(
        self,
        network: Network,
        n_steps: int,
        n_samples: int,
        timeout: float,
        stock: bool = False,
        record: tuple[str, ...] = (),
        given: dict[str, np.ndarray] | None = None,
        drives: int = 1,
    ) -> None:
        from ipvae.lava_procs.procs.network.process import LavaNetwork

        self._network, self._n_steps, self._n_samples = network, n_steps, n_samples
        self._chip_steps = n_samples * n_steps + network.schedule.depth
        self._given = given or {}
        with log_handlers_kept():
            self._process: Any = LavaNetwork(network, n_steps, record, stock, drives)
        outputs, entry = list(self._outputs()), self._process.entry
        images = {name: self._process.layers[name].neuron.image for name in self._given}
        pipes = [port for _, port, _ in outputs] + ([] if entry is None else [entry.port])
        pipes += images.values()
        for port in pipes:
            bytes_each = 4 * int(np.prod(port.shape))
            depth = max(2, min(PIPE_MESSAGES, PIPE_BYTES // bytes_each))
            port.flag_external_pipe(buffer_size=depth)
        self._built = LavaSession(
            self._process, _configuration(stock), pipes, self._process.layers, timeout
        )
        self._images = {n: port.external_pipe_csp_send_port for n, port in images.items()}
        self._taps = [
            _RowTap(port, layer, variables, n_steps)
            if layer.neuron.driven and variables != ("z",)
            else _Tap(port, layer, variables, self._steps_of(layer), self._chip_steps)
            for layer, port, variables in outputs
        ]

    def _outputs(self) -> Iterator[tuple[Layer, Any, tuple[str, ...]]]:
        """Ports whose messages the host receives, with the variables in them."""
        for layer in self._network.layers:
            made = self._process.layers[layer.id]
            yield layer, made.neuron.s_out, ("z",)
            if made.record:
                yield layer, made.neuron.trace, made.record

    def _steps_of(self, layer: Layer) -> range:
        """Chip steps of the layer that belong to samples, counted from 0."""
        schedule = self._network.schedule
        phase = schedule.phase[layer.id]
        return range(phase - schedule.lead_in(layer.id), phase + self._n_samples * self._n_steps)

    def _n_rows(self, layer: str) -> int:
        return self._n_steps + self._network.schedule.lead_in(layer)

    def run(self, samples: Iterator[np.ndarray]) -> Iterator[SampleTrace]:
        """Run the network once for all samples; yield each as soon as all layers are done."""
        for name, port in self._images.items():
            port.send(self._given[name])
        self._built.start(self._chip_steps)
        silence = repeat(np.zeros(self._network.input.size, np.int32), self._network.schedule.depth)
        rows = chain((row for sample in samples for row in sample), silence)
        entry = self._process.entry
        self._feed = None
        if entry is not None:
            self._feed = _Feed(entry.port, map(_arrangement(entry.shape), rows))
        for _ in range(self._n_samples):
            self._exchange(lambda: all(len(t.rows) >= self._n_rows(t.layer) for t in self._taps))
            found: SampleTrace = {layer.id: {} for layer in self._network.layers}
            for tap in self._taps:
                found[tap.layer] |= tap.take(self._n_rows(tap.layer))
            yield found
        self._exchange(lambda: not self._feeding and not any(tap.left for tap in self._taps))
        self._built.finish()

    @property
    def _feeding(self) -> bool:
        """True if messages of the input are yet to be sent."""
        return self._feed is not None and self._feed.next is not None

    def _exchange(self, done: Callable[[], bool]) -> None:
        """Send and receive in any order: a full pipe would block its layer, then all others."""
        while not done():
            ports = [tap.port for tap in self._taps if tap.left]
            if self._feed is not None and self._feed.next is not None:
                ports.append(self._feed.port)
            self._built.wait(ports)
            for pipe in (*self._taps, *([] if self._feed is None else [self._feed])):
                pipe.serve()

    def close(self) -> None:
        """End all processes and free the shared memory, in any state of the processes."""
        self._built.close()


def _arrangement(shape: tuple[int, ...]) -> Callable[[np.ndarray], np.ndarray]:
    """Return the function that brings a flat row into Lava's order of this shape."""
    return lambda row: np.ascontiguousarray(row.reshape(shape).transpose())


def _configuration(stock: bool) -> Any:
    """Return Lava's run configuration with ipvae's models of synapses, or with Lava's."""
    from lava.magma.core.run_configs import Loihi2SimCfg
    from lava.proc.conv.process import Conv
    from lava.proc.dense.process import DelayDense, Dense
    from lava.proc.sparse.process import Sparse

    from ipvae.lava_procs.models import integer_synapses as models

    chosen: Any = {DelayDense: models.PyIntegerDelayDense, Sparse: models.PyIntegerSparse}
    if stock:
        chosen |= {Dense: models.PyIntegerDenseStock}
    else:
        chosen |= {Dense: models.PyIntegerDense, Conv: models.PyFastConv}
    return Loihi2SimCfg(select_tag="fixed_pt", exception_proc_model_map=chosen)
