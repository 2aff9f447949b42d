"""Long runs in shards on a Dask cluster, with the numbers of one process.

A shard is a range of images. What its neurons draw depends on the seed and on each image's index,
so it does not matter where a shard runs, nor how often: Dask runs it again if its worker dies.
"""

import logging
import signal
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from importlib.util import find_spec
from multiprocessing import resource_tracker
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from ipvae import __version__
from ipvae.errors import BackendError, HungBackendError, InputError
from ipvae.network.description import IntNetwork
from ipvae.network.traces.totals import Totals, joined
from ipvae.workflows.progress import Advance
from ipvae.workflows.running.stopping import StopChoice

if TYPE_CHECKING:
    from dask.distributed import Client

    from ipvae.emulator import Emulator, Stopped

LOCAL, NONE = "local", "none"
IMAGES = 128
"""Of a shard: small enough to keep a cluster busy, large enough for the emulator's tiles."""

LARGE = 50_000_000
"""Image-steps from which a run goes to workers of this machine by default: about a minute."""

CONNECT_SECONDS = 10
INSTALL = "pip install 'ipvae-loihi[scale]'"
LOGGERS = ("distributed", "distributed.client")  # Dask gives both a level of their own
GRAPH_WARNING = "distributed.admin.large-graph-warning-threshold"

log = logging.getLogger("ipvae")

S = TypeVar("S")
R = TypeVar("R")


def totals(
    network: IntNetwork,
    images: np.ndarray,
    n_steps: int,
    seed: int,
    scheduler: str | None,
    at: Sequence[int] = (),
    progress: Advance | None = None,
) -> Totals:
    """Run as `ipvae.emulator.Emulator.totals` does, to the same numbers, here or on a cluster.

    Parameters
    ----------
    network, images, n_steps, seed, at
        As there.
    scheduler : str, optional
        As `spread`, or 'none'; without it large runs are spread over this machine, others not.
    progress : callable, optional
        Gets the number of images that each finished shard had.

    Raises
    ------
    InputError, BackendError, HungBackendError
        As `spread`; and what `Emulator.totals` raises.
    """
    emulator = _emulator(network)
    scheduler = where(scheduler, len(images), n_steps)
    if scheduler is None:
        return emulator.totals(images, n_steps, seed, at=at, progress=progress)
    act = _Run(without_images(network), n_steps, seed, tuple(at))
    return joined(on_shards(act, images, scheduler, progress))


def totals_at(
    network: IntNetwork,
    images: np.ndarray,
    steps: Sequence[int],
    seed: int,
    scheduler: str | None,
    progress: Advance | None = None,
) -> dict[int, Totals]:
    """Totals after each of some numbers of steps of one run, here or on a cluster; as `totals`."""
    from ipvae.emulator import totals_at as emulated_at

    emulator = _emulator(network)
    scheduler = where(scheduler, len(images), max(steps))
    if scheduler is None:
        return emulated_at(emulator, images, steps, seed, progress=progress)
    act = _RunToEach(without_images(network), tuple(steps), seed)
    parts = on_shards(act, images, scheduler, progress)
    return {step: joined([part[step] for part in parts]) for step in parts[0]}


def stopped(
    network: IntNetwork,
    images: np.ndarray,
    budget: int,
    seed: int,
    scheduler: str | None,
    choice: StopChoice,
    progress: Advance | None = None,
) -> "Stopped":
    """Run until each image has settled, to the same numbers, here or on a cluster; as `totals`."""
    from ipvae.emulator.early_stopping import joined_stops

    emulator = _emulator(network)
    choice.rule(network, images[:0])  # a rule that does not fit the network is told here
    scheduler = where(scheduler, len(images), budget)
    if scheduler is None:
        return choice.run(emulator, images, budget, seed, progress=progress)
    act = _RunUntilSettled(without_images(network), budget, seed, choice)
    return joined_stops(on_shards(act, images, scheduler, progress))


def _emulator(network: IntNetwork, threads: int | None = None) -> "Emulator":
    """Emulator in this process, imported late: it loads a compiler."""
    from ipvae.emulator import Emulator

    return Emulator(network, threads, tell=log.info if threads is None else None)


