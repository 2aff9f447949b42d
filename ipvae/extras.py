"""What not every installation has: which extra of the package brings it.

with needs("nir", "NIR files"):
    import nir
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from ipvae.errors import InputError

PACKAGE = "ipvae-loihi"


def install(extra: str) -> str:
    """Return the command that installs the package with an extra."""
    return f"pip install '{PACKAGE}[{extra}]'"


LAVA = {"lava": ("lava-nc==0.10.0",), "lava-dl": ("lava-nc==0.10.0", "lava-dl==0.6.0")}


def install_lava(extra: str) -> str:
    """Return the command that installs the package with extra `lava` or `lava-dl`.

    Lava's own metadata allow Python 3.10 alone, so on others pip is told to ignore that.
    """
    if sys.version_info < (3, 11):
        return install(extra)
    whole = " ".join(LAVA[extra])
    return f"{install(extra)}; pip install --no-deps --ignore-requires-python {whole}"


@contextmanager
def needs(extra: str, what: str) -> Iterator[None]:
    """Turn a failed import into one line that says what to install.

    Raises
    ------
    InputError
        If something inside cannot be imported.
    """
    try:
        yield
    except ImportError as error:
        raise InputError(
            f"{what}: a package that this needs cannot be imported ({error}); install it with "
            f"{install(extra)}"
        ) from error
