"""Compile a Lava process, start its operating-system processes, and end them in any state."""

import contextlib
import logging
import os
import signal
from typing import Any

from lava.magma.core.process.message_interface_enum import ActorType
from lava.magma.core.process.process import AbstractProcess, ProcessServer
from lava.magma.core.process.variable import VarServer
from lava.magma.runtime.runtime import Runtime

from ipvae.lava_procs.supervision.children import Stacks, starting, uninterrupted
from ipvae.lava_procs.supervision.resources import reserve


class SupervisedRuntime(Runtime):
    """Lava's runtime, without its own wait for the processes' report that they are built.

    Attributes
    ----------
    words : list of Queue
        One for each actor: the exception raised while it was built, or None.
    """

    def __init__(self, executable: Any, loglevel: int) -> None:
        super().__init__(executable, ActorType.MultiProcessing, loglevel)
        self.words: list[Any] = []

    def _build_processes(self) -> None:
        """Start the processes, with all their shared memory."""
        infrastructure: Any = self._messaging_infrastructure
        reserve(infrastructure.smm)
        super()._build_processes()

    def _start_ports(self) -> None:
        """Start the ports, the last step before Lava's wait, which never ends if a process died."""
        super()._start_ports()
        self.words, self.exception_q = self.exception_q, []


def compiled(process: Any, configuration: Any) -> SupervisedRuntime:
    """Compile a process without starting it."""
    handlers = logging.getLogger("lava.magma.compiler.compiler").handlers
    before = list(handlers)
    executable = process.compile(configuration, None)
    handlers[:] = before  # each compilation adds one
    runtime = SupervisedRuntime(executable, process._log_config.level)
    process._runtime = runtime
    executable.assign_runtime_to_all_processes(runtime)
    return runtime


def start(runtime: SupervisedRuntime, stacks: Stacks) -> None:
    """Start all processes; do not wait until they are built."""
    with starting(stacks):
        runtime.initialize()


def tear_down(process: Any, pipes: list[Any], stacks: Stacks) -> None:
    """End a network in any state, with its external `pipes`, without waiting for an answer.

    No data in its processes are needed any more, so they are killed: a request to stop would block
    without limit if one of them has died.
    """
    with uninterrupted():
        runtime = process._runtime
        infrastructure = runtime._messaging_infrastructure
        if infrastructure is not None:
            _end_actors(infrastructure.actors)
            for port in [*runtime._open_ports, *_ends_of(pipes)]:
                with contextlib.suppress(Exception):
                    port.join()
            runtime._open_ports.clear()
            _free(infrastructure.smm)
        with contextlib.suppress(Exception):
            runtime._watchdog_manager.stop()
        runtime._is_running = runtime._is_started = False
        stacks.close()
        _forget(process)


def _ends_of(pipes: list[Any]) -> list[Any]:
    """Return the host's ends of external pipes, as far as they exist."""
    names = ("external_pipe_csp_send_port", "external_pipe_csp_recv_port")
    ends = [getattr(pipe, name, None) for pipe in pipes for name in names]
    return [end for end in ends if end is not None]


def _end_actors(actors: list[Any]) -> None:
    for actor in actors:
        if actor.is_alive():
            actor.kill()
    for actor in actors:
        with contextlib.suppress(Exception):
            actor.join()


def _free(memory: Any) -> None:
    """Free the shared memory, even if its manager process was stopped or has died."""
    if memory is None:
        return
    files, manager = list(memory._shared_memory_handles), memory._manager
    with contextlib.suppress(Exception):
        os.kill(manager._process.pid, signal.SIGCONT)
    with contextlib.suppress(Exception):
        memory.shutdown()
    with contextlib.suppress(Exception):
        manager._process.kill()
    for file in files:
        with contextlib.suppress(FileNotFoundError):
            file.unlink()


def _forget(process: Any) -> None:
    """Remove a network from Lava's lists, which would keep it and its weights in memory."""
    family, processes, variables = _family(process), ProcessServer(), VarServer()
    processes.processes = [one for one in processes.processes if id(one) not in family]
    variables.vars = [one for one in variables.vars if id(one.process) not in family]


def _family(process: Any) -> set[int]:
    """Identities of a process and, recursively, of its inner processes."""
    found, next_ones = set(), [process]
    while next_ones:
        one = next_ones.pop()
        if isinstance(one, list):
            next_ones += one
        elif isinstance(one, AbstractProcess) and id(one) not in found:
            found.add(id(one))
            next_ones += vars(one).values()
    return found
