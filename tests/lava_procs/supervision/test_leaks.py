"""Neither images nor networks built one after another use up anything."""

import gc
import logging
import os
import threading
from pathlib import Path

import numpy as np
import pytest

from ipvae.lava_procs.runner import LavaRunner
from ipvae.network.rules import random_source
from ipvae.network.rules.drive import drive

pytestmark = [
    pytest.mark.lava(),
    pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs Linux's /proc"),
]

MEBIBYTE = 2**20
BATCHES = 3
"""Equal parts of a run. What leaks grows in each of them; a huge page, 2 MiB that the kernel gives
at once, in one."""
GROWTH = 2 * MEBIBYTE // BATCHES
"""Bytes that the part with the least growth stays below."""


def resident(pid):
    """Bytes of memory that a process has in use."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def shared_memory(runner):
    """Files of shared memory of a network."""
    handles = runner._runtime._messaging_infrastructure.smm._shared_memory_handles
    return {Path("/dev/shm") / handle.name for handle in handles}


def children():
    return sorted(
        int(pid)
        for task in Path("/proc/self/task").iterdir()
        for pid in (task / "children").read_text().split()
    )


def networks():
    """Networks of Lava that are still in memory."""
    from ipvae.lava_procs.procs.layered_network.process import LayeredNetwork

    gc.collect()
    return sum(type(one) is LayeredNetwork for one in gc.get_objects())


def log_handlers():
    loggers = [logging.root, *logging.Logger.manager.loggerDict.values()]
    return sum(len(getattr(logger, "handlers", ())) for logger in loggers)


def counted():
    """What a process may leak, as numbers that must not grow."""
    return {
        "descriptors": len(os.listdir("/proc/self/fd")),
        "threads": threading.active_count(),
        "system threads": len(os.listdir("/proc/self/task")),
        "children": len(children()),
        "log handlers": log_handlers(),
    }


def run_images(runner, network, first, number):
    b = drive(network, network.test_images)
    for i in range(first, first + number):
        runner.run_image({"1": b[i % len(b)]}, random_source.image_key(0, i))


@pytest.mark.parametrize("n_images", [60, pytest.param(1200, marks=pytest.mark.long())])
def test_images_leak_nothing(make_network, n_images):
    network = make_network()
    with LavaRunner(network, 5) as runner:
        run_images(runner, network, 0, 20)
        before, files = counted(), shared_memory(runner)
        sizes = {path: path.stat().st_size for path in files}
        pids = [os.getpid(), *children()]
        memory = [[resident(pid) for pid in pids]]
        for batch in range(BATCHES):
            size = n_images // BATCHES
            run_images(runner, network, 20 + batch * size, size)
            memory.append([resident(pid) for pid in pids])
        assert counted() == before
        assert {path: path.stat().st_size for path in shared_memory(runner)} == sizes
        growth = np.diff(memory, axis=0)
        print(f"{n_images} images: {before}, {len(files)} files, bytes grown by {growth}")
        assert growth.min(axis=0).max() < GROWTH
    assert not [path for path in files if path.exists()]


@pytest.mark.parametrize("n_cycles", [3, pytest.param(51, marks=pytest.mark.long())])
def test_networks_built_one_after_another_leak_nothing(make_network, n_cycles):
    network, files, before, kept, memory = make_network(), set(), {}, 0, []
    runner = None
    for cycle in range(3 + n_cycles):
        del runner
        if cycle == 3:  # what Lava and multiprocessing keep from the first ones
            kept, before = networks(), counted()
        if cycle >= 3 and (cycle - 3) % (n_cycles // BATCHES) == 0:
            memory.append(resident(os.getpid()))
        with LavaRunner(network, 5) as runner:
            run_images(runner, network, 0, 1)
            files |= shared_memory(runner)
    del runner
    assert networks() == kept
    growth = np.diff([*memory, resident(os.getpid())])
    assert len(growth) == BATCHES
    print(f"{n_cycles} cycles: {counted()}, {len(files)} files, bytes grown by {growth}")
    assert len(files) > 10 * n_cycles
    assert not [path for path in files if path.exists()]
    assert counted() == before
    assert growth.min() < GROWTH
