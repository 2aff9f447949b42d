"""Export of models to NIR, for other tools; `ipvae.import_model` reads them back."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ipvae
from ipvae.export.options import ExportOptions
from ipvae.extras import needs
from ipvae.files import require_writable_file
from ipvae.float_models.checkpoint import Checkpoint
from ipvae.outputs import nir_output, require_outputs
from ipvae.workflows.models import load_model
from ipvae.workflows.results import Result, Table

SUFFIX = ".nir"


@dataclass(frozen=True, eq=False, repr=False)
class NirExport(Result):
    """A model written as NIR.

    Attributes
    ----------
    path : Path
    model : str
        Kind of the model.
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
        return [
            f"wrote {self.path}: NIR nodes {drawn}",
            "what another tool does not get from them (ipvae.import_model reads all of it back):",
            *(f"  {line}" for line in self.lost),
        ]


def save_nir(
    model: Checkpoint | str | Path,
    path: str | Path,
    *,
    inference: str = "model",
    threshold: float | None = None,
    overwrite: bool = False,
) -> NirExport:
    """Write a model, or sparse coding on its dictionary, to a NIR file (docs/nir.md).

    NIR contains real numbers: the model is not quantized or calibrated.

    Parameters
    ----------
    model : trained model, its path, or the name of a shipped one
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


def is_nir(path: str | Path) -> bool:
    """Return whether a path has the suffix of NIR, in upper or lower case."""
    return Path(path).suffix.lower() == SUFFIX
