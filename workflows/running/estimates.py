"""Time and memory of long work, logged before it starts.

Times follow from the number of operations and from the measured speed of this machine in one
matrix product. They are rough: they hold within a factor of about three.
"""

import functools
import logging
import re
import time
from pathlib import Path

import numpy as np

from ipvae.network.description import IntNetwork
from ipvae.network.network import Network
from ipvae.network.traces.selection import Record
from ipvae.network.traces.trace import VARIABLES

LONG_SECONDS = 30.0
LARGE_BYTES = 2**31
FASTEST = 1e12
"""Operations per second that no machine here exceeds; less work needs no measurement."""
PER_SYNAPSE, PER_NEURON = 3.0, 1000.0
"""Cost of the emulator and of float models, in operations of a matrix product."""
LAVA_START_SECONDS, LAVA_STEP_SECONDS = 3.0, 3e-4
"""Time of Lava's simulator until the first step, and of one layer in one step."""
LAVA_PER_SYNAPSE = 100.0
BYTES = 4
"""Of a recorded value."""

log = logging.getLogger("ipvae")


def size_of(of: IntNetwork | Network) -> tuple[int, int, int]:
    """Return synapses, neurons and layers of a network."""
    if isinstance(of, IntNetwork):
        layers = list(of.layers.values())
        synapses = sum(0 if one.weight_rec is None else one.weight_rec.size for one in layers)
        return synapses, sum(one.n_neurons for one in layers), len(layers)
    synapses = sum(int(c.weights.fan_out().sum()) for one in of.layers for c in one.connections)
    return synapses, of.n_neurons, len(of.layers)


def run_seconds(
    of: IntNetwork | Network, images: int, steps: int, backend: str = "emulator"
) -> float:
    """Return the rough time of a run, in seconds; of a board only the time to start it."""
    synapses, neurons, layers = size_of(of)
    if backend == "loihi2":
        return LAVA_START_SECONDS
    if backend != "emulator":
        each = layers * LAVA_STEP_SECONDS + seconds_of(LAVA_PER_SYNAPSE * synapses, exact=True)
        return LAVA_START_SECONDS + images * steps * each
    return steps_seconds(images * steps, synapses, neurons)


def steps_seconds(image_steps: int, synapses: int, neurons: int) -> float:
    """Return the rough time of steps of a network or float model in this process."""
    return seconds_of(image_steps * (PER_SYNAPSE * synapses + PER_NEURON * neurons))


def trace_bytes(of: IntNetwork | Network, images: int, steps: int) -> int:
    """Return the size of all variables of a run in memory, in bytes."""
    if isinstance(of, Network):
        values = sum(one.n_neurons * len(one.neuron.variables) for one in of.layers)
    else:
        values = 3 * size_of(of)[1]
    return images * (steps + 1) * values * BYTES


def announce_run(
    of: IntNetwork | Network,
    images: int,
    steps: int,
    backend: str = "emulator",
    record: Record | None = None,
    *,
    to_file: bool = False,
) -> None:
    """Log the size of a run and of its trace, as `announce` does.

    The emulator records in a separate run; backends other than the emulator return all variables.
    """
    seconds, held = run_seconds(of, images, steps, backend), 0
    if backend != "emulator":
        held = trace_bytes(of, images, steps) if isinstance(of, IntNetwork) else 0
    elif record is not None:
        seconds *= 2
    kept = 0
    if record is not None:
        share = len(record.variables) / len(VARIABLES) / record.every
        kept = int(trace_bytes(of, images, steps) * share)
    memory, disk = (held, kept) if to_file else (max(held, kept), 0)
    announce(f"{images:,} images for {steps:,} steps on {backend}", seconds, memory, disk)


def training_seconds(image_steps: float, n_pixels: int, latents: int, processes: int = 1) -> float:
    """Return the rough time of a training, forward and backward, in seconds.

    Parameters
    ----------
    image_steps : images x steps x epochs
    n_pixels, latents : M and K
    processes : number of processes that share the work
    """
    each = 2 * 3 * 2 * n_pixels * latents + 3 * PER_NEURON * latents
    return seconds_of(image_steps * each / processes)


def announce(work: str, seconds: float, memory: int = 0, disk: int = 0) -> None:
    """Log the size of long or large work, and warn if it needs more memory than is free.

    Parameters
    ----------
    work : str
        The work, at the start of the line.
    seconds : float
    memory, disk : int, bytes
    """
    free = free_memory()
    if memory > free:
        log.warning(
            f"warning: {work}: needs about {gigabytes(memory)} of memory, {gigabytes(free)} are "
            "free. Run fewer images or steps"
        )
    parts = [f"roughly {duration(seconds)} on this machine"] if seconds >= LONG_SECONDS else []
    parts += [f"{gigabytes(memory)} of memory"] if memory >= LARGE_BYTES else []
    parts += [f"a file of up to {gigabytes(disk)}"] if disk >= LARGE_BYTES else []
    if parts:
        log.info(f"{work}: {', '.join(parts)}")


def seconds_of(operations: float, *, exact: bool = False) -> float:
    """Return the time of operations on this machine; an upper speed serves for little work."""
    if not exact and operations < FASTEST:
        return operations / FASTEST
    return operations / operations_per_second()


@functools.cache
def operations_per_second() -> float:
    """Speed of this machine in float32 products of matrices, measured in about 10 ms."""
    matrix = np.ones((512, 512), np.float32)
    best = np.inf
    for _ in range(4):
        start = time.perf_counter()
        np.matmul(matrix, matrix)
        best = min(best, time.perf_counter() - start)
    return 2 * 512**3 / best


def free_memory() -> int:
    """Memory in bytes that can be used without swapping; 2^60 if the system does not report it."""
    try:
        found = re.search(r"MemAvailable:\s+(\d+)", Path("/proc/meminfo").read_text())
    except OSError:
        found = None
    return 2**60 if found is None else int(found[1]) * 1024


def duration(seconds: float) -> str:
    """Format a rough time: 40 s, 3 min, 2.5 h, 4 days."""
    if seconds < 100:
        return f"{max(1, round(seconds, -1 if seconds > 20 else 0)):.0f} s"
    for most, unit, name in ((6000, 60, "min"), (48 * 3600, 3600, "h")):
        if seconds < most:
            value = seconds / unit
            return f"{value:.0f} {name}" if value >= 10 else f"{value:.1f} {name}"
    return f"{seconds / 86400:,.0f} days"


def gigabytes(size: float) -> str:
    """Format bytes in GB."""
    return f"{size / 1e9:,.1f} GB"
