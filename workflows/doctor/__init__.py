"""What of the toolchain works on this machine, what is missing and what to do.

Imports Python's own modules only, and nothing of ours that imports more: it answers where NumPy
or another package is broken.
"""

from ipvae.workflows.doctor.checks import diagnose
from ipvae.workflows.doctor.diagnosis import BROKEN, MISSING, OK, Diagnosis, Finding
from ipvae.workflows.progress import Listener, listening, stage

__all__ = ["BROKEN", "MISSING", "OK", "Diagnosis", "Finding", "doctor"]


def doctor(*, thorough: bool = False, progress: Listener | None = None) -> Diagnosis:
    """Look at this machine: Python, packages, Lava, Loihi 2, and what tests and reports use.

    Packages are imported in child processes, side by side, in some seconds. Nothing is asked over
    the network.

    Parameters
    ----------
    thorough : bool
        Run a step on Lava's simulator too, some seconds more.
    progress : callable, optional
        As `ipvae.run`.

    Examples
    --------
    >>> import ipvae
    >>> ipvae.doctor().ok  # doctest: +SKIP
    True
    """
    with listening(progress), stage("looking at this machine"):
        return Diagnosis(tuple(diagnose(thorough)))
