"""Reading of trained models, from files or shipped with the package."""

from pathlib import Path

import ipvae
from ipvae.errors import InputError
from ipvae.float_models.checkpoint import Checkpoint, load_checkpoint
from ipvae.workflows.boundary import public
from ipvae.workflows.describe.other_files import MODEL, refuse_other

SHIPPED = "models"


@public
def load_model(path: str | Path) -> Checkpoint:
    """Read a trained model.

    Parameters
    ----------
    path : folder of a model, one of its two files, or the name of a shipped model
        An existing path takes precedence over a name.

    Raises
    ------
    CheckpointError
        If a file is missing, damaged or of another kind.
    InputError
        If neither the path nor a shipped model of that name exists.
    """
    place = _place(path)
    refuse_other(place, MODEL)
    return load_checkpoint(place)


def model_folder(path: str | Path) -> Path:
    """Return the folder of a model that `load_model` reads.

    Raises
    ------
    InputError
        As `load_model`.
    """
    place = _place(path)
    return place if place.is_dir() else place.parent


def _place(path: str | Path) -> Path:
    """Return an existing path, or else the folder of a shipped model of that name."""
    if Path(path).exists():
        return Path(path)
    folders = _shipped_folders()
    if str(path) in folders:
        return folders[str(path)]
    raise InputError(
        f"model: there is no folder or file '{path}', and the shipped models are "
        f"{', '.join(sorted(folders)) or 'not installed'}. Pass a path or one of these names."
    )


def shipped_models() -> tuple[str, ...]:
    """Return the names of shipped models, for `load_model`."""
    return tuple(sorted(_shipped_folders()))


def _shipped_folders() -> dict[str, Path]:
    package = Path(ipvae.__file__).parent
    for place in (package / SHIPPED, package.resolve().parent / SHIPPED):
        found = {folder.parent.name: folder.parent for folder in place.glob("*/model.json")}
        if found:
            return found
    return {}
