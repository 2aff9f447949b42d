"""Streams: images that follow one another without a reset, each for some updates."""

import numpy as np

from ipvae.errors import InputError
from ipvae.network.description import IntNetwork
from ipvae.network.rules.drive import drives


def frames(n_steps: int, hold: int | None) -> int:
    """Frames of a stream of n_steps updates; 1 without `hold`.

    Raises
    ------
    InputError
        If `hold` is below 1.
    """
    if hold is not None and hold < 1:
        raise InputError(f"frame_steps: found {hold}, allowed 1 and above")
    return 1 if hold is None else -(-n_steps // hold)


def frame(row: int, lag: int, n_steps: int, hold: int | None) -> int:
    """Index of the frame that drives a row of a layer.

    Frame 0 drives updates 1..hold of the code, frame 1 the next `hold`, and so on. A layer with lag
    0 updates one row before the code's update that uses it.

    Parameters
    ----------
    row : int in [0, n_steps]
    lag : 0 or 1
        Lag of the layer (`ipvae.network.schedule`).
    """
    if hold is None:
        return 0
    return min(max(row - lag, 0) // hold, frames(n_steps, hold) - 1)


def as_frames(images: np.ndarray, n_steps: int, hold: int | None) -> np.ndarray:
    """Images as streams: (N, F, M), F = 1 without `hold`.

    Raises
    ------
    InputError
        If the number of frames of the images does not match the steps, or `hold` is below 1.
    """
    if hold is None:
        if images.ndim != 2:
            raise InputError(f"images: shape {images.shape}, allowed (images, pixels)")
        return images[:, None]
    wanted = frames(n_steps, hold)
    if images.ndim != 3 or images.shape[1] != wanted:
        raise InputError(
            f"images: found shape {images.shape}, allowed (streams, {wanted}, pixels): {n_steps} "
            f"steps of which each frame holds {hold}"
        )
    return images


def stream_drives(
    network: IntNetwork, images: np.ndarray, n_steps: int, hold: int | None
) -> dict[str, np.ndarray]:
    """Drives of all layers and frames, by number: (N, F, K) int32.

    Parameters
    ----------
    images : (N, M) int, or (N, F, M) with `hold`

    Raises
    ------
    InputError, DescriptionError
        As for `as_frames` and `ipvae.network.rules.drive.drives`.
    """
    streams = as_frames(np.asarray(images), n_steps, hold)
    flat = drives(network, streams.reshape(-1, streams.shape[-1]))
    return {name: b.reshape(*streams.shape[:2], -1) for name, b in flat.items()}
