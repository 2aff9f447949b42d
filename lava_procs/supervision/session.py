"""Compiled and started Lava network: watched while it runs, and ended in any case."""

import contextlib
import logging
import warnings
from collections.abc import Iterable, Iterator
from multiprocessing.util import Finalize
from typing import Any

from ipvae.errors import BackendError, HungBackendError
from ipvae.lava_procs.supervision.children import Stacks
from ipvae.lava_procs.supervision.resources import explained, require_files
from ipvae.lava_procs.supervision.watchdog import IF_SLOW, Watchdog


@contextlib.contextmanager
def log_handlers_kept() -> Iterator[None]:
    """Make Lava processes without adding a log handler for each of them."""
    before = list(logging.root.handlers)
    try:
        yield
    finally:
        logging.root.handlers[:] = before


class LavaSession:
    """Processes of a network, from compilation to their end.

    They are ended by `close`, on an error in any method, when the session is garbage-collected, and
    when the interpreter exits.

    Parameters
    ----------
    process : AbstractProcess
        Process, not yet compiled.
    configuration : RunConfig
        Lava's configuration, which selects the models.
    pipes : list of ports
        Ports that are flagged as external.
    blocks : dict of layer's name -> block
        Blocks whose parts are named by layer in messages.
    timeout : float, seconds
        Longest time without a heartbeat.
    backend : str
        Name of the backend in messages.
    advice : str
        Advice in messages about a network that may only be slow.

    Raises
    ------
    BackendError
        If the configuration rejects a model, or this machine is out of files or memory.
    HungBackendError
        If the network cannot be built.
    """

    def __init__(
        self,
        process: Any,
        configuration: Any,
        pipes: list[Any],
        blocks: dict[str, Any],
        timeout: float,
        backend: str = "lava",
        advice: str = IF_SLOW,
    ) -> None:
        from ipvae.lava_procs.supervision.compile import compiled, start, tear_down

        self._process, self._backend = process, backend
        self._end: Finalize | None = None
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of packages imported by Lava
                runtime, stacks = compiled(process, configuration), Stacks()
                self._end = Finalize(self, tear_down, (process, pipes, stacks), exitpriority=1)
                require_files(runtime._executable, backend)
                start(runtime, stacks)
                self.watch = Watchdog(runtime, blocks, stacks, timeout, backend, advice)
                self.watch.built(runtime.words)
        except BaseException as error:
            self.close()
            ours = isinstance(error, (BackendError, HungBackendError))
            if ours or not isinstance(error, Exception):
                raise
            short = explained(error, backend)
            if short is not None:
                raise short from error
            reason = " ".join(str(error).split())
            raise HungBackendError(
                f"backend '{self._backend}': the network could not be built "
                f"({type(error).__name__}: {reason})"
            ) from error

    @property
    def runtime(self) -> Any:
        """Lava's runtime."""
        return self._process.runtime

    def require_usable(self) -> None:
        """Raise HungBackendError if the network was ended."""
        if self._end is None or not self._end.still_active():
            raise HungBackendError(
                f"backend '{self._backend}': this network was stopped; build it again"
            )

    def start(self, n_steps: int) -> None:
        """Start a number of chip steps in all processes, without waiting for them."""
        from lava.magma.core.run_conditions import RunSteps

        self._process.run(RunSteps(n_steps, blocking=False))

    def wait(self, ports: Iterable[Any]) -> None:
        """Wait until any of these ports has a message; see `Watchdog.wait`."""
        self.watch.wait(ports)

    def finish(self) -> None:
        """Wait for the end of the steps; see `Watchdog.finish`."""
        self.watch.finish(self.runtime)

    def close(self) -> None:
        """End all processes and free the shared memory, in any state of the processes."""
        if self._end is not None:
            self._end()
