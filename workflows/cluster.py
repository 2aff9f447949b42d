"""Long runs in shards on a Dask cluster, with the same results as in one process.

A shard is a range of images. Random draws depend only on the seed and the index of each image, so
a shard gives the same result on any worker. Dask runs it again if its worker dies.
"""

import gc
import logging
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from ipvae import __version__
from ipvae.errors import BackendError, HungBackendError, InputError
from ipvae.network.description import IntNetwork
from ipvae.network.traces.totals import Totals, joined
from ipvae.workflows.progress import Advance
from ipvae.workflows.running.interrupts import interrupts_held
from ipvae.workflows.running.stopping import StopChoice

if TYPE_CHECKING:
    from dask.distributed import Client

    from ipvae.emulator import Emulator, Stopped

LOCAL, NONE = "local", "none"
IMAGES = 128
"""Images of a shard: few enough to load all workers, enough to fill tiles of the emulator."""

LARGE = 50_000_000
"""Image-steps from which a run uses local workers by default: about one minute of work."""

CONNECT_SECONDS = 10
INSTALL = "pip install 'ipvae-loihi[scale]'"
LOGGERS = ("distributed", "distributed.client")  # Dask sets a level for both
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
    """Return the totals of `ipvae.emulator.Emulator.totals`, run here or on a cluster.

    Parameters
    ----------
    network, images, n_steps, seed, at
        As in `Emulator.totals`.
    scheduler : str, optional
        As `spread`, or 'none'. By default only large runs are spread over this machine.
    progress : callable, optional
        Receives the number of images of each finished shard.

    Raises
    ------
    InputError, BackendError, HungBackendError
        As `spread` and `Emulator.totals`.
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
    """Return totals after several numbers of steps of one run; arguments as `totals`."""
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
    """Run each image until it converges, here or on a cluster; arguments as `totals`."""
    from ipvae.emulator.early_stopping import joined_stops

    emulator = _emulator(network)
    choice.rule(network, images[:0])  # raises here if the rule does not suit the network
    scheduler = where(scheduler, len(images), budget)
    if scheduler is None:
        return choice.run(emulator, images, budget, seed, progress=progress)
    act = _RunUntilSettled(without_images(network), budget, seed, choice)
    return joined_stops(on_shards(act, images, scheduler, progress))


def _emulator(network: IntNetwork, threads: int | None = None) -> "Emulator":
    """Emulator in this process; the import is late because it loads a compiler."""
    from ipvae.emulator import Emulator

    return Emulator(network, threads, on_message=log.info if threads is None else None)


def processors() -> int:
    """Number of processors that this process may use."""
    from ipvae.emulator.engine import processors as found

    return found()


def where(
    scheduler: str | None, n_images: int, n_steps: int, notify: Callable[[str], None] = log.info
) -> str | None:
    """Scheduler of a run, or None for this process; log a choice that the user did not make."""
    if scheduler is not None:
        return None if scheduler == NONE else scheduler
    large = n_images * n_steps >= LARGE and n_images > IMAGES
    if large and processors() > 1 and find_spec("distributed") is not None:
        notify(
            f"{n_images} images x {n_steps} steps: run by worker processes of this machine; "
            f"scheduler={NONE} keeps them here"
        )
        return LOCAL
    return None


def without_images(network: IntNetwork) -> IntNetwork:
    """Return the network without its stored images, which shards do not need."""
    return replace(
        network, test_images=network.test_images[:0], test_labels=network.test_labels[:0]
    )


def shards_of(images: np.ndarray) -> "list[Shard]":
    """Split the images (N, M) of a run into shards."""
    return [Shard(i, images[i : i + IMAGES]) for i in range(0, len(images), IMAGES)]


def on_shards(
    act: "Callable[[Shard], R]", images: np.ndarray, scheduler: str, progress: Advance | None
) -> "list[R]":
    """Spread the images of a run; `progress` receives the image count of each finished shard."""
    report_progress = None if progress is None else (lambda shard: progress(len(shard.pixels)))
    return spread(act, shards_of(images), scheduler, report_progress)


@dataclass(frozen=True, eq=False)
class Shard:
    """Pixels (N, M), and the index of the first image in the run."""

    first: int
    pixels: np.ndarray


@dataclass(frozen=True, eq=False)
class _Run:
    """Function that runs each shard."""

    network: IntNetwork
    n_steps: int
    seed: int
    at: tuple[int, ...]

    def __call__(self, shard: Shard) -> Totals:
        emulator = _emulator(self.network, 1)  # each processor has a worker
        return emulator.totals(shard.pixels, self.n_steps, self.seed, shard.first, at=self.at)


@dataclass(frozen=True, eq=False)
class _RunToEach:
    """Function that runs each shard, with totals after several numbers of steps."""

    network: IntNetwork
    steps: tuple[int, ...]
    seed: int

    def __call__(self, shard: Shard) -> dict[int, Totals]:
        from ipvae.emulator import totals_at as emulated_at

        emulator = _emulator(self.network, 1)
        return emulated_at(emulator, shard.pixels, self.steps, self.seed, shard.first)


@dataclass(frozen=True, eq=False)
class _RunUntilSettled:
    """Function that runs each shard with early stopping of each image."""

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
    """Call a function with each shard on a Dask cluster, again if the worker of a shard dies.

    Parameters
    ----------
    function : callable
        Must give the same result for each call with the same shard. The function, shards and
        results are pickled.
    shards : sequence
    scheduler : str
        Address, or 'local' for one temporary worker process per processor of this machine.
    progress : callable, optional
        Receives each shard when its result has arrived.

    Returns
    -------
    Results in the order of the shards.

    Raises
    ------
    BackendError
        If Dask is not installed, or a worker lacks this version of the project.
    InputError
        If there is no scheduler at the address, or it has no workers.
    HungBackendError
        If the scheduler is lost, or several workers died on one shard.
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
    """Return the function as a shared Dask result: sent once, and recomputed if it is lost."""
    return function


