"""Periodic checkpointing, so that an interrupted training can resume."""

import contextlib
import dataclasses
import time
from collections.abc import Callable
from pathlib import Path

from ipvae.errors import StoppedError
from ipvae.train.run.fit import Progress
from ipvae.train.run.metrics_log import MetricsLog
from ipvae.train.run.resume import NAME, ResumeState, write_unfinished
from ipvae.train.run.state import TornStateError, TrainState

LONGEST_SECONDS = 60.0  # between two saves
LARGEST_SHARE = 0.01  # of the time, for saves at the end of epochs


class CheckpointCallback:
    """Callback of `fit` that saves its state and logs its metrics.

    The state is saved at the start, at a stop request, and at least every 60 seconds. It is also
    saved at the end of an epoch, unless that would exceed 1 % of the time.

    Parameters
    ----------
    run : folder
    begun : the current training; its option `tensorboard` enables RUN/tensorboard/
    stop : function that returns True if training should stop after this step
    """

    def __init__(self, run: Path, begun: ResumeState, stop: Callable[[], bool]) -> None:
        self._run, self._begun, self._stop = run, begun, stop
        *self._epochs, self._before = begun.seconds
        self._start = time.monotonic()
        self._state: Callable[[], TrainState] | None = None
        self._save(begun.state)
        board = begun.options.get("tensorboard", False)
        self._log = MetricsLog(run, begun.state.history, self._epochs, board)

    def __call__(self, progress: Progress, state: Callable[[], TrainState]) -> None:
        """Save and log as required after an optimiser step.

        Raises
        ------
        StoppedError
            If a stop was requested; the state is saved.
        """
        record = progress.record
        ended = record is not None and record["epoch"] == progress.epoch
        if record is not None and ended:
            self._epochs.append(self._seconds())
            self._log.add(record, self._epochs[-1])
        self._state = state
        stopping = self._stop()
        if stopping or self._due(ended):
            self._save(state())
        if stopping:
            raise StoppedError(
                f"stopped after optimiser step {progress.done} of {progress.total}; "
                f"all is kept in {self._run / NAME}"
            )

    def interrupted(self) -> None:
        """Save the state at an interruption, unless a step was changing the parameters.

        In that case the last saved state is kept.
        """
        if self._state is None:
            return
        with contextlib.suppress(TornStateError):
            self._save(self._state())

    def close(self) -> None:
        """Close the log."""
        self._log.close()

    def _due(self, ended: bool) -> bool:
        passed = time.monotonic() - self._saved
        return passed >= LONGEST_SECONDS or (ended and passed * LARGEST_SHARE >= self._cost)

    def _save(self, state: TrainState) -> None:
        begin = time.monotonic()
        seconds = [*self._epochs, self._seconds()]
        write_unfinished(self._run, dataclasses.replace(self._begun, state=state, seconds=seconds))
        self._saved = time.monotonic()
        self._cost = self._saved - begin

    def _seconds(self) -> float:
        return self._before + time.monotonic() - self._start
