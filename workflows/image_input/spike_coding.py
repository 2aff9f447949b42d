"""Sequences of spikes from images and from event recordings, for networks that take messages."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from ipvae.errors import InputError
from ipvae.workflows.boundary import public, require_positive
from ipvae.workflows.image_input.event_files import read_events, recording_files

EVENT_FIELDS = ("t", "x", "y", "p")


@public
def encode_rate(
    images: ArrayLike, *, steps: int, seed: int = 0, largest: float | None = None
) -> np.ndarray:
    """Encode pixels as rates: at every step each pixel sends a spike by chance.

    Parameters
    ----------
    images : (n, ...) numbers of 0 and above
    steps : int
    seed : int
        Seed of NumPy's generator.
    largest : float, optional
        Pixel value that sends at every step; the largest in the images by default.

    Returns
    -------
    (n, steps, ...) int8, 0 and 1; a pixel x sends with the probability x / largest

    Raises
    ------
    InputError
        If an argument cannot be used.

    Examples
    --------
    >>> import ipvae
    >>> ipvae.encode_rate([[0.0, 1.0]], steps=3).tolist()
    [[[0, 1], [0, 1], [0, 1]]]
    """
    pixels, most = _pixels(images, steps, largest)
    drawn = np.random.default_rng(seed).random((len(pixels), steps, *pixels.shape[1:]))
    return (drawn < (pixels / most)[:, None]).astype(np.int8)


@public
def encode_latency(images: ArrayLike, *, steps: int, largest: float | None = None) -> np.ndarray:
    """Encode pixels as latencies: each sends one spike, a large value early, 0 none.

    Parameters
    ----------
    images : (n, ...) numbers of 0 and above
    steps : int
    largest : float, optional
        Pixel value that sends at step 0; the largest in the images by default.

    Returns
    -------
    (n, steps, ...) int8, 0 and 1; a pixel x above 0 sends at step round((1 - x / largest)
    (steps - 1))

    Raises
    ------
    InputError
        If an argument cannot be used.

    Examples
    --------
    >>> import ipvae
    >>> ipvae.encode_latency([[0.0, 0.5, 1.0]], steps=3).tolist()
    [[[0, 0, 1], [0, 1, 0], [0, 0, 0]]]
    """
    pixels, most = _pixels(images, steps, largest)
    share = np.clip(pixels / most, 0, 1)
    at = np.rint((1 - share) * (steps - 1)).astype(np.int64)
    moments = np.arange(steps).reshape(1, steps, *[1] * (pixels.ndim - 1))
    return ((at[:, None] == moments) & (pixels > 0)[:, None]).astype(np.int8)


@public
def encode_events(
    recordings: Sequence[np.ndarray | str | Path] | str | Path,
    *,
    shape: tuple[int, int, int],
    steps: int,
    step_time: float,
) -> np.ndarray:
    """Bin event recordings of a camera into steps: 1 where a pixel had an event of a polarity.

    Parameters
    ----------
    recordings : list of structured arrays with the fields t, x, y and p, or of (events, 4) arrays
        with these columns, as tonic and other readers return them. p is the polarity: 0 and 1,
        or -1 and 1. Or a list of files, one file, or a folder: .npy or .npz with these fields,
        .csv or .txt with these columns, and with the package faery .aedat4, .raw, .dat and .es.
    shape : (polarities, height, width)
        2 polarities, or 1 for all events alike.
    steps : int
        Later events are left out.
    step_time : float
        Duration of a step in the unit of t, which is microseconds in files of cameras; a recording
        begins at its first event.

    Returns
    -------
    (n, steps, polarities, height, width) int8, 0 and 1

    Raises
    ------
    InputError
        If an argument cannot be used, or an event lies outside the shape.
    """
    polarities, height, width = shape
    if steps < 1 or step_time <= 0 or polarities not in (1, 2):
        raise InputError(
            f"events: steps {steps}, step_time {step_time}, {polarities} polarities; allowed are 1 "
            "and above, above 0, and 1 or 2"
        )
    all_of: list[np.ndarray | Path] = []
    for one in [recordings] if isinstance(recordings, (str, Path)) else recordings:
        all_of += recording_files(one) if isinstance(one, (str, Path)) else [one]
    found = np.zeros((len(all_of), steps, *shape), np.int8)
    for number, events in enumerate(all_of):
        read = read_events(events) if isinstance(events, (str, Path)) else events
        t, x, y, p = _columns(read, number)
        if not len(t):
            continue
        for name, values, most in (("x", x, width), ("y", y, height)):
            if values.min() < 0 or values.max() >= most:
                raise InputError(
                    f"events: recording {number} has {name} in {values.min()}..{values.max()}, "
                    f"allowed 0..{most - 1}"
                )
        step = ((t - t.min()) / step_time).astype(np.int64)
        kept = step < steps
        channel = (p > 0).astype(np.int64) if polarities == 2 else np.zeros(len(p), np.int64)
        found[number, step[kept], channel[kept], y[kept], x[kept]] = 1
    return found


def _columns(events: np.ndarray, number: int) -> tuple[np.ndarray, ...]:
    """Time, column, row and polarity of each event."""
    array = np.asarray(events)
    if array.dtype.names is not None and set(EVENT_FIELDS) <= set(array.dtype.names):
        columns = [array[name] for name in EVENT_FIELDS]
    elif array.ndim == 2 and array.shape[1] == len(EVENT_FIELDS):
        columns = list(array.T)
    else:
        raise InputError(
            f"events: recording {number} has dtype {array.dtype} and shape {array.shape}, allowed "
            "are the fields t, x, y and p, or (events, 4)"
        )
    t, x, y, p = columns
    return t.astype(np.float64), x.astype(np.int64), y.astype(np.int64), p.astype(np.int64)


def _pixels(images: ArrayLike, steps: int, largest: float | None) -> tuple[np.ndarray, float]:
    """Pixels as float64, and the value that counts as 1."""
    pixels = np.asarray(images, np.float64)
    require_positive("steps", steps)
    if pixels.ndim < 2 or not pixels.size or not np.isfinite(pixels).all() or pixels.min() < 0:
        raise InputError(
            f"images: shape {pixels.shape}, allowed are (n, ...) finite numbers of 0 and above"
        )
    most = float(pixels.max()) if largest is None else float(largest)
    if most < 0 or (largest is not None and most == 0):
        raise InputError(f"largest: found {largest}, allowed above 0")
    return pixels, most or 1.0
