"""A `Network` from what a public function received."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ipvae.network.io.lava_dl_file import SUFFIX, is_plain
from ipvae.network.network import Network
from ipvae.workflows.kinds.frames import UNNAMED


@dataclass(frozen=True, eq=False)
class NamedNetwork:
    """A network and its name in messages."""

    given: Network
    name: str


def any_network(given: Any, name: str = UNNAMED) -> NamedNetwork | None:
    """Return a `Network` with this name, or the one in a lava-dl file; None for anything else.

    Raises
    ------
    FormatError
        If a file of lava-dl's layout cannot be read.
    """
    if isinstance(given, Network):
        return NamedNetwork(given, name)
    if not isinstance(given, (str, Path)):
        return None
    path = Path(given)
    if path.is_dir() or path.suffix not in (SUFFIX, ".h5") or not is_plain(path):
        return None
    from ipvae.workflows.networks import load_lava_dl

    return NamedNetwork(load_lava_dl(path), str(given))
