"""Optional dependencies, and the extras of the package that install them.

with needs("nir", "NIR files"):
    import nir
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from ipvae.errors import InputError

PACKAGE = "ipvae-loihi"


def install(extra: str) -> str:
    """Return the command that installs this package with an extra."""
    return f"pip install '{PACKAGE}[{extra}]'"


LAVA = {"lava": ("lava-nc==0.10.0",), "lava-dl": ("lava-nc==0.10.0", "lava-dl==0.6.0")}


def install_lava(extra: str) -> str:
    """Return the command that installs this package with extra `lava` or `lava-dl`.

    Lava's metadata allow Python 3.10 only; for other versions pip must ignore this requirement.
    """
    if sys.version_info < (3, 11):
        return install(extra)
    whole = " ".join(LAVA[extra])
    return f"{install(extra)}; pip install --no-deps --ignore-requires-python {whole}"


@contextmanager
def needs(extra: str, what: str) -> Iterator[None]:
    """Turn a failed import into an error with the command that installs the package.

    Raises
    ------
    InputError
        If an import inside the context fails.
    """
    try:
        yield
    except ImportError as error:
        raise InputError(
            f"{what}: a package that this needs cannot be imported ({error}); install it with "
            f"{install(extra)}"
        ) from error
