"""Export of models and networks to NIR; `ipvae.import_model` reads them back."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ipvae
from ipvae.errors import InputError
from ipvae.export.options import ExportOptions
from ipvae.extras import needs
from ipvae.files import require_writable_file
from ipvae.float_models.checkpoint import Checkpoint
from ipvae.network.description import IntNetwork
from ipvae.network.network import Network
from ipvae.outputs import nir_output, require_outputs
from ipvae.workflows.describe.other_files import NETWORK, known_file
from ipvae.workflows.models import load_model
from ipvae.workflows.networks import is_lava_dl, load_network
from ipvae.workflows.results import Result, Table

SUFFIX = ".nir"
INTEGERS = "integers"
"""Kind of model of an integer network."""


@dataclass(frozen=True, eq=False, repr=False)
class NirExport(Result):
    """A model written as NIR.

    Attributes
    ----------
    path : Path
    model : str
        Kind of the model; 'integers' for a network.
    inference : 'model' or 'lca'
    nodes : dict
        Kind of each node, by name.
    edges : tuple of (source, target)
    lost : tuple of str
        Information that the nodes do not represent.
    """

    path: Path
    model: str
    inference: str
    nodes: dict[str, str]
    edges: tuple[tuple[str, str], ...]
    lost: tuple[str, ...]

    def rows(self) -> list[tuple[str, str]]:
        """Return the main figures: pairs of name and text."""
        return [
            ("file", str(self.path)),
            ("nodes", ", ".join(f"{name} ({kind})" for name, kind in self.nodes.items())),
            ("lost", "; ".join(self.lost)),
        ]

    def to_json(self) -> dict[str, Any]:
        """Return JSON data, with the keys of `ipvae export NET.nir --json`."""
        return {
            "graph": str(self.path),
            "model": self.model,
            "inference": self.inference,
            "nodes": self.nodes,
            "edges": [list(edge) for edge in self.edges],
            "lost": list(self.lost),
        }

    def shown(self) -> list[Table | str]:
        """Return lines for a terminal."""
        drawn = ", ".join(f"{name} ({kind})" for name, kind in self.nodes.items())
        back = "" if self.model == INTEGERS else " (ipvae.import_model reads all of it back)"
        return [
            f"wrote {self.path}: NIR nodes {drawn}",
            f"what another tool does not get from them{back}:",
            *(f"  {line}" for line in self.lost),
        ]


def save_nir(
    model: Checkpoint | Network | IntNetwork | str | Path,
    path: str | Path,
    *,
    inference: str = "model",
    threshold: float | None = None,
    overwrite: bool = False,
) -> NirExport:
    """Write a model, or sparse coding on its dictionary, to a NIR file (docs/nir.md).

    NIR contains real numbers: the model is not quantized or calibrated. The integers of a network
    are written as exact floats, with their widths and exponents in the metadata.

    Parameters
    ----------
    model : trained model, its path, or the name of a shipped one; or a network or its file
    path : .nir file to write
    inference : 'model' or 'lca'
    threshold : float, optional
        Threshold of LCA in pixel units, 0.1 by default.
    overwrite : bool
        Whether an existing NIR file of ipvae may be replaced.

    Returns
    -------
    NirExport
        Nodes, edges, and information that they do not represent.

    Raises
    ------
    InputError
        If the file exists or cannot be written, or NIR has no nodes for the model.
    """
    path = Path(path)
    require_outputs([nir_output(path, overwrite=overwrite)], {"model": model})
    require_writable_file(path)
    with needs("nir", str(path)):
        from ipvae.export.importers.nir_file import write_nir

    network = _network(model)
    if network is not None:
        return _save_network(network, path, inference, threshold)
    assert not isinstance(model, (Network, IntNetwork))
    where = "the model" if isinstance(model, Checkpoint) else str(model)
    checkpoint = model if isinstance(model, Checkpoint) else load_model(model)
    options = ExportOptions.of(checkpoint, where, inference=inference, threshold=threshold)
    lca = options.threshold if inference == "lca" else None
    graph = write_nir(path, checkpoint, lca, f"ipvae-loihi {ipvae.__version__}")
    return NirExport(
        path,
        checkpoint.model,
        inference,
        {name: type(node).__name__ for name, node in graph.nodes.items()},
        tuple(graph.edges),
        tuple(graph.lost),
    )


def _network(model: object) -> Network | IntNetwork | None:
    """Return a network, or the network in a file; None for a trained model."""
    if isinstance(model, (Network, IntNetwork)):
        return model
    if not isinstance(model, (str, Path)) or not Path(model).is_file():
        return None
    found = known_file(model)
    of_network = is_lava_dl(model) or (found is not None and found.kind == NETWORK)
    return load_network(model) if of_network else None


def _save_network(
    network: Network | IntNetwork, path: Path, inference: str, threshold: float | None
) -> NirExport:
    if inference != "model" or threshold is not None:
        raise InputError(
            "inference and threshold: found with a network, allowed with a trained model; omit them"
        )
    if not isinstance(network, Network):
        raise InputError(
            "the network: NIR has no neurons that draw counts or send graded codes. "
            "ipvae.save_nir of the trained model writes its float equations (docs/nir.md)"
        )
    from ipvae.export.graphs.integer_graph import write_integer_graph

    graph = write_integer_graph(path, network, f"ipvae-loihi {ipvae.__version__}")
    nodes = {name: type(node).__name__ for name, node in graph.nodes.items()}
    return NirExport(path, INTEGERS, inference, nodes, tuple(graph.edges), graph.lost)


def is_nir(path: str | Path) -> bool:
    """Return whether a path has the suffix of NIR, in upper or lower case."""
    return Path(path).suffix.lower() == SUFFIX
