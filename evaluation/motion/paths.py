"""Paths of an image: its angle, or the place of a crop, in each frame.

The rules are those in which the authors of the iterative P-VAE feed their model (IterativeVAE's
RotateFeeder and JitterFeeder). Each image has a random generator keyed by the seed and its index,
so that its path depends neither on the number of images nor on any other draw.
"""

from dataclasses import dataclass

import numpy as np

DEGREES = 8.0
"""Rotation between two frames."""
ROTATE, JITTER = MOTIONS = ("rotate", "jitter")
_WORDS = {ROTATE: 0x726F74, JITTER: 0x6A6974}
"""Second word of the random keys, so that two motions of one seed differ."""


@dataclass(frozen=True)
class Jitter:
    """Random walk of a crop's place with a pull to the centre: p' = p + N(0, sqrt(D)) - h p.

    Attributes
    ----------
    diffusion : float
        D, pixels squared a frame.
    pull : float
        h, between 0 and 1.
    """

    diffusion: float
    pull: float


PADDED = Jitter(0.6, 0.03)
"""Of images with a background of zeros, such as digits."""
NATURAL = Jitter(0.5, 0.01)
"""Of crops from larger images."""


def generator(motion: str, seed: int, image: int) -> np.random.Generator:
    """Random generator of one image's path."""
    return np.random.default_rng(np.random.SeedSequence([seed, _WORDS[motion], image]))


def angles(frames: int, seed: int, image: int, degrees: float = DEGREES) -> np.ndarray:
    """Angle of each frame, in degrees: (frames,) float64, from a uniform start."""
    start = generator(ROTATE, seed, image).uniform(0, 360)
    return start + degrees * np.arange(frames)


def places(frames: int, seed: int, image: int, jitter: Jitter, room: tuple[int, int]) -> np.ndarray:
    """Place of each frame relative to the centre, in whole pixels: (frames, 2) int64.

    Parameters
    ----------
    frames, seed, image : int
    jitter : Jitter
    room : (down, right)
        Largest distance from the centre; the walk stops there.
    """
    normal = generator(JITTER, seed, image).normal(0, np.sqrt(jitter.diffusion), (frames, 2))
    place, found, most = np.zeros(2), np.zeros((frames, 2), np.int64), np.array(room)
    for f in range(1, frames):
        place = np.clip(place + normal[f] - jitter.pull * place, -most, most)
        found[f] = np.rint(place)
    return found
