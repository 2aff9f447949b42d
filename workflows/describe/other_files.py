"""Recognition of files and folders of the wrong kind, with advice on their use."""

import zipfile
from dataclasses import dataclass
from pathlib import Path

from ipvae.errors import CheckpointError, FormatError
from ipvae.network.io.hdf5_child import shown

NETWORK, MODEL, TRACE, GRAPH = "network", "model", "trace", "graph"
_HEAD_BYTES = 1 << 16
_HDF5 = b"\x89HDF\r\n\x1a\n"
_NETWORK_MARK = b"ipvae-loihi network"
_TRACE_MARK = b"network_checksum"
"""Name of an attribute, which HDF5 writes near the start of the file."""
_PICTURES = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".gif"})
_NEXT = {
    NETWORK: "is a network file; ipvae.describe('{0}') describes it, ipvae.run('{0}') runs it",
    MODEL: "is a trained model; make a network of it with ipvae.quantize('{0}')",
    TRACE: (
        "is a trace, what a run recorded; ipvae.describe('{0}') shows its network, "
        "ipvae.diff('{0}', 'OTHER.h5') compares two"
    ),
    GRAPH: (
        "is an imported spiking network; make integers of it with ipvae.quantize('{0}', "
        "images='IMAGES.npy')"
    ),
    "images": "holds images; use them with ipvae.evaluate('NET.h5', images='{0}')",
    "arrays": "holds arrays; if they describe a model, ipvae.import_model('{0}') reads them",
    "checkpoint": "is a checkpoint of PyTorch; ipvae.import_model('{0}') makes a model of it",
    "report": "is a report of ipvae.make_report; open {0}/index.html",
    "comparison": "is a comparison of ipvae.compare; look at {0}/compare.png",
    "figures": "holds figures that a command wrote as JSON; nothing can be run from them",
}


@dataclass(frozen=True)
class KnownFile:
    """A file or folder of a known kind that other commands use.

    Attributes
    ----------
    kind : NETWORK, MODEL, TRACE, or another key of the table of next commands
    path : Path
    """

    kind: str
    path: Path

    @property
    def text(self) -> str:
        """Kind of the file, and the command for it."""
        return _NEXT[self.kind].format(shown(str(self.path)))


def known_file(path: str | Path) -> KnownFile | None:
    """Recognise a file by its first bytes, or a folder by the names in it; None if unknown.

    The contents are not validated: a reader may still find that the file is damaged.
    """
    place = Path(path)
    try:
        kind = _folder_kind(place) if place.is_dir() else _file_kind(place)
    except OSError:
        return None
    return None if kind is None else KnownFile(kind, place)


def refuse_other(path: str | Path, wanted: str, remedy: str = "") -> None:
    """Raise an error that names the kind of a file, if it is known and not the wanted one.

    Parameters
    ----------
    path : str or Path
    wanted : NETWORK, MODEL or TRACE
    remedy : str
        Advice in place of the next command of the kind.

    Raises
    ------
    FormatError, CheckpointError
        The latter if a model is wanted.
    """
    found = known_file(path)
    if found is None or found.kind == wanted:
        return
    error = CheckpointError if wanted == MODEL else FormatError
    article = f"a {'trained model' if wanted == MODEL else wanted}"
    raise error(f"{shown(str(path))}: {article} is wanted here; this {remedy or found.text}")


def _folder_kind(folder: Path) -> str | None:
    names = {
        MODEL: ("model.safetensors", "model.json"),
        GRAPH: ("graph.nir", "model.json"),
        "report": ("report.json",),
        "comparison": ("compare.json",),
    }
    for kind, files in names.items():
        if all((folder / name).is_file() for name in files):
            return kind
    first = next((p for p in sorted(folder.iterdir()) if p.suffix.lower() in _PICTURES), None)
    return None if first is None else "images"


def _file_kind(path: Path) -> str | None:
    if not path.is_file():  # reading a pipe would wait for a writer
        return None
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    kinds = ((_NETWORK_MARK, NETWORK), (b"\x93NUMPY", "images"))
    found = next((kind for mark, kind in kinds if head.startswith(mark)), None)
    if found is None and head.startswith(_HDF5) and _TRACE_MARK in head:
        found = TRACE
    if found is None and head.startswith(b"PK\x03\x04"):
        found = _archive_kind(path)
    return found or _named_kind(path, head)


def _named_kind(path: Path, head: bytes) -> str | None:
    """Kind of a file that its name identifies better than its first bytes."""
    partner = {".safetensors": ".json", ".json": ".safetensors"}.get(path.suffix)
    if partner is not None and path.with_suffix(partner).is_file():
        return MODEL
    return "figures" if path.suffix == ".json" and head.lstrip().startswith(b"{") else None


def _archive_kind(path: Path) -> str | None:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError):
        return None
    if any(name.endswith("data.pkl") for name in names):
        return "checkpoint"
    if "images.npy" in names:
        return "images"
    return "arrays" if names and all(name.endswith(".npy") for name in names) else None
