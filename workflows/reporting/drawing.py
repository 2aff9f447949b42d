"""Matplotlib, where something is to be drawn: absent, broken or misled, it is named before work."""

import logging
import os

from ipvae.environment import reason
from ipvae.errors import InputError
from ipvae.network.io.hdf5_child import shown

BACKEND = "MPLBACKEND"
logging.getLogger("matplotlib").addHandler(logging.NullHandler())  # of folders for its cache


def require_matplotlib(asked_by: str = "pictures") -> None:
    """Raise InputError, which names what asks for it, if pictures cannot be drawn."""
    try:
        import matplotlib  # noqa: F401  # pyright: ignore[reportUnusedImport]
    except Exception as error:
        instead = ", or omit pictures=" if asked_by == "pictures" else ""
        raise InputError(
            f"{asked_by}: the package matplotlib cannot be imported "
            + why(error, f"install it (pip install matplotlib){instead}")
        ) from error


def why(error: Exception, install: str) -> str:
    """Return why a package that draws cannot be imported, and what to do."""
    backend = os.environ.get(BACKEND)
    if backend and repr(backend) in str(error):
        return f"({BACKEND} is '{shown(backend)}', which it does not know); unset {BACKEND}"
    return f"({reason(error)}); {install}"
