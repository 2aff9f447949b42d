"""Diagnosis of the toolchain on this machine, with advice on missing parts.

The package imports only the standard library and modules of ipvae that do the same, so it works
even if NumPy or another package is broken.
"""

from ipvae.workflows.doctor.checks import diagnose
from ipvae.workflows.doctor.diagnosis import BROKEN, MISSING, OK, Diagnosis, Finding
from ipvae.workflows.progress import Listener, listening, stage

__all__ = ["BROKEN", "MISSING", "OK", "Diagnosis", "Finding", "doctor"]


def doctor(*, thorough: bool = False, progress: Listener | None = None) -> Diagnosis:
    """Check this machine: Python, packages, Lava, Loihi 2, and tools for tests and reports.

    Packages are imported in parallel child processes, which takes some seconds. There is no
    network access.

    Parameters
    ----------
    thorough : bool
        Also run one step on Lava's simulator, which takes some more seconds.
    progress : callable, optional
        As for `ipvae.run`.

    Examples
    --------
    >>> import ipvae
    >>> ipvae.doctor().ok  # doctest: +SKIP
    True
    """
    with listening(progress), stage("looking at this machine"):
        return Diagnosis(tuple(diagnose(thorough)))