def processors() -> int:
    """Processors that this process may use."""
    from ipvae.emulator.engine import processors as found

    return found()


def where(
    scheduler: str | None, n_images: int, n_steps: int, tell: Callable[[str], None] = log.info
) -> str | None:
    """Cluster of a run, or None for this process; what the user did not choose is told."""
    if scheduler is not None:
        return None if scheduler == NONE else scheduler
    large = n_images * n_steps >= LARGE and n_images > IMAGES
    if large and processors() > 1 and find_spec("distributed") is not None:
        tell(
            f"{n_images} images x {n_steps} steps: run by worker processes of this machine; "
            f"scheduler={NONE} keeps them here"
        )
        return LOCAL
    return None


def without_images(network: IntNetwork) -> IntNetwork:
    """Return the network without the images in its file, which no shard needs."""
    return replace(
        network, test_images=network.test_images[:0], test_labels=network.test_labels[:0]
    )


def shards_of(images: np.ndarray) -> "list[Shard]":
    """Split the images of a run: (N, M)."""
    return [Shard(i, images[i : i + IMAGES]) for i in range(0, len(images), IMAGES)]


def on_shards(
    act: "Callable[[Shard], R]", images: np.ndarray, scheduler: str, progress: Advance | None
) -> "list[R]":
    """Spread the images of a run; progress gets the number that each finished shard had."""
    tell = None if progress is None else (lambda shard: progress(len(shard.pixels)))
    return spread(act, shards_of(images), scheduler, tell)


@dataclass(frozen=True, eq=False)
class Shard:
    """Pixels (N, M), and the index of the first image in its run."""

    first: int
    pixels: np.ndarray


@dataclass(frozen=True, eq=False)
class _Run:
    """What is done with each shard."""

    network: IntNetwork
    n_steps: int
    seed: int
    at: tuple[int, ...]

    def __call__(self, shard: Shard) -> Totals:
        emulator = _emulator(self.network, 1)  # a worker for each processor
        return emulator.totals(shard.pixels, self.n_steps, self.seed, shard.first, at=self.at)


@dataclass(frozen=True, eq=False)
class _RunToEach:
    """The same, with totals after each of some numbers of steps."""

    network: IntNetwork
    steps: tuple[int, ...]
    seed: int

    def __call__(self, shard: Shard) -> dict[int, Totals]:
        from ipvae.emulator import totals_at as emulated_at

        emulator = _emulator(self.network, 1)
        return emulated_at(emulator, shard.pixels, self.steps, self.seed, shard.first)


@dataclass(frozen=True, eq=False)
class _RunUntilSettled:
    """The same where images stop alone."""

    network: IntNetwork
    budget: int
    seed: int
    choice: StopChoice

    def __call__(self, shard: Shard) -> "Stopped":
        emulator = _emulator(self.network, 1)
        return self.choice.run(emulator, shard.pixels, self.budget, self.seed, shard.first)


def spread(
    function: Callable[[S], R],
    shards: Sequence[S],
    scheduler: str,
    progress: Callable[[S], None] | None = None,
) -> list[R]:
    """Call a function with each shard on a Dask cluster; a shard whose worker dies is run again.

    Parameters
    ----------
    function : callable
        Gives the same result whenever it is called with the same shard; pickled, as shards and
        results are.
    shards : sequence
    scheduler : str
        Address, or 'local' for a worker process on each processor of this machine, for this call.
    progress : callable, optional
        Gets each shard when its result is here.

    Returns
    -------
    Results in the order of the shards.

    Raises
    ------
    BackendError
        If Dask is not installed, or a worker has another version of this project, or none.
    InputError
        If there is no scheduler at the address, or one without workers.
    HungBackendError
        If the scheduler is lost, or a shard has ended several workers.
    """
    distributed, dask = _dask()
    with (
        _quiet(),
        _one_line(scheduler, distributed),
        dask.config.set({GRAPH_WARNING: "1 TiB"}),
        _connected(scheduler, distributed) as client,
    ):
        shared = client.submit(_same, function, pure=False)
        waiting = {
            client.submit(_act, shared, shard, __version__, pure=False): i
            for i, shard in enumerate(shards)
        }
        found: dict[int, R] = {}
        for future, result in distributed.as_completed(list(waiting), with_results=True):
            if isinstance(result, BaseException):
                raise result
            i = waiting[future]
            found[i] = result
            future.release()
            if progress is not None:
                progress(shards[i])
    return [found[i] for i in range(len(shards))]


