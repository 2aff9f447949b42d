"""A live loop: frames one by one, with the state of the network kept between them."""

import inspect
import logging
from pathlib import Path

import numpy as np

from ipvae.errors import InputError
from ipvae.network.description import IntNetwork
from ipvae.network.frames import load_frames
from ipvae.network.layers import PoissonLayer
from ipvae.network.network import Network
from ipvae.workflows.boundary import network_of, require_positive, whole_number
from ipvae.workflows.image_input.own_images import OwnImages, to_levels
from ipvae.workflows.streams.frame import Since, StreamFrame

__all__ = ["Stream", "StreamFrame"]

DRAW, MEAN = READOUTS = ("draw", "mean")
AVERAGED = 4
"""Inverse of the fraction of a frame's updates over which the read-out `mean` averages."""

log = logging.getLogger("ipvae")


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

    Raises
    ------
    InputError
        If an argument cannot be used.
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
    ) -> None:
        signature = inspect.signature(type(self))
        self.network = network_of(network)
        self.steps: int = whole_number("steps", steps, signature)  # type: ignore[assignment]
        require_positive("steps", self.steps)
        seed = whole_number("seed", seed, signature)  # type: ignore[assignment]
        averaged = self._averaged(readout)
        self._integers, self._read = integers, False
        self._since: Since = None
        if isinstance(self.network, IntNetwork):
            from ipvae.emulator.streams.layered import LayeredStream

            if integers != "input":
                raise InputError(
                    f"integers: found {integers}, allowed with a network of any kinds only; omit it"
                )
            self._layered = LayeredStream(self.network, self.steps, seed, averaged, log.info)
            self._any_kind = None
            return
        from ipvae.emulator.streams.any_kind import NetworkStream

        if seed != 0 and not self.network.draws:
            raise InputError(f"seed: found {seed}, but nothing is drawn in this network; omit it")
        self._layered, self._any_kind = None, NetworkStream(self.network, self.steps, seed)

    def _averaged(self, readout: str) -> int:
        """Rows of a frame over which counts are averaged."""
        if readout not in READOUTS:
            raise InputError(f"readout: found '{readout}', allowed {', '.join(READOUTS)}")
        if readout == DRAW:
            return 0
        if isinstance(self.network, Network) or not isinstance(self.network.layer, PoissonLayer):
            raise InputError(
                "readout: found 'mean', allowed for a code of Poisson neurons; other codes are not "
                "drawn. Omit it."
            )
        return max(1, self.steps // AVERAGED)

    @property
    def frames(self) -> int:
        """Number of frames since the reset."""
        of = self._layered or self._any_kind
        assert of is not None
        return of.frames

    def reset(self) -> None:
        """Begin the next stream: no memory of earlier frames, and draws of its own.

        The streams of one object have the draws of the streams 0, 1, ... of one run.
        """
        of = self._layered or self._any_kind
        assert of is not None
        of.reset()
        self._since = None

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
        frame = np.asarray(frame)
        if self._layered is not None:
            return self._push_layered(frame)
        return self._push_any(frame)

    def _push_layered(self, frame: np.ndarray) -> StreamFrame:
        stream = self._layered
        assert stream is not None and isinstance(self.network, IntNetwork)
        found = None
        if self._read:
            pixels = _quick_levels(frame, self.network)
            found = None if pixels is None else stream.push(pixels)
        if found is None:  # the first frame is reported, and any other that may be refused
            pixels = to_levels(OwnImages(frame[None], np.zeros(1), "frame"), self.network.input)
            found, self._read = stream.push(pixels[0].astype(np.int32)), True
            assert found is not None
        before, self._since = self._since, found.sent
        shown = [s.name for s in self.network.wiring.stages if s.role != "hidden"]
        return StreamFrame(
            index=stream.frames - 1,
            steps=stream.frames * self.steps,
            counts=found.sent[self.network.code].z,
            decoded=found.decoded,
            outputs={name: found.sent[name].z for name in shown},
            changed_pixels=found.changed_pixels,
            network=self.network,
            before=before,
            after=found.sent,
        )

    def _push_any(self, frame: np.ndarray) -> StreamFrame:
        stream = self._any_kind
        assert stream is not None and isinstance(self.network, Network)
        read = load_frames(frame[None], self.network, 1, self._integers)
        found = stream.push(read.values[0, 0])
        before, self._since = self._since, found.totals
        counts = found.totals.last[0]
        return StreamFrame(
            index=stream.frames - 1,
            steps=stream.frames * self.steps,
            counts=counts,
            decoded=counts,
            outputs={self.network.readout.id: found.totals.outputs[0]},
            changed_pixels=found.changed_pixels,
            network=self.network,
            before=before,
            after=found.totals,
        )


def _quick_levels(frame: np.ndarray, network: IntNetwork) -> np.ndarray | None:
    """Pixels (M,) int32 of a frame in the usual form, else None; the range is checked later."""
    fmt = network.input
    if frame.shape not in ((fmt.size,), fmt.shape):
        return None
    kind = frame.dtype.kind
    if kind == "f":
        frame = np.rint(frame / fmt.scale)
        if not (np.abs(frame) < 2**15).all():  # also for values that are not finite
            return None
    elif kind not in "iu" or frame.dtype.itemsize > 4:
        return None
    return frame.reshape(-1).astype(np.int32)
