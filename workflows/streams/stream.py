"""A live loop: frames one by one, with the state of the network kept between them."""

import inspect
from pathlib import Path

import numpy as np

from ipvae.errors import InputError
from ipvae.lava_procs.supervision.watchdog import TIMEOUT_SECONDS
from ipvae.network.description import IntNetwork
from ipvae.network.layers import PoissonLayer
from ipvae.network.network import Network
from ipvae.workflows.boundary import as_array, network_of, require_positive, whole_number
from ipvae.workflows.streams.feeds import (
    BACKENDS,
    EMULATOR,
    Feed,
    LayeredFeed,
    NetworkFeed,
    engine_of,
    network_engine,
)
from ipvae.workflows.streams.frame import StreamFrame

__all__ = ["Stream", "StreamFrame"]

DRAW, MEAN = READOUTS = ("draw", "mean")
AVERAGED = 4
"""Inverse of the fraction of a frame's updates over which the read-out `mean` averages."""


class Stream:
    """A network that receives frames one by one, without a reset between them.

    Equal, bit for bit, to `ipvae.run(network, film, frame_steps=steps)` on the same frames. A layer
    that takes the image in the row of its update (`lag` 0: errors, feed-forward layers) ends each
    frame one row earlier than a code in a loop, since that row belongs to the next frame.

    Parameters
    ----------
    network : IntNetwork, Network, or path of a network file
    steps : int
        Updates of each frame.
    seed : int in [0, 2**48)
        Seed of all random draws.
    readout : 'draw' or 'mean'
        Input of the decoder: the counts of the last update, or their mean over the last quarter of
        a frame's updates.
    integers : 'input' or 'real'
        As for `ipvae.run`.
    backend : 'emulator' or 'lava'
        Lava's CPU simulator takes integer networks with a code in a loop, without read-outs. Its
        processes run until `close`, or the end of a `with` statement.
    timeout : float, seconds
        For Lava: longest time without a message or a heartbeat of any layer.

    Raises
    ------
    InputError
        If an argument cannot be used.
    BackendError, HungBackendError
        If Lava is not installed, or it stopped responding.
    UnprovedOverflowError
        If a variable of the network may leave its range.

    Examples
    --------
    >>> import ipvae
    >>> stream = ipvae.Stream("net.h5", steps=16)  # doctest: +SKIP
    >>> stream.push(frame).reconstruction  # doctest: +SKIP
    """

    def __init__(
        self,
        network: IntNetwork | Network | str | Path,
        *,
        steps: int = 16,
        seed: int = 0,
        readout: str = DRAW,
        integers: str = "input",
        backend: str = EMULATOR,
        timeout: float = TIMEOUT_SECONDS,
    ) -> None:
        signature = inspect.signature(type(self))
        self.network = network_of(network)
        self.steps: int = whole_number("steps", steps, signature)  # type: ignore[assignment]
        require_positive("steps", self.steps)
        seed = whole_number("seed", seed, signature)  # type: ignore[assignment]
        averaged = self._averaged(readout)
        self._feed: Feed
        if backend not in BACKENDS:
            raise InputError(f"backend: found '{backend}', allowed {' and '.join(BACKENDS)}")
        if isinstance(self.network, Network):
            if backend != EMULATOR:
                raise InputError(
                    f"backend: found '{backend}', allowed is the emulator for frames one by one of "
                    "a network of any kinds; ipvae.run(backend='lava', frame_steps=) runs whole "
                    "films"
                )
            engine = network_engine(self.network, self.steps, seed, averaged)
            self._feed = NetworkFeed(self.network, self.steps, engine, integers)
            return
        if integers != "input":
            raise InputError(
                f"integers: found {integers}, allowed with a network of any kinds only; omit it"
            )
        engine = engine_of(backend, self.network, self.steps, seed, averaged, timeout)
        self._feed = LayeredFeed(self.network, self.steps, engine)

    def _averaged(self, readout: str) -> int:
        """Rows of a frame over which counts are averaged."""
        if readout not in READOUTS:
            raise InputError(f"readout: found '{readout}', allowed {', '.join(READOUTS)}")
        if readout == DRAW:
            return 0
        network = self.network
        if isinstance(network, Network):
            decoded = network.readout.id if network.decoder is None else network.decoder.layer
            drawn = network.kinds[decoded].draws
        else:
            drawn = isinstance(network.layer, PoissonLayer)
        if not drawn:
            raise InputError(
                "readout: found 'mean', allowed for a code of Poisson neurons; other codes are not "
                "drawn. Omit it."
            )
        return max(1, self.steps // AVERAGED)

    @property
    def frames(self) -> int:
        """Number of frames since the reset."""
        return self._feed.frames

    def reset(self) -> None:
        """Begin the next stream: no memory of earlier frames, and other draws.

        The streams of one object have the draws of the streams 0, 1, ... of one run.
        """
        self._feed.reset()

    def close(self) -> None:
        """End the processes of Lava; on the emulator nothing happens."""
        self._feed.close()

    def __enter__(self) -> "Stream":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def push(self, frame: np.ndarray) -> StreamFrame:
        """Show the next frame for `steps` updates.

        Parameters
        ----------
        frame : array of one image
            (M,), (height, width) or the shape of the network's input; integers are pixel levels,
            floating-point numbers real values.

        Raises
        ------
        InputError
            If the frame does not fit the network, or the stream is too long for its draws.
        """
        frame = np.asarray(as_array(frame))
        if frame.dtype.kind not in "biuf":
            raise InputError(f"frame: found dtype {frame.dtype}, allowed numbers; convert it")
        return self._feed.push(frame)
