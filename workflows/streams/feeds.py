"""Frames of a stream as a user gives them, for the engine of each description of a network."""

import logging
from typing import Protocol

import numpy as np

from ipvae.emulator.streams.any_kind import NetworkStream
from ipvae.emulator.streams.layered import LayeredStream
from ipvae.errors import InputError
from ipvae.network.description import IntNetwork
from ipvae.network.frames import load_frames
from ipvae.network.network import Network
from ipvae.network.traces.network_totals import NetworkTotals
from ipvae.network.traces.sent import Pushed
from ipvae.workflows.image_input.own_images import OwnImages, to_levels
from ipvae.workflows.streams.frame import Messages, StreamFrame

EMULATOR, LAVA = BACKENDS = ("emulator", "lava")

log = logging.getLogger("ipvae")


class Feed(Protocol):
    """Frames one by one through an engine."""

    @property
    def frames(self) -> int:
        """Number of frames since the reset."""
        ...

    def reset(self) -> None:
        """Begin the next stream."""
        ...

    def push(self, frame: np.ndarray) -> StreamFrame:
        """Show the next frame."""
        ...

    def close(self) -> None:
        """Release processes."""
        ...


class Engine(Protocol):
    """Backend of the streams of an `IntNetwork`."""

    frames: int

    def reset(self) -> None:
        """Begin the next stream."""
        ...

    def push(self, pixels: np.ndarray) -> Pushed | None:
        """Run one frame; None if a pixel is out of range."""
        ...

    def close(self) -> None:
        """Release processes."""
        ...


class LayeredFeed:
    """Frames of an `IntNetwork` on a backend."""

    def __init__(self, network: IntNetwork, steps: int, engine: Engine) -> None:
        self._network, self._steps, self._stream = network, steps, engine
        self._shown = [s.name for s in network.schedule.stages if s.role != "hidden"]
        self._read = False
        self._since: Messages | None = None

    @property
    def frames(self) -> int:
        """Number of frames since the reset."""
        return self._stream.frames

    def reset(self) -> None:
        """Begin the next stream."""
        self._stream.reset()
        self._since = None

    def close(self) -> None:
        """Release processes."""
        self._stream.close()

    def push(self, frame: np.ndarray) -> StreamFrame:
        """Show the next frame; see `ipvae.Stream.push`."""
        network, found = self._network, None
        if self._read:
            pixels = _quick_levels(frame, network)
            found = None if pixels is None else self._stream.push(pixels)
        if found is None:  # the first frame is reported, and any other that may be refused
            pixels = to_levels(OwnImages(frame[None], np.zeros(1), "frame"), network.input)
            found, self._read = self._stream.push(pixels[0].astype(np.int32)), True
            assert found is not None
        before, self._since = self._since, found.sent
        return StreamFrame(
            index=self._stream.frames - 1,
            steps=self._stream.frames * self._steps,
            counts=found.sent[network.code].z,
            decoded=found.decoded,
            outputs={name: found.sent[name].z for name in self._shown},
            changed_pixels=found.changed_pixels,
            network=network,
            before=before,
            after=found.sent,
        )


def engine_of(
    backend: str, network: IntNetwork, steps: int, seed: int, averaged: int, timeout: float
) -> Engine:
    """Return the backend of the streams of an `IntNetwork`, by name."""
    if backend == LAVA:
        from ipvae.lava_procs.live_stream import LavaStream

        return LavaStream(network, steps, seed, averaged, timeout)
    return LayeredStream(network, steps, seed, averaged, log.info)


class NetworkFeed:
    """Frames of a `Network`; arguments as `ipvae.emulator.streams.any_kind.NetworkStream`."""

    def __init__(self, network: Network, steps: int, seed: int, integers: str) -> None:
        if seed != 0 and not network.draws:
            raise InputError(f"seed: found {seed}, but nothing is drawn in this network; omit it")
        self._network, self._steps, self._integers = network, steps, integers
        self._stream = NetworkStream(network, steps, seed)
        self._since: NetworkTotals | None = None

    @property
    def frames(self) -> int:
        """Number of frames since the reset."""
        return self._stream.frames

    def reset(self) -> None:
        """Begin the next stream."""
        self._stream.reset()
        self._since = None

    def close(self) -> None:
        """Do nothing: the emulator has no processes."""

    def push(self, frame: np.ndarray) -> StreamFrame:
        """Show the next frame; see `ipvae.Stream.push`."""
        read = load_frames(frame[None], self._network, 1, self._integers)
        found = self._stream.push(read.values[0, 0])
        before, self._since = self._since, found.totals
        return StreamFrame(
            index=self._stream.frames - 1,
            steps=self._stream.frames * self._steps,
            counts=found.counts,
            decoded=found.counts,
            outputs={self._network.readout.id: found.totals.outputs[0]},
            changed_pixels=found.changed_pixels,
            network=self._network,
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
