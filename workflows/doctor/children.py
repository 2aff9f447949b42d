"""Steps in child processes, since a broken package may print, exit, crash or hang on import."""

import contextlib
import json
import subprocess
import sys
import threading
from pathlib import Path

from ipvae.environment import reason

SECONDS = 30.0
"""Time limit of one step in seconds; three times as long for the run of Lava."""

Step = tuple[str, str]
"""Kind of step and name of the module, as in `child.py`."""


def tried(streams: list[list[Step]]) -> dict[Step, dict]:
    """Run all steps, with streams in parallel, and return their answers."""
    answers: dict[Step, dict] = {}
    threads = []
    for steps in streams:
        thread = threading.Thread(target=_try_all, args=(steps, answers))
        try:
            thread.start()
            threads.append(thread)
        except (RuntimeError, MemoryError):  # no further thread
            _try_all(steps, answers)
    for thread in threads:
        thread.join()
    return answers


def _try_all(steps: list[Step], answers: dict[Step, dict]) -> None:
    """Run steps in a child process; if it ends early, run the rest in another."""
    while steps:
        try:
            answered, why = _child(steps)
        except (OSError, RuntimeError, MemoryError) as error:  # no further file, process or thread
            answered, why = [], f"could not be tried ({reason(error)})"
        answers.update(zip(steps, answered, strict=False))
        steps = steps[len(answered) :]
        if steps:
            answers[steps[0]] = {"error": why, "missing": None}
            steps = steps[1:]


def _child(steps: list[Step]) -> tuple[list[dict], str]:
    """Answers of one child process, and the reason why it ended."""
    script = str(Path(__file__).with_name("child.py"))
    answered: list[dict] = []
    with subprocess.Popen(
        [sys.executable, script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as child:
        _give(child, json.dumps([sys.path, steps]))
        alive = _Watch(child, steps)
        for line in child.stdout or ():
            if not line.endswith(b"\n"):  # it died while writing
                break
            answered.append(json.loads(line))
            alive.step(len(answered))
        alive.end()
    if alive.late:
        return answered, f"did not answer in {alive.late:.0f} s"
    return answered, f"its process ended, status {child.returncode}"


def _give(child: subprocess.Popen, work: str) -> None:
    """Write the steps to its stdin and close it, so that any other reader sees the end."""
    assert child.stdin is not None
    with contextlib.suppress(BrokenPipeError), child.stdin:
        child.stdin.write(work.encode())


class _Watch:
    """Watchdog that kills a child process whose step takes too long."""

    def __init__(self, child: subprocess.Popen, steps: list[Step]) -> None:
        self._child, self._steps, self.late = child, steps, 0.0
        self._timer: threading.Timer | None = None
        self.step(0)

    def step(self, number: int) -> None:
        """Start the timer of a step."""
        self.end()
        if number < len(self._steps):
            seconds = SECONDS * (3 if self._steps[number][0] == "lava" else 1)
            self._timer = threading.Timer(seconds, self._kill, (seconds,))
            self._timer.start()

    def end(self) -> None:
        """Cancel the timer."""
        if self._timer is not None:
            self._timer.cancel()

    def _kill(self, seconds: float) -> None:
        self.late = seconds
        self._child.kill()
