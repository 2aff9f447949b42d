"""Streams of one update, for the evaluation of films: codes, operations and reconstructions."""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from ipvae.emulator.streams.any_kind import NetworkStream
from ipvae.emulator.streams.layered import LayeredStream
from ipvae.energy.counting.counts import Counts
from ipvae.energy.models import EnergyRow, TimeRow
from ipvae.errors import InputError
from ipvae.network.description import IntNetwork
from ipvae.network.frames import load_frames
from ipvae.network.network import Network
from ipvae.network.pixels import to_real
from ipvae.workflows.image_input.images import given_images
from ipvae.workflows.streams.frame_counts import frame_costs, frame_counts, frames_activity
from ipvae.workflows.streams.network_frames import network_frame_costs, network_frame_counts

Pairs = Sequence[tuple[Any, Any]]
"""Messages since the reset, before and after each frame; None before the first one of a stream."""
Costs = tuple[Sequence[EnergyRow], Sequence[TimeRow], Sequence[str]]


class Updates(Protocol):
    """A stream whose frames are single updates."""

    def pixels(self, frames: np.ndarray) -> np.ndarray:
        """Return the pixels of a user's frames: (n, M) int."""
        ...

    def real(self, pixels: np.ndarray) -> np.ndarray:
        """Return pixels in real units."""
        ...

    def reset(self) -> None:
        """Begin the next stream."""
        ...

    def update(self, frame: np.ndarray) -> tuple[np.ndarray, Any]:
        """Update once: code (K,), and messages since the reset."""
        ...

    def decoded(self, codes: np.ndarray) -> np.ndarray:
        """Reconstruct codes (n, K): (n, M)."""
        ...

    def counts(self, pairs: Pairs, *, kept: bool) -> Counts:
        """Operations of a frame, means over the frames."""
        ...

    def costs(self, pairs: Pairs, *, kept: bool) -> Costs:
        """Modelled energies and times of a frame, and notes."""
        ...

    def chip_steps(self, pairs: Pairs, steps: int) -> int:
        """Steps of the chip in a frame."""
        ...


class LayeredUpdates:
    """Updates of an `IntNetwork`."""

    def __init__(self, network: IntNetwork, seed: int) -> None:
        self._network, self._stream = network, LayeredStream(network, 1, seed)
        self.reset = self._stream.reset

    def pixels(self, frames: np.ndarray) -> np.ndarray:
        """Return the pixels of a user's frames: (n, M) int."""
        return given_images(frames, self._network.input).pixels

    def real(self, pixels: np.ndarray) -> np.ndarray:
        """Return pixels in real units."""
        return to_real(pixels, self._network.input)

    def update(self, frame: np.ndarray) -> tuple[np.ndarray, Any]:
        """Update once; see `Updates`."""
        pushed = self._stream.push(frame.astype(np.int32))
        assert pushed is not None
        return pushed.sent[self._network.code].z, pushed.sent

    def decoded(self, codes: np.ndarray) -> np.ndarray:
        """Reconstruct codes (n, K): (n, M)."""
        return codes.astype(np.float32) @ self._network.decoder.T

    def counts(self, pairs: Pairs, *, kept: bool) -> Counts:
        """Operations of a frame, means over the frames."""
        return frame_counts(self._network, frames_activity(self._network, pairs), kept=kept)

    def costs(self, pairs: Pairs, *, kept: bool) -> Costs:
        """Modelled energies and times of a frame, and notes."""
        return frame_costs(self._network, frames_activity(self._network, pairs), kept=kept)

    def chip_steps(self, pairs: Pairs, steps: int) -> int:  # noqa: ARG002
        """Steps of the chip in a frame."""
        return self._network.schedule.chip_steps(frames_activity(self._network, pairs).steps)


class NetworkUpdates:
    """Updates of a `Network` with a decoder."""

    def __init__(self, network: Network, seed: int) -> None:
        if network.decoder is None:
            raise InputError(
                "network: found a network of any kinds without a decoder, allowed is one with a "
                "decoder; ipvae.Stream runs films of other networks"
            )
        if seed != 0 and not network.draws:
            raise InputError(f"seed: found {seed}, but nothing is drawn in this network; omit it")
        self._network, self._decoder = network, network.decoder
        self._stream = NetworkStream(network, 1, seed)
        self.reset = self._stream.reset

    def pixels(self, frames: np.ndarray) -> np.ndarray:
        """Return the pixels of a user's frames: (n, M) int."""
        return load_frames(frames, self._network, 1).values[:, 0]

    def real(self, pixels: np.ndarray) -> np.ndarray:
        """Return pixels in real units."""
        declared = self._network.input.pixels
        return pixels.astype(np.float64) * (1.0 if declared is None else declared.scale)

    def update(self, frame: np.ndarray) -> tuple[np.ndarray, Any]:
        """Update once; see `Updates`."""
        pushed = self._stream.push(frame.astype(np.int32))
        return pushed.counts, pushed.totals

    def decoded(self, codes: np.ndarray) -> np.ndarray:
        """Reconstruct codes (n, K): (n, M)."""
        maps = self._network.shape_of(self._decoder.layer)
        return self._decoder.images(codes, maps, self._network.input.shape)

    def counts(self, pairs: Pairs, *, kept: bool) -> Counts:  # noqa: ARG002
        """Operations of a frame, means over the frames."""
        return network_frame_counts(self._network, pairs)

    def costs(self, pairs: Pairs, *, kept: bool) -> Costs:
        """Modelled energies and times of a frame, and notes."""
        return network_frame_costs(self._network, pairs, kept=kept)

    def chip_steps(self, pairs: Pairs, steps: int) -> int:  # noqa: ARG002
        """Steps of the chip in a frame."""
        return steps * self._network.schedule.period


def updates_of(network: IntNetwork | Network, seed: int) -> Updates:
    """Return the updates of a network."""
    if isinstance(network, Network):
        return NetworkUpdates(network, seed)
    return LayeredUpdates(network, seed)
