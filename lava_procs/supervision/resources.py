"""Files and shared memory of a Lava network; a one-line error where they are insufficient.

Lava detects it too late: a write to shared memory without space kills its process.
"""

import errno
import os
import resource
from typing import Any

from ipvae.environment import reason
from ipvae.errors import BackendError

SHARED_MEMORY, OPEN_FILES = "/dev/shm", "/dev/fd"
FILES_OF_A_PROCESS, FILES_OF_A_CHANNEL = 10, 2
"""Descriptors that Lava opens in the host: measured values, rounded up."""


def require_files(executable: Any, backend: str) -> None:
    """Raise BackendError if the host's limit of open files is too low to start a network."""
    channels = len(executable.channel_builders) + len(executable.sync_channel_builders)
    processes = len(executable.proc_builders) + len(executable.runtime_service_builders)
    needed = FILES_OF_A_CHANNEL * channels + FILES_OF_A_PROCESS * processes
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    used = len(os.listdir(OPEN_FILES)) if os.path.isdir(OPEN_FILES) else 0
    if most != resource.RLIM_INFINITY and used + needed > most:
        raise BackendError(
            f"backend '{backend}': Lava opens up to {needed} files for this network, and this "
            f"process may open {most}, of which {used} are open: raise the limit (ulimit -n)"
        )


def reserve(memory: Any) -> None:
    """Allocate the shared memory now; OSError if there is no space, instead of a later crash."""
    if hasattr(os, "posix_fallocate"):
        for file in memory._shared_memory_handles:
            os.posix_fallocate(file._fd, 0, file.size)


def explained(error: Exception, backend: str) -> BackendError | None:
    """Return the error for exhausted resources of the machine; None for another cause."""
    if not isinstance(error, (OSError, MemoryError)):
        return None
    if isinstance(error, FileNotFoundError) and not os.path.isdir(SHARED_MEMORY):
        remedy = f"there is no {SHARED_MEMORY}, by which its processes talk; mount one (tmpfs)"
    elif isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EACCES, errno.EROFS):
        remedy = (
            f"its processes talk by {SHARED_MEMORY}, which is full or closed to you; enlarge it "
            "(of a container: shm-size), or free it"
        )
    elif isinstance(error, MemoryError) or error.errno in (errno.ENOMEM, errno.EAGAIN):
        remedy = "this machine gives no more memory or processes; raise its limits (ulimit -a)"
    elif error.errno in (errno.EMFILE, errno.ENFILE):
        remedy = "close some"
    else:
        return None
    return BackendError(
        f"backend '{backend}': the network could not be started ({reason(error)}): {remedy}"
    )
