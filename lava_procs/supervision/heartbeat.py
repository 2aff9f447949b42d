"""Heartbeat of ipvae's models: their current phase, written where the host can read it."""

import mmap
import time
from dataclasses import dataclass

PHASES = (
    "between two steps",
    "waiting for input",
    "waiting for an image",
    "waiting for a frame",
    "waiting for draws",
    "updating",
    "drawing",
    "sending",
    "recording",
)
_CODE = {phase: code for code, phase in enumerate(PHASES)}
_IMAGES, _STEP, _PHASE, _CLOCK = range(4)


@dataclass(frozen=True)
class Sign:
    """State of a model at its last heartbeat.

    Attributes
    ----------
    image : 0-based, counted since the network was built; -1 before the first
    step : of the chip, counted from the image's first; an update takes
        one period of `ipvae.network.schedule`
    phase : one of PHASES
    seconds : on the clock of `time.monotonic`; 0 before the first heartbeat
    """

    image: int
    step: int
    phase: str
    seconds: float

    def __str__(self) -> str:
        """Describe the state for messages."""
        if self.image < 0:
            return f"before its first image, phase '{self.phase}'"
        return f"in step {self.step} of image {self.image}, phase '{self.phase}'"


class Heartbeat:
    """Memory that one model writes and the host reads; a mark takes about 0.2 us.

    The host makes it before the model's process is forked. The memory is anonymous: it has neither
    file nor descriptor, and is freed with the last process that maps it.
    """

    def __init__(self) -> None:
        self._words = memoryview(mmap.mmap(-1, mmap.PAGESIZE)).cast("q")

    def begin(self, step: int) -> None:
        """Begin a step of the chip; step 0 begins an image."""
        if step == 0:
            self._words[_IMAGES] += 1
        self._words[_STEP] = step

    def mark(self, phase: str) -> None:
        """Record the phase that begins now."""
        words = self._words
        words[_PHASE] = _CODE[phase]
        words[_CLOCK] = time.monotonic_ns()

    def read(self) -> Sign:
        """Return the last heartbeat."""
        images, step, phase, clock = self._words[:4]
        return Sign(images - 1, step, PHASES[phase], clock * 1e-9)
