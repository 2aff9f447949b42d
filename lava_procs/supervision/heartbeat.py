"""A sign of life of our own models: what each is doing, written where the host can read it."""

import mmap
import time
from dataclasses import dataclass

PHASES = (
    "between two steps",
    "waiting for input",
    "waiting for an image",
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
    """What a model was doing when it last gave a sign of life.

    Attributes
    ----------
    image : 0-based, counted since the network was built; -1 before the first
    step : of the chip, counted from the image's first; those of one update are
        `ipvae.network.schedule` periods long
    phase : one of PHASES
    seconds : on the clock of `time.monotonic`; 0 if there was no sign yet
    """

    image: int
    step: int
    phase: str
    seconds: float

    def __str__(self) -> str:
        """Say where it stood."""
        if self.image < 0:
            return f"before its first image, phase '{self.phase}'"
        return f"in step {self.step} of image {self.image}, phase '{self.phase}'"


class Heartbeat:
    """Memory that one model writes and the host reads; a mark costs about 0.2 us.

    Made by the host before the model's process is forked: the memory is anonymous, so it has
    neither file nor descriptor, and is gone with the last process that has it.
    """

    def __init__(self) -> None:
        self._words = memoryview(mmap.mmap(-1, mmap.PAGESIZE)).cast("q")

    def begin(self, step: int) -> None:
        """Begin a step of the chip; step 0 begins an image."""
        if step == 0:
            self._words[_IMAGES] += 1
        self._words[_STEP] = step

    def mark(self, phase: str) -> None:
        """Say what is done from now on."""
        words = self._words
        words[_PHASE] = _CODE[phase]
        words[_CLOCK] = time.monotonic_ns()

    def read(self) -> Sign:
        """Return the last sign."""
        images, step, phase, clock = self._words[:4]
        return Sign(images - 1, step, PHASES[phase], clock * 1e-9)