def _act(function: Callable[[S], R], shard: S, version: str) -> R:
    """Run a shard on a worker, which must have the same version as the sender."""
    if version != __version__:
        from dask.distributed import get_worker

        raise BackendError(
            f"worker {get_worker().address}: found ipvae-loihi {__version__}, allowed {version} "
            "as here; install it there"
        )
    return function(shard)


def _dask() -> tuple[Any, Any]:
    """Modules `dask.distributed` and `dask`; raise BackendError if they are not installed."""
    try:
        import dask.distributed
    except ImportError as error:
        raise BackendError(
            f"scheduler: Dask is not installed ({error}); install it with {INSTALL}, or omit it"
        ) from error
    return dask.distributed, dask


@contextmanager
def _connected(scheduler: str, distributed: Any) -> "Iterator[Client]":
    """Client of a scheduler with workers; processes started for it end with the context."""
    with ExitStack() as stack:
        if scheduler == LOCAL:
            cluster = stack.enter_context(local_cluster(processors()))
            yield stack.enter_context(distributed.Client(cluster))
            return
        client = failure = None
        try:
            client = stack.enter_context(distributed.Client(scheduler, timeout=CONNECT_SECONDS))
        except (OSError, ValueError, TypeError, MemoryError, distributed.TimeoutError) as error:
            failure = str(error)
        if client is None:
            gc.collect()  # closes it now; a collection inside Dask's lock would wait for that lock
            raise InputError(
                f"scheduler: no Dask scheduler answers at '{scheduler}' ({failure}); give its "
                f"address, such as tcp://host:8786, or {LOCAL}"
            )
        try:
            client.wait_for_workers(1, timeout=CONNECT_SECONDS)
        except distributed.TimeoutError as error:
            raise InputError(
                f"scheduler: {scheduler} has no worker; start some with 'dask worker {scheduler}'"
            ) from error
        yield client


@contextmanager
def local_cluster(n_workers: int) -> Iterator[Any]:
    """Private Dask scheduler and worker processes on this machine."""
    distributed, dask = _dask()
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="ipvae-"))
        stack.enter_context(dask.config.set({"temporary-directory": folder}))
        with interrupts_held():
            cluster = distributed.LocalCluster(
                n_workers=n_workers,
                threads_per_worker=1,
                host="127.0.0.1",
                dashboard_address="127.0.0.1:0",  # any port; None would warn
                scheduler_kwargs={"dashboard": False},
                silence_logs=logging.CRITICAL,
            )
            stack.enter_context(cluster)
        yield cluster


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence Dask's log on the terminal; an error of the run is reported in one line."""
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
    """Turn exceptions of a run on a cluster into ipvae errors."""
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
