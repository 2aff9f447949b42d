"""Search for a Loihi 2 board as in Lava's own examples: Intel's extension, then a host.

Environment variables select the host. `SLURM`, `PARTITION` and `BOARD` describe a SLURM
controller's, `NXSDKHOST` and `HOST_BINARY` one on the network. `NOSLURM` excludes SLURM, and
`LOIHI_GEN` is the chip's generation. An earlier call of `lava.utils.loihi.use_slurm_host` or
`use_ethernet_host` has priority.
"""

import importlib.util
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ipvae.errors import BackendError
from ipvae.lava_procs.importing import import_lava

EXTENSION = "lava.utils.loihi2_profiler"
"""Module that only Intel's extension contains; public Lava uses it for the same test."""

PARTS = (
    "lava.magma.core.model.nc.model",
    "lava.magma.core.model.c.model",
    "lava.magma.compiler.subcompilers.nc.ncproc_compiler",
)
"""Other modules of the extension that a network on neuro-cores needs."""

DEFAULT_GENERATION = "N3B3"
DEFAULT_BINARY = "nxcore/bin/nx_driver_server"
GUIDE = "docs/loihi2.md"


@dataclass(frozen=True)
class Board:
    """Host for Lava to use.

    Attributes
    ----------
    kind : 'SLURM' or 'ETHERNET', as in `lava.utils.loihi.host`
    where : address, node or partition; 'any partition' where SLURM chooses
    generation : generation of the chip
    """

    kind: str
    where: str
    generation: str


def failed(text: str) -> BackendError:
    """Return an error of this backend."""
    return BackendError(f"backend 'loihi2': {text}")


def has_module(name: str) -> bool:
    """Return True if a module can be found; only its parent packages are executed."""
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def require_extension() -> None:
    """Raise BackendError unless Intel's extension is installed with all required modules."""
    import_lava()
    from lava.utils import loihi

    if not loihi.is_installed(EXTENSION):
        raise failed(
            f"Intel's extension lava-loihi is missing (no module {EXTENSION}); members of the "
            f"Intel Neuromorphic Research Community get it, and access to a board ({GUIDE}). "
            "backend=lava is the CPU simulator"
        )
    for name in PARTS:
        if not has_module(name):
            raise failed(
                f"Intel's extension lava-loihi is incomplete (no module {name}); install the "
                f"release of it that belongs to lava-nc 0.10.0 ({GUIDE})"
            )


def find_board() -> Board:
    """Choose a host and configure Lava for it.

    Returns
    -------
    Board

    Raises
    ------
    BackendError
        If the extension is missing or incomplete, or no host answers; the message names the cause.
    """
    require_extension()
    from lava.utils import loihi

    generation = _generation(loihi)
    if loihi.host is not None:
        return Board(loihi.host, _chosen(), generation.value)
    slurm, no_slurm = (os.environ.get(name) == "1" for name in ("SLURM", "NOSLURM"))
    address = os.environ.get("NXSDKHOST")
    if slurm and no_slurm:
        raise failed("found both SLURM=1 and NOSLURM=1, allowed is one of them; unset the other")
    if no_slurm or (address and not slurm):
        return _ethernet(loihi, address, generation)
    if slurm or "PARTITION" in os.environ or "BOARD" in os.environ or _controller_answers():
        return _slurm(loihi, generation)
    raise failed(
        "no board: neither SLURM, PARTITION, BOARD nor NXSDKHOST is set, and no SLURM controller "
        f"answers here (sinfo); set SLURM=1, or NXSDKHOST to the address of a host ({GUIDE})"
    )


def _generation(loihi: Any) -> Any:
    """Return the chip's generation, from LOIHI_GEN."""
    name = os.environ.get("LOIHI_GEN", DEFAULT_GENERATION)
    allowed = [g.value for g in loihi.ChipGeneration]
    if name not in allowed:
        raise failed(f"LOIHI_GEN: found '{name}', allowed {', '.join(allowed)}; set one of them")
    return loihi.ChipGeneration(name)


def _chosen() -> str:
    """Return the location of a host chosen earlier, from Lava's environment variables."""
    for name in ("NXSDKHOST", "BOARD", "PARTITION"):
        if name in os.environ:
            return os.environ[name]
    return "any partition"


def _controller_answers() -> bool:
    from lava.utils import slurm

    return _ran(slurm.is_available)


def _ran(command: Callable[[], bool]) -> bool:
    """Run one of Lava's commands; return False if its program is missing."""
    try:
        return bool(command())
    except OSError:
        return False


def _ethernet(loihi: Any, address: str | None, generation: Any) -> Board:
    """Use a host on the network."""
    if not address:
        raise failed(
            "NOSLURM=1 without NXSDKHOST: set NXSDKHOST to the address of the board's host"
        )
    binary = os.environ.get("HOST_BINARY", DEFAULT_BINARY)
    try:
        loihi.use_ethernet_host(address, binary, generation)
    except (ValueError, OSError) as error:
        raise failed(
            f"host NXSDKHOST={address} does not answer a ping within a second; check the address "
            "and the network"
        ) from error
    return Board("ETHERNET", address, generation.value)


def _slurm(loihi: Any, generation: Any) -> Board:
    """Use a SLURM controller, with the given partition or node."""
    from lava.utils import slurm

    if not _ran(slurm.is_available):
        raise failed(
            "SLURM, PARTITION or BOARD is set, but no SLURM controller answers here (sinfo); log "
            "in where sinfo lists the boards, or set NXSDKHOST in their place"
        )
    partition, board = os.environ.get("PARTITION"), os.environ.get("BOARD")
    with _readable_sinfo():
        _require_up("PARTITION", partition, {p.name: p.state for p in slurm.get_partitions()})
        _require_up("BOARD", board, {b.nodename: b.state for b in slurm.get_boards()})
        try:
            loihi.use_slurm_host(partition, board, generation)
        except ValueError as error:
            if not board:
                raise failed(f"SLURM has no host for Loihi ({error}); see sinfo") from error
            raise failed(
                f"BOARD={board} is not in PARTITION={partition} ({error}); set one of them"
            ) from error
    return Board("SLURM", board or partition or "any partition", generation.value)


@contextmanager
def _readable_sinfo() -> Iterator[None]:
    """Remove the empty last line of sinfo's output, at which Lava fails with IndexError.

    Raises
    ------
    BackendError
        If a line has fewer columns than Lava reads.
    """
    from lava.utils import slurm

    run = slurm.try_run_command
    slurm.try_run_command = lambda command: [line for line in run(command) if line.strip()]
    try:
        yield
    except IndexError as error:
        raise failed(
            "what sinfo prints has fewer columns than Lava reads; log in where sinfo lists the "
            f"boards, or set NXSDKHOST in its place ({GUIDE})"
        ) from error
    finally:
        slurm.try_run_command = run


def _require_up(variable: str, name: str | None, states: dict[str, str]) -> None:
    """Raise BackendError unless sinfo lists a variable's partition or node, and not as down."""
    if name is None or "down" not in states.get(name, "down"):
        return
    found = "is down" if name in states else "is not there"
    up = [n for n, state in states.items() if "down" not in state]
    default = " (* marks the default: unset PARTITION for it)" if any("*" in n for n in up) else ""
    raise failed(
        f"{variable}={name} {found}, allowed {', '.join(up) or 'none, all are down'}{default}; "
        "see sinfo"
    )
