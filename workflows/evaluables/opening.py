"""Construction of an `Evaluable` from a network, model, path or name."""

from dataclasses import dataclass
from pathlib import Path

from ipvae.errors import InputError
from ipvae.float_models.checkpoint import Checkpoint
from ipvae.network.description import IntNetwork
from ipvae.network.io.network_file import read_network
from ipvae.network.network import Network
from ipvae.workflows.describe.other_files import NETWORK as NETWORK_FILE
from ipvae.workflows.describe.other_files import refuse_other
from ipvae.workflows.evaluables.base import Evaluable
from ipvae.workflows.evaluables.maps import EvaluableMaps, EvaluableMapsLca
from ipvae.workflows.evaluables.model import EvaluableLca, EvaluableModel
from ipvae.workflows.evaluables.network import EvaluableNetwork
from ipvae.workflows.models import load_model, model_folder
from ipvae.workflows.running.stopping import StopChoice

INFERENCES = ("model", "lca")
THRESHOLD = 0.1
"""Default threshold of LCA in pixel units."""
NETWORK, PLAIN, NIR = ".h5", ".net", ".nir"

ModelOrNetwork = Checkpoint | IntNetwork | Network | str | Path


@dataclass(frozen=True, eq=False)
class Opened:
    """A network or model that was read.

    Attributes
    ----------
    given : IntNetwork, Network or Checkpoint
    path : path or None
        Path that was read; None for an object in memory.
    name : str
        Short name; '' for an object in memory.
    folder : path or None
        Folder of a model that was read.
    """

    given: IntNetwork | Network | Checkpoint
    path: str | Path | None = None
    name: str = ""
    folder: Path | None = None

    @property
    def kind(self) -> str:
        """'network' or 'model'."""
        return "model" if isinstance(self.given, Checkpoint) else "network"


def is_network(given: ModelOrNetwork) -> bool:
    """Return whether this is a network or the path of a network file."""
    if isinstance(given, (str, Path)):
        path = Path(given)
        return path.suffix == NETWORK or (path.suffix == PLAIN and not path.is_dir())
    return isinstance(given, (IntNetwork, Network))


def opened(given: ModelOrNetwork) -> Opened:
    """Read a path or the name of a shipped model; keep an object in memory.

    Raises
    ------
    InputError
        If a file is neither a network nor a model.
    FormatError, CheckpointError
        If a file cannot be read.
    """
    if isinstance(given, (IntNetwork, Checkpoint)):
        return Opened(given)
    if not isinstance(given, (str, Path)):
        raise InputError(
            f"model_or_net: found {type(given).__name__}, allowed a model, a network or the path "
            "of one; pass what ipvae.load_model or ipvae.load_network returns"
        )
    path = Path(given)
    if path.suffix == NETWORK:
        refuse_other(path, NETWORK_FILE)
        return Opened(read_network(path), given, path.stem)
    _refuse_others(path)
    folder = model_folder(given)
    return Opened(load_model(given), given, folder.resolve().name, folder)


def _refuse_others(path: Path) -> None:
    suffix = path.suffix.lower()
    if suffix == PLAIN and not path.is_dir():
        raise InputError(
            f"{path}: found a network of lava-dl's layout, which has no decoder to judge, allowed "
            f"an ipvae network ({NETWORK}) or a model; evaluate it with labels (ipvae.evaluate)"
        )
    if suffix == NIR and not path.is_dir():
        raise InputError(
            f"{path}: a NIR file, which holds a float model; import it first, with "
            f"ipvae.import_model('{path}'), and continue with that model"
        )


def evaluable(
    opened: Opened,
    name: str,
    threshold: float | None = None,
    scheduler: str | None = None,
    stop: StopChoice | None = None,
) -> Evaluable:
    """Return the evaluable: a network, a model, or LCA with `threshold` on its dictionary."""
    if isinstance(opened.given, IntNetwork):
        return EvaluableNetwork(opened.given, name, scheduler, stop)
    assert isinstance(opened.given, Checkpoint)  # other networks reconstruct nothing
    if opened.given.member.convolutional:
        if threshold is not None:
            return EvaluableMapsLca(opened.given, name, threshold, opened.folder)
        return EvaluableMaps(opened.given, name, opened.folder)
    if threshold is not None:
        return EvaluableLca(opened.given, name, threshold, opened.folder)
    return EvaluableModel(opened.given, name, opened.folder)


def require_inference(inference: str, threshold: float | None, given: ModelOrNetwork) -> None:
    """Raise InputError for arguments that exclude each other."""
    if inference not in INFERENCES:
        raise InputError(f"inference: found {inference}, allowed {', '.join(INFERENCES)}")
    if inference != "lca":
        if threshold is not None:
            raise InputError("threshold: needs inference=lca; give both or neither")
    elif is_network(given):
        what = f"{given} is a network file" if isinstance(given, (str, Path)) else "a network"
        raise InputError(f"inference=lca: {what}, which has its own inference; give a model")


def require_network(given: ModelOrNetwork, **arguments: object) -> None:
    """Raise InputError if an argument for networks is given for a model."""
    if is_network(given):
        return
    what = str(given) if isinstance(given, (str, Path)) else "a model"
    for name, value in arguments.items():
        if value is not None:
            raise InputError(
                f"{name}: found {what}, allowed with network files ({NETWORK}) only; omit it"
            )