def _same(function: Callable) -> Callable:
    """Make what all shards share a result of its own: sent once, made again if it is lost."""
    return function


def _act(function: Callable[[S], R], shard: S, version: str) -> R:
    """On a worker: run a shard, by the same code as its sender's."""
    if version != __version__:
        from dask.distributed import get_worker

        raise BackendError(
            f"worker {get_worker().address}: found ipvae-loihi {__version__}, needed is {version} "
            "as here; install it there"
        )
    return function(shard)


def _dask() -> tuple[Any, Any]:
    """Modules `dask.distributed` and `dask`, where they are installed."""
    try:
        import dask.distributed
    except ImportError as error:
        raise BackendError(
            f"scheduler: Dask is not installed ({error}); install it with {INSTALL}, or leave "
            "it away"
        ) from error
    return dask.distributed, dask


@contextmanager
def _connected(scheduler: str, distributed: Any) -> "Iterator[Client]":
    """Client of a scheduler with workers; what is started for it ends with it."""
    with ExitStack() as stack:
        if scheduler == LOCAL:
            cluster = stack.enter_context(local_cluster(processors()))
            yield stack.enter_context(distributed.Client(cluster))
            return
        try:
            client = stack.enter_context(distributed.Client(scheduler, timeout=CONNECT_SECONDS))
        except (OSError, ValueError, TypeError, MemoryError, distributed.TimeoutError) as error:
            raise InputError(
                f"scheduler: no Dask scheduler answers at '{scheduler}' ({error}); give its "
                f"address, such as tcp://host:8786, or {LOCAL}"
            ) from error
        try:
            client.wait_for_workers(1, timeout=CONNECT_SECONDS)
        except distributed.TimeoutError as error:
            raise InputError(
                f"scheduler: {scheduler} has no worker; start some with 'dask worker {scheduler}'"
            ) from error
        yield client


@contextmanager
def local_cluster(n_workers: int) -> Iterator[Any]:
    """Dask scheduler and worker processes on this machine, which nothing else can reach."""
    distributed, dask = _dask()
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="ipvae-"))
        stack.enter_context(dask.config.set({"temporary-directory": folder}))
        with _interrupts_held():
            cluster = distributed.LocalCluster(
                n_workers=n_workers,
                threads_per_worker=1,
                host="127.0.0.1",
                dashboard_address="127.0.0.1:0",  # any port; None would take Dask's own and warn
                scheduler_kwargs={"dashboard": False},
                silence_logs=logging.CRITICAL,
            )
            stack.enter_context(cluster)
        yield cluster


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Keep Ctrl-C from what is started here: threads, and the processes that they start ever after.

    This process gets it at the end; it then ends the others in order.
    """
    resource_tracker.ensure_running()  # its start would let SIGINT through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Dask's log from the terminal: what ends the run is said in one line."""
    loggers = [logging.getLogger(name) for name in LOGGERS]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


@contextmanager
def _one_line(scheduler: str, distributed: Any) -> Iterator[None]:
    """Turn what can end a run on a cluster into errors of ours."""
    try:
        yield
    except distributed.KilledWorker as error:
        raise HungBackendError(
            f"scheduler={scheduler}: workers died one after another on the same images; they may "
            "lack memory, see their logs"
        ) from error
    except ImportError as error:
        raise BackendError(
            f"scheduler={scheduler}: a worker cannot load the code ({error}); install "
            f"ipvae-loihi {__version__} there"
        ) from error
    except (OSError, distributed.CancelledError) as error:
        raise HungBackendError(
            f"scheduler={scheduler}: the scheduler was lost while shards ran; start it and "
            "run again"
        ) from error
