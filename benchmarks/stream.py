"""Latency and frames per second of `ipvae.Stream` at batch 1, in one thread.

    python benchmarks/stream.py NET.h5 [--steps 16] [--frames 4000]

The film is the test images of the network in turn, each moved by one pixel a frame for 16 frames.
The last line is JSON: `frames_per_second` (mean), `latency_us` (median, and the 99th percentile),
its parts in microseconds (`engine_us`: the compiled rows; `drive_us`: changed pixels and their
products; `python_us`: the rest), `counts_us` and `reconstruction_us`, which are computed on demand,
`limit_us`: the same updates at the emulator's speed with 64 images in one thread, and `of_limit`.
"""

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

import ipvae
from ipvae.emulator import Emulator
from ipvae.emulator.streams import layered
from ipvae.emulator.tile import Tile
from ipvae.network.description import IntNetwork

HELD, BATCH, ROWS = 16, 64, 256


def film_of(network: IntNetwork, n: int) -> np.ndarray:
    """Test images that move by a pixel a frame: (n, height, width)."""
    stills = np.asarray(network.test_images).reshape(-1, *network.input.shape)
    return np.stack([np.roll(stills[f // HELD % len(stills)], f % HELD, axis=1) for f in range(n)])


def timed(act: Callable[[], object]) -> float:
    """Microseconds of one call."""
    start = time.perf_counter()
    act()
    return (time.perf_counter() - start) * 1e6


def drive_time(stream: layered.LayeredStream, tile: Tile, frame: np.ndarray) -> float:
    """Microseconds of listing the changed pixels and adding as many products, which change none."""
    where, by = np.zeros((2, len(frame)), np.int32)
    shown, (low, high) = stream._shown.copy(), stream._range
    found = timed(lambda: layered.changed_pixels(frame, shown, low, high, where, by))
    n, nothing = int(np.count_nonzero(by)), np.zeros_like(by)
    for name, drive in stream._drives.items():
        to = tile.drive(name)
        found += timed(lambda: drive.update(where, nothing, n, to))  # noqa: B023
    return found


def parts(network: IntNetwork, film: np.ndarray, steps: int) -> dict[str, float]:
    """Median microseconds of the compiled parts of a frame."""
    stream, found = layered.LayeredStream(network, steps, 0), {"engine_us": [], "drive_us": []}
    advance = stream._advance

    def engine(tile: object) -> object:
        start = time.perf_counter()
        result = advance(tile)  # type: ignore[arg-type]
        found["engine_us"].append((time.perf_counter() - start) * 1e6)
        return result

    stream._advance = engine  # type: ignore[method-assign,assignment]
    for frame in film.reshape(len(film), -1).astype(np.int32):
        if stream._tile is not None:
            found["drive_us"].append(drive_time(stream, stream._tile, frame))
        stream.push(frame)
    return {name: float(np.median(values)) for name, values in found.items()}


def batch_rate(network: IntNetwork) -> float:
    """Microseconds of an image-step with 64 images in one thread."""
    emulator = Emulator(network, threads=1)
    tiles = emulator.tiles(np.resize(network.test_images, (BATCH, network.n_pixels)), 2**18, 1)
    emulator.advance(tiles, ROWS)
    return min(timed(lambda: emulator.advance(tiles, ROWS)) for _ in range(7)) / (BATCH * ROWS)


def measure(path: Path, steps: int, n: int) -> dict[str, float]:
    """Time a stream; the first frames compile and warm up."""
    network = ipvae.load_network(path)
    assert isinstance(network, IntNetwork)
    film, stream = film_of(network, n), ipvae.Stream(network, steps=steps)
    for frame in film[:HELD]:
        stream.push(frame)
    latency, demanded = np.zeros(n), np.zeros((n, 2))
    for f, frame in enumerate(film):
        latency[f] = timed(lambda: stream.push(frame))  # noqa: B023
    for f, frame in enumerate(film):
        seen = stream.push(frame)
        demanded[f] = timed(lambda: seen.operations), timed(lambda: seen.reconstruction)  # noqa: B023
    found = parts(network, film[: n // 4], steps)
    median, limit = float(np.median(latency)), steps * batch_rate(network)
    return {
        "frames_per_second": 1e6 / float(latency.mean()),
        "latency_us": median,
        "latency_p99_us": float(np.percentile(latency, 99)),
        **found,
        "python_us": median - found["engine_us"] - found["drive_us"],
        "counts_us": float(np.median(demanded[:, 0])),
        "reconstruction_us": float(np.median(demanded[:, 1])),
        "limit_us": limit,
        "of_limit": limit / median,
    }


def main() -> None:
    """Measure, and print the figures as JSON in the last line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("net", type=Path)
    parser.add_argument("--steps", type=int, default=16)
    parser.add_argument("--frames", type=int, default=4000)
    given = parser.parse_args()
    print(json.dumps(measure(given.net, given.steps, given.frames)))


if __name__ == "__main__":
    main()
