"""Watchdog of a running Lava network: detects a dead process at once and a silent one in time.

Lava's blocking run() never returns if a process raises, dies or sleeps. Here the host sleeps until
a message arrives, and checks the processes in between.
"""

import contextlib
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import is_dataclass
from typing import Any

from ipvae.errors import HungBackendError, InputError
from ipvae.lava_procs.supervision.children import Place, Stacks
from ipvae.lava_procs.supervision.heartbeat import Heartbeat

TIMEOUT_SECONDS = 120.0
"""Longest time without a heartbeat before a network counts as hung."""

POLL_SECONDS = 0.02
"""Interval between checks of the processes; messages end the wait immediately."""

IF_SLOW = "if the network is only slow, give a longer timeout="
"""Advice about a network without heartbeat, if the user can give a time limit."""

_REASON_SECONDS = 1.0
_MOST_NAMED = 3


def require_timeout(seconds: float) -> None:
    """Raise InputError unless the time limit is valid."""
    if not seconds > 0:
        raise InputError(f"timeout: found {seconds:g} s, allowed above 0; 120 is the default")


def names_of_actors(runtime: Any) -> list[str]:
    """Name of each operating-system process, in the order in which Lava starts them."""
    executable = runtime._executable
    processes = [f"{type(p).__name__} '{p.name}'" for p in executable.proc_builders]
    return processes + ["runtime service" for _ in executable.runtime_service_builders]


