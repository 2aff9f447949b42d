"""Cost of a convolutional network against the number of pixels: time and memory on the emulator.

    python benchmarks/photographs.py [--sides 64,128,256,512] [--maps 64] [--kernel 11] [--stride 4]
        [--steps 500] [--picture OUT.png]

The network has random kernels and 8-bit weights that all places share; the images are noise that is
smoothed. Each size runs in another process, whose peak memory is measured. The last line is
JSON: `points` with side, neurons, seconds on the clock and of a processor core, peak memory and
spikes; and `exponent`, the slope of log processor time against log pixels between the two largest
sizes.
"""

import argparse
import json
import platform
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from ipvae.emulator.event_driven.engine import NetworkEmulator
from ipvae.export.exporters.convolutional import ConvolutionalModel, convolutional
from ipvae.float_models.convolutional.geometry import Canvas
from ipvae.float_models.convolutional.gram import gram_kernels, largest_eigenvalue
from ipvae.float_models.convolutional.noise import with_balanced_inhibition
from ipvae.network.network import Network
from ipvae.network.pixels import Pixels

CONTRAST = 30
"""Standard deviation of an image, in pixel steps of 1 / 24."""
SHOWN = ("side", "neurons", "processor_seconds", "peak_megabytes")
STABILITY = 0.25
"""Step size times the largest eigenvalue of the inhibition."""


def network_of(side: int, maps: int, kernel: int, stride: int) -> Network:
    """Return a network with random smooth kernels of unit norm."""
    rng = np.random.default_rng(0)
    kernels = _smooth(rng.normal(size=(maps, 1, kernel, kernel)))
    kernels /= np.sqrt(np.square(kernels).sum(axis=(1, 2, 3), keepdims=True))
    values: dict[str, Any] = {
        "kernels": kernels * 0.5,
        "u0": np.full(maps, -4.0),
        "log_bias": np.full(maps, -9.0),
        "log_lr": 0.0,
        "log_sigma_raw": np.array([-0.7]),
    }
    params = {name: np.asarray(value, np.float32) for name, value in values.items()}
    largest = largest_eigenvalue(gram_kernels(params, stride))
    params["log_lr"] = np.asarray(np.log(STABILITY / largest), np.float32)
    canvas = Canvas((1, side, side), maps, kernel, stride)
    model = ConvolutionalModel(with_balanced_inhibition(params), canvas, Pixels(-128, 127, 1 / 24))
    return convolutional(model)


def _smooth(values: np.ndarray) -> np.ndarray:
    for axis in (-2, -1):
        values = values + np.roll(values, 1, axis) + np.roll(values, -1, axis)
    return values


def measured(side: int, maps: int, kernel: int, stride: int, steps: int) -> dict[str, Any]:
    """Return time and spikes of one image, and the peak memory of this process."""
    network = network_of(side, maps, kernel, stride)
    image = _smooth(np.random.default_rng(1).normal(size=(1, 1, side, side)))
    pixels = np.clip(np.rint(CONTRAST * image / image.std()), -128, 127).astype(np.int32)
    emulator = NetworkEmulator(network)
    emulator.totals(pixels.reshape(1, 1, -1), 2)  # loads or compiles the kernels
    begun, used = time.perf_counter(), time.process_time()
    totals = emulator.totals(pixels.reshape(1, 1, -1), network.rows(steps))
    seconds, used = time.perf_counter() - begun, time.process_time() - used
    (layer,) = network.layers
    sums = totals.layers[layer.id]
    return {
        "side": side,
        "pixels": side * side,
        "neurons": layer.n_neurons,
        "seconds": seconds,
        "processor_seconds": used,
        "peak_megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "spikes_per_pixel_and_step": float(sums.sizes.sum()) / side**2 / steps,
        "limits": dict(sums.limits),
    }


def draw(file: Path, points: list[dict[str, Any]], text: str) -> None:
    """Draw time and peak memory against pixels."""
    from ipvae.report.pictures.canvas import BLUE, ORANGE, drawing, place, save, title

    with drawing(900, 400) as figure:
        title(figure, "Cost of one image against its pixels", text)
        across = [point["pixels"] for point in points]
        names = {
            "processor_seconds": ("seconds of one core", BLUE),
            "peak_megabytes": ("peak memory, MB", ORANGE),
        }
        for index, (key, (name, colour)) in enumerate(names.items()):
            axes = place(figure, 70 + 430 * index, 50, 360, 270)
            axes.plot(across, [point[key] for point in points], color=colour, marker="o")
            axes.set_xlabel("pixels")
            axes.set_ylabel(name)
            axes.set_xlim(0)
            axes.set_ylim(0)
        save(figure, file)


def main() -> None:
    """Measure each size in another process, print a table and JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sides", default="64,128,256,512")
    parser.add_argument("--maps", type=int, default=64)
    parser.add_argument("--kernel", type=int, default=11)
    parser.add_argument("--stride", type=int, default=4)
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--picture", type=Path)
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        found = measured(given.one, given.maps, given.kernel, given.stride, given.steps)
        print(json.dumps(found))
        return
    points = []
    for side in sorted(int(side) for side in given.sides.split(",")):
        command = [sys.executable, __file__, "--one", str(side)]
        for name in ("maps", "kernel", "stride", "steps"):
            command += [f"--{name}", str(getattr(given, name))]
        run = subprocess.run(command, check=True, capture_output=True, text=True)
        points.append(json.loads(run.stdout.splitlines()[-1]))
        print(
            {
                key: points[-1][key]
                for key in ("side", "neurons", "processor_seconds", "peak_megabytes")
            }
        )
    times, sizes = (
        np.log([point[key] for point in points[-2:]]) for key in ("processor_seconds", "pixels")
    )
    exponent = float((times[-1] - times[0]) / (sizes[-1] - sizes[0])) if len(points) > 1 else None
    if given.picture is not None:
        text = f"{given.maps} maps of {given.kernel} x {given.kernel}, stride {given.stride}, "
        draw(given.picture, points, f"{text}{given.steps} steps")
    print(json.dumps({"points": points, "exponent": exponent, "machine": platform.machine()}))


if __name__ == "__main__":
    main()
