"""Check before long work that matplotlib can be imported, if something is to be drawn."""

import logging
import os

from ipvae.environment import reason
from ipvae.errors import InputError
from ipvae.network.io.hdf5_child import shown

BACKEND = "MPLBACKEND"
logging.getLogger("matplotlib").addHandler(logging.NullHandler())  # about its cache folder


def require_matplotlib(asked_by: str = "pictures") -> None:
    """Raise InputError, with the name of the request, if pictures cannot be drawn."""
    try:
        import matplotlib  # noqa: F401  # pyright: ignore[reportUnusedImport]
    except Exception as error:
        instead = ", or omit pictures=" if asked_by == "pictures" else ""
        raise InputError(
            f"{asked_by}: the package matplotlib cannot be imported "
            + why(error, f"install it (pip install matplotlib){instead}")
        ) from error


def why(error: Exception, install: str) -> str:
    """Return the reason why a package for drawing cannot be imported, and a remedy."""
    backend = os.environ.get(BACKEND)
    if backend and repr(backend) in str(error):
        return f"({BACKEND} is '{shown(backend)}', which it does not know); unset {BACKEND}"
    return f"({reason(error)}); {install}"
