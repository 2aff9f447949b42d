"""Run a plain lava-dl network on Lava's CPU models; receive every layer's messages.

Input messages of step t reach layer l (1, 2, ..) at chip step t + l, since every synapse delays
them by a step. Lava's LIFReset resets CUBA neurons, as in netx: layer l is reset at step l + 1
and every T steps after it. Samples therefore follow one another without a gap through one
compiled network, and T rows of each layer belong to each sample. Lava's sigma-delta neurons have
no reset: a new network is built for every sample.
"""

import contextlib
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from itertools import chain, islice, repeat
from typing import Any

import numpy as np

from ipvae.lava_procs.importing import import_lava
from ipvae.lava_procs.supervision.session import LavaSession, log_handlers_kept
from ipvae.lava_procs.supervision.watchdog import TIMEOUT_SECONDS, require_timeout
from ipvae.network.lava_dl_network import ConvSynapses, PlainLayer, PlainNetwork

PIPE_BYTES, PIPE_MESSAGES = 2**22, 64
"""Limits of a pipe: number of messages, and bytes (at least two messages)."""

Record = dict[str, np.ndarray]
"""Messages of one sample: layer's name -> (rows, n) int32, in (C, H, W) order."""


def run_plain(
    network: PlainNetwork,
    samples: Iterable[np.ndarray],
    n_steps: int,
    n_samples: int,
    timeout: float = TIMEOUT_SECONDS,
    stock: bool = False,
) -> Generator[Record, None, None]:
    """Run samples one after another, each from a network at rest.

    Parameters
    ----------
    network : PlainNetwork
    samples : iterable of (n_steps, n_inputs) int32
        Messages of the input, from `network.plain_input.messages`.
    n_steps, n_samples : int
    timeout : float, seconds
        Longest time without a message from any layer.
    stock : bool
        True for Lava's own models of synapses; ipvae's are bit-exact to them and faster.

    Yields
    ------
    dict of layer's name -> (rows, n) int32
        Messages of each layer. A layer of CUBA neurons has n_steps rows. The l-th layer of
        sigma-delta neurons has n_steps + l rows. The first is at the first chip step, in which the
        layer may send its bias; the last is its response to the last input. Input after n_steps is
        silent.

    Raises
    ------
    BackendError
        If Lava is not installed.
    InputError
        If the timeout is not above 0.
    HungBackendError
        If a process died or stopped answering. All processes are then ended, as they are when the
        caller stops early.
    """
    require_timeout(timeout)
    import_lava()
    samples = iter(samples)
    per_build = 1 if network.sigma_delta else n_samples
    for _ in range(0, n_samples, per_build):
        with contextlib.closing(_Stream(network, n_steps, per_build, timeout, stock)) as stream:
            yield from stream.run(islice(samples, per_build))


class _Stream:
    """One compiled network and the samples that run through it."""

    def __init__(
        self,
        network: PlainNetwork,
        n_steps: int,
        n_samples: int,
        timeout: float,
        stock: bool = False,
    ) -> None:
        from ipvae.lava_procs.procs.plain_network.process import LavaDlNetwork

        self._network, self._n_steps = network, n_steps
        self._n_samples = n_samples
        self._chip_steps = n_samples * n_steps + network.depth
        with log_handlers_kept():
            self._process: Any = LavaDlNetwork(network, n_steps)
        blocks = self._process.blocks
        self._entry: Any = blocks[0].synapse.s_in
        taps = [block.neuron.s_out for block in blocks]
        pipes = [self._entry, *taps]
        for port in pipes:
            bytes_each = 4 * int(np.prod(port.shape))
            depth = max(2, min(PIPE_MESSAGES, PIPE_BYTES // bytes_each))
            port.flag_external_pipe(buffer_size=depth)
        named = dict(zip((layer.name for layer in network.layers), blocks, strict=True))
        self._built = LavaSession(self._process, _configuration(stock), pipes, named, timeout)
        self._send = self._entry.external_pipe_csp_send_port
        self._receive = [port.external_pipe_csp_recv_port for port in taps]
        self._rows: list[deque[np.ndarray]] = [deque() for _ in taps]
        self._left = [self._chip_steps] * len(taps)

    def run(self, samples: Iterator[np.ndarray]) -> Iterator[Record]:
        """Run the network once for all samples; yield each as soon as all layers are done."""
        self._built.start(self._chip_steps)
        silence = repeat(np.zeros(self._entry.shape, np.int32), self._network.depth)
        self._outgoing = chain(self._arranged(samples), silence)
        self._next = next(self._outgoing)
        layers = list(enumerate(self._network.layers))
        for _ in range(self._n_samples):
            self._exchange(lambda: all(len(self._rows[i]) >= self._n_rows(i) for i, _ in layers))
            yield {
                layer.name: self._flat(
                    layer, [self._rows[i].popleft() for _ in range(self._n_rows(i))]
                )
                for i, layer in layers
            }
        self._exchange(lambda: self._next is None and not any(self._left))
        self._built.finish()

    def _exchange(self, done: Callable[[], bool]) -> None:
        """Send and receive in any order: a full pipe would block its layer, then all others."""
        while not done():
            ports = [p for p, left in zip(self._receive, self._left, strict=True) if left]
            ports += [] if self._next is None else [self._send]
            self._built.wait(ports)
            if self._next is not None and self._send.probe():
                self._send.send(self._next)
                self._next = next(self._outgoing, None)
            for i, port in enumerate(self._receive):
                if self._left[i] and port.probe():
                    self._take(i, self._chip_steps - self._left[i], port.recv())
                    self._left[i] -= 1

    def _n_rows(self, i: int) -> int:
        """Rows of a sample in layer i, counted from 0 at the first layer after the input."""
        return self._n_steps + (i + 1 if self._network.sigma_delta else 0)

    def _take(self, i: int, step: int, message: np.ndarray) -> None:
        """Store a message of a step, counted from 0, if it belongs to a sample."""
        first = 0 if self._network.sigma_delta else i + 1
        if first <= step < self._n_samples * self._n_steps + i + 1:
            self._rows[i].append(np.asarray(message).astype(np.int32))

    def _arranged(self, samples: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
        """Messages of all steps in the first synapse's shape: Lava's order is (W, H, C)."""
        shape = self._network.input.shape
        conv = isinstance(self._network.layers[0].synapses, ConvSynapses)
        for sample in samples:
            for row in sample:
                yield np.ascontiguousarray(row.reshape(shape).transpose() if conv else row)

    @staticmethod
    def _flat(layer: PlainLayer, rows: list[np.ndarray]) -> np.ndarray:
        """Rows of (W, H, C) as (rows, C H W)."""
        return np.stack([row.transpose().reshape(layer.n_neurons) for row in rows])

    def close(self) -> None:
        """End all processes and free the shared memory, in any state of the processes."""
        self._built.close()


def _configuration(stock: bool) -> Any:
    """Return Lava's run configuration with ipvae's models of synapses, or with Lava's."""
    from lava.magma.core.run_configs import Loihi2SimCfg
    from lava.proc.conv.process import Conv
    from lava.proc.dense.process import Dense

    from ipvae.lava_procs.procs.plain_block.models import (
        PyFastConv,
        PyIntegerDense,
        PyIntegerDenseStock,
    )

    ours: Any = {Dense: PyIntegerDense, Conv: PyFastConv}
    models: Any = {Dense: PyIntegerDenseStock} if stock else ours
    return Loihi2SimCfg(select_tag="fixed_pt", exception_proc_model_map=models)