class Actor:
    """A process of the operating system: one Lava process, or Lava's runtime service.

    Attributes
    ----------
    name : its name in messages
    heartbeat : for ipvae's models; else None
    """

    def __init__(self, name: str, process: Any, heartbeat: Heartbeat | None) -> None:
        self.name, self.heartbeat, self._process = name, heartbeat, process

    @property
    def pid(self) -> int:
        """Identifier of the process (PID)."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """True if it runs, sleeps or is stopped."""
        return self._process.is_alive()

    @property
    def where(self) -> str:
        """State at the last heartbeat; '' for a model without one."""
        return "" if self.heartbeat is None else f" {self.heartbeat.read()}"

    @property
    def reason(self) -> str:
        """Cause of death: last line of its traceback, or exit code; '' after a normal end."""
        with contextlib.suppress(Exception):
            if self._process.exception:
                lines = str(self._process.exception[1]).strip().splitlines()
                return f": {lines[-1].strip()}"
        code = self._process.exitcode
        return f" (exit code {code})" if code else ""


class Watchdog:
    """Watchdog over all processes of one network.

    Parameters
    ----------
    runtime : Runtime
        Runtime with started processes.
    blocks : dict of layer id -> LayerBlock or LayerProcesses
    stacks : Stacks
    timeout : float, seconds
        Longest time without a heartbeat.
    backend : str
        Name of the backend in messages.
    advice : str
        Remedy for a network that is only slow.
    """

    def __init__(
        self,
        runtime: Any,
        blocks: dict[str, Any],
        stacks: Stacks,
        timeout: float,
        backend: str = "lava",
        advice: str = IF_SLOW,
    ) -> None:
        self._stacks, self._timeout = stacks, timeout
        self._backend, self._advice = backend, advice
        self._awake = threading.Event()
        processes = list(runtime._executable.proc_builders)
        services = len(runtime._executable.runtime_service_builders)
        beats = [process.proc_params.get("heartbeat") for process in processes]
        self.actors = [
            Actor(name + of_layer, actor, beat)
            for name, of_layer, beat, actor in zip(
                names_of_actors(runtime),
                _of_layers(processes, blocks) + [""] * services,
                beats + [None] * services,
                runtime._messaging_infrastructure.actors,
                strict=True,
            )
        ]

    def built(self, words: list[Any]) -> None:
        """Wait until every process is built; `words` contain what each raised, or None.

        Raises
        ------
        HungBackendError
            If one raised, died, or was not ready in time.
        """
        doing = "while the network was built"
        while words:
            word = words.pop()  # this releases its pipe too
            self._wait(lambda word=word: not word.empty(), doing)
            error = word.get()
            if error is not None:
                raise HungBackendError(
                    f"backend '{self._backend}': {self.actors[len(words)].name} died {doing}: "
                    f"{type(error).__name__}: {error}; all were stopped"
                ) from error

    def wait(self, ports: Iterable[Any], ready: Callable[[Iterable[bool]], bool] = any) -> None:
        """Wait until any (or all) of these ports have a message.

        Raises
        ------
        HungBackendError
            If a process has died, or no model gave a heartbeat for `timeout` seconds.
        """
        ports = list(ports)
        for port in ports:
            port.observer = self._awake.set
        try:
            self._wait(lambda: ready(port.probe() for port in ports))
        finally:
            for port in ports:
                port.observer = None

    def finish(self, runtime: Any) -> None:
        """Wait until the runtime service reports the end of the run.

        Raises
        ------
        HungBackendError
            As `wait`, or if a process raised in the last step of a run.
        """
        from lava.magma.runtime.mgmt_token_enums import MGMT_RESPONSE, enum_equal

        self.wait(runtime.service_to_runtime, all)
        for port in runtime.service_to_runtime:
            if not enum_equal(port.recv(), MGMT_RESPONSE.DONE):
                self._wait(lambda: False)
        runtime._is_running = False

    def _wait(self, ready: Callable[[], bool], doing: str = "") -> None:
        start = time.monotonic()
        while not ready():
            if not all(actor.is_alive for actor in self.actors) and not ready():
                raise self._ended(self._dead(doing))
            signs = [actor.heartbeat.read().seconds for actor in self.actors if actor.heartbeat]
            if time.monotonic() - max([start, *signs]) > self._timeout:
                raise self._ended(self._hung(doing), f"; {self._advice}")
            self._awake.wait(POLL_SECONDS)
            self._awake.clear()

    def _ended(self, what: str, advice: str = "") -> HungBackendError:
        return HungBackendError(f"backend '{self._backend}': {what}; all were stopped{advice}")

    def _dead(self, doing: str) -> str:
        """Name the process that died first: others then end normally, perhaps before it is gone."""
        end = time.monotonic() + _REASON_SECONDS
        while True:
            dead = [actor for actor in self.actors if not actor.is_alive]
            first = max(dead, key=lambda actor: bool(actor.reason))
            if first.reason or time.monotonic() > end:
                break
            time.sleep(POLL_SECONDS)
        where = f" {doing}" if doing else first.where or self._meanwhile()
        return f"{first.name} died{where}{first.reason or ' (exit code 0)'}"

    def _hung(self, doing: str) -> str:
        """Name the hung processes, except those waiting for another process."""
        places = {actor: self._stacks.ask(actor.pid) for actor in self.actors if actor.is_alive}
        hung = {actor: place for actor, place in places.items() if place is None or not place.waits}
        silent = f"gave no heartbeat for {self._timeout:g} s"
        if not hung:
            all_wait = "; ".join(f"{actor.name}{actor.where}" for actor in self.actors)
            return f"its processes {silent}, each waits for another: {all_wait}"
        parts = [
            f"{actor.name} {silent}{f' {doing}' if doing else actor.where}, {_at(place)}"
            for actor, place in list(hung.items())[:_MOST_NAMED]
        ]
        ours = doing or any(actor.heartbeat for actor in hung)
        return "; ".join(parts) + ("" if ours else self._meanwhile())

    def _meanwhile(self) -> str:
        """Describe the model that has been silent longest, if another process is the cause."""
        ours = [(actor.heartbeat.read().seconds, actor) for actor in self.actors if actor.heartbeat]
        if not ours:
            return ""
        _, silent = min(ours, key=lambda pair: pair[0])
        return f" while {silent.name} was{silent.where}"


def _at(place: Place | None) -> str:
    return "answers no signal (is it stopped?)" if place is None else f"at {place}"


def _of_layers(processes: list[Any], blocks: dict[str, Any]) -> list[str]:
    """Return ' of layer N' for each process of a block, '' for others."""
    of_layer = {
        id(part): f" of layer {number}"
        for number, block in blocks.items()
        for part in _parts(block)
    }
    return [of_layer.get(id(process), "") for process in processes]


def _parts(block: Any) -> Iterator[Any]:
    """Attributes of a block, and of the dataclasses in its lists."""
    for value in vars(block).values():
        yield value
        for one in value if isinstance(value, list) else ():
            if is_dataclass(one):
                yield from _parts(one)
