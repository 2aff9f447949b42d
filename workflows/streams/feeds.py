"""Frames of a stream as a user gives them, for the engine of each description of a network."""

import logging
from abc import ABC, abstractmethod
from typing import Any, Protocol

import numpy as np

from ipvae.emulator.streams.any_kind import NetworkStream
from ipvae.emulator.streams.layered import LayeredStream
from ipvae.errors import InputError
from ipvae.network.description import IntNetwork
from ipvae.network.frames import load_frames
from ipvae.network.network import Network
from ipvae.workflows.image_input.own_images import OwnImages, to_levels
from ipvae.workflows.streams.frame import StreamFrame

EMULATOR, LAVA = BACKENDS = ("emulator", "lava")

log = logging.getLogger("ipvae")


class Engine(Protocol):
    """Backend of streams: frames one by one."""

    frames: int

    def reset(self) -> None:
        """Begin the next stream."""
        ...

    def push(self, pixels: np.ndarray, /) -> Any:
        """Run one frame."""
        ...

    def close(self) -> None:
        """Release processes."""
        ...


class Feed(ABC):
    """Frames one by one through an engine, as a user gives them.

    Parameters
    ----------
    network : IntNetwork or Network
    steps : int
        Updates of each frame.
    engine : Engine
    """

    def __init__(self, network: IntNetwork | Network, steps: int, engine: Engine) -> None:
        self._steps, self._engine, self._described = steps, engine, network
        self._since: Any = None

    @property
    def frames(self) -> int:
        """Number of frames since the reset."""
        return self._engine.frames

    def reset(self) -> None:
        """Begin the next stream."""
        self._engine.reset()
        self._since = None

    def close(self) -> None:
        """Release processes."""
        self._engine.close()

    @abstractmethod
    def push(self, frame: np.ndarray) -> StreamFrame:
        """Run the next frame; see `ipvae.Stream.push`.

        Parameters
        ----------
        frame : array of the input's shape

        Raises
        ------
        InputError
            If it does not fit the input.
        """

    def _pushed(
        self, found: Any, counts: np.ndarray, outputs: dict[str, np.ndarray], sent: Any
    ) -> StreamFrame:
        """Result of a frame; `sent` is what was sent since the reset."""
        before, self._since = self._since, sent
        return StreamFrame(
            index=self.frames - 1,
            steps=self.frames * self._steps,
            counts=counts,
            decoded=found.decoded,
            outputs=outputs,
            changed_pixels=found.changed_pixels,
            network=self._described,
            before=before,
            after=sent,
        )


class LayeredFeed(Feed):
    """Frames of an `IntNetwork` on a backend."""

    def __init__(self, network: IntNetwork, steps: int, engine: Engine) -> None:
        super().__init__(network, steps, engine)
        self._network = network
        self._shown = [s.name for s in network.schedule.stages if s.role != "hidden"]
        self._read = False

    def push(self, frame: np.ndarray) -> StreamFrame:
        """Show the next frame; see `ipvae.Stream.push`."""
        network, found = self._network, None
        if self._read:
            pixels = _quick_levels(frame, network)
            found = None if pixels is None else self._engine.push(pixels)
        if found is None:  # the first frame is reported, and any other that may be refused
            pixels = to_levels(OwnImages(frame[None], np.zeros(1), "frame"), network.input)
            found, self._read = self._engine.push(pixels[0].astype(np.int32)), True
            assert found is not None
        outputs = {name: found.sent[name].z for name in self._shown}
        return self._pushed(found, found.sent[network.code].z, outputs, found.sent)


class NetworkFeed(Feed):
    """Frames of a `Network`; `integers` as for `ipvae.run`."""

    def __init__(self, network: Network, steps: int, engine: Engine, integers: str) -> None:
        super().__init__(network, steps, engine)
        self._network, self._integers = network, integers

    def push(self, frame: np.ndarray) -> StreamFrame:
        """Show the next frame; see `ipvae.Stream.push`."""
        read = load_frames(frame[None], self._network, 1, self._integers)
        found = self._engine.push(read.values[0, 0])
        outputs = {self._network.readout.id: found.totals.outputs[0]}
        return self._pushed(found, found.counts, outputs, found.totals)


def engine_of(
    backend: str, network: IntNetwork, steps: int, seed: int, averaged: int, timeout: float
) -> Engine:
    """Return the backend of the streams of an `IntNetwork`, by name."""
    if backend == LAVA:
        from ipvae.lava_procs.live_stream import LavaStream

        return LavaStream(network, steps, seed, averaged, timeout)
    return LayeredStream(network, steps, seed, averaged, log.info)


def network_engine(network: Network, steps: int, seed: int, averaged: int) -> Engine:
    """Return the emulator of the streams of a `Network`."""
    if seed != 0 and not network.draws:
        raise InputError(f"seed: found {seed}, but nothing is drawn in this network; omit it")
    return NetworkStream(network, steps, seed, averaged)


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
