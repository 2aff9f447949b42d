"""Watch a running Lava network, and end it whatever state it is in.

Lava's blocking run() waits for ever when a process raises, dies or sleeps. Here
the host polls instead: it sees a dead process at once and a silent one in time.
"""

import contextlib
import time
from collections.abc import Callable
from typing import Any

from ipvae.network.errors import HungBackendError

POLL_SECONDS = 0.002


def names_of_actors(runtime: Any) -> list[str]:
    """Name of each operating-system process, in the order in which Lava starts them."""
    executable = runtime._executable
    processes = [f"{type(p).__name__} '{p.name}'" for p in executable.proc_builders]
    return processes + ["runtime service" for _ in executable.runtime_service_builders]


def wait_until(ready: Callable[[], bool], runtime: Any, timeout: float, doing: str) -> None:
    """Poll until `ready`.

    Raises
    ------
    HungBackendError
        If a process has died, or nothing happened for `timeout` seconds.
    """
    start = time.monotonic()
    while not ready():
        for name, actor in zip(
            names_of_actors(runtime), runtime._messaging_infrastructure.actors, strict=False
        ):
            if not actor.is_alive() and not ready():
                raise HungBackendError(f"backend 'lava': {name} died {doing}{_reason(actor)}")
        if time.monotonic() - start > timeout:
            raise HungBackendError(
                f"backend 'lava': no answer for {timeout:g} s {doing}; all were stopped"
            )
        time.sleep(POLL_SECONDS)


def _reason(actor: Any) -> str:
    """Last line of the traceback of a process that raised."""
    with contextlib.suppress(Exception):
        if actor.exception:
            return f": {str(actor.exception[1]).strip().splitlines()[-1]}"
    return f" (exit code {actor.exitcode})"


def tear_down(runtime: Any, ports: list[Any]) -> None:
    """End a network whatever state it is in; never waits for an answer.

    Its processes hold nothing that is needed any more, so they are killed: asking them to
    stop would wait for ever if one of them has died.
    """
    actors = runtime._messaging_infrastructure.actors
    for actor in actors:
        if actor.is_alive():
            actor.kill()
    for actor in actors:
        with contextlib.suppress(Exception):
            actor.join()
    for port in [*runtime._open_ports, *ports]:
        with contextlib.suppress(Exception):
            port.join()
    runtime._open_ports.clear()
    with contextlib.suppress(Exception):
        runtime._messaging_infrastructure.smm.shutdown()
    with contextlib.suppress(Exception):
        runtime._watchdog_manager.stop()
    runtime._is_running = runtime._is_started = False
