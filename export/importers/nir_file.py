"""NIR files for other tools, from which ipvae can restore the exact model.

The graph's metadata contain what NIR's nodes cannot represent: the exact trained parameters, their
description, and a text on what other tools lose (docs/nir.md).
"""

from pathlib import Path
from typing import Any, cast

import nir
import numpy as np

from ipvae.errors import FormatError, InputError, TrainingError
from ipvae.export.importers.nir_graph import Graph, graph_of
from ipvae.files import atomic_path
from ipvae.float_models.checkpoint import Checkpoint, from_text, to_text
from ipvae.network.io.hdf5 import read_datasets
from ipvae.network.io.hdf5_child import declared_bytes, shown
from ipvae.network.io.hdf5_output import Output

FORMAT, VERSION = "ipvae-loihi float model", 1

MOST_DATASETS = 512
MOST_BYTES = 2**28
"""Limit of all arrays together, as the float64 of the computation."""
MOST_EDGES = 64
TOLERANCE = 1e-5
"""Tolerance of a node's weights relative to the largest; reading recomputes them."""

_META = "node/metadata/"
_PARAMETERS = _META + "parameters/"
_NODES = "node/nodes/"
_FEEDBACK = _NODES + "feedback/weight"

Fields = dict[str, np.ndarray]
Kinds = dict[str, tuple[np.dtype, tuple]]
"""Types and shapes of arrays before they are read."""


def write_nir(
    path: str | Path, checkpoint: Checkpoint, threshold: float | None = None, writer: str = ""
) -> Graph:
    """Write a model as NIR, or LCA on its dictionary if a threshold is given.

    Parameters
    ----------
    path : str or Path
    checkpoint : Checkpoint
    threshold : LCA threshold, above 0, pixel units
    writer : name of the writing program for the file

    Returns
    -------
    Graph
        The graph written; the file also contains its `lost`.

    Raises
    ------
    InputError
        If NIR has no nodes for the model, it is too large, or the file cannot be written.
    """
    graph = graph_of(checkpoint, threshold)
    arrays = _arrays(graph) | {_PARAMETERS + name: a for name, a in checkpoint.params.items()}
    excess = _excess({name: (array.dtype, array.shape) for name, array in arrays.items()})
    if excess:
        raise InputError(f"{path}: the model is too large for NIR: {excess}; train a smaller one")
    metadata = {
        "format": FORMAT,
        "format_version": VERSION,
        "written_by": writer,
        "lost": "\n".join(graph.lost),
        "model": np.array([to_text(checkpoint).encode("ascii")]),
        "parameters": {name: np.atleast_1d(a) for name, a in checkpoint.params.items()},
    }
    if threshold is not None:
        metadata["lca_threshold"] = threshold
    whole = nir.NIRGraph(graph.nodes, graph.edges, metadata=metadata)
    with atomic_path(path) as temporary, Output(temporary) as output:
        nir.write(cast(Any, output), whole)
    return graph


def read_nir(path: str | Path) -> tuple[Checkpoint, float | None]:
    """Read a model in a child process with limits on time and memory.

    Returns
    -------
    the checkpoint as exported, and the LCA threshold if the file is an LCA export

    Raises
    ------
    FormatError
        If the file is damaged, foreign or newer, or its nodes do not match its parameters.
    """
    path = Path(path)
    fields = read_datasets(
        path,
        lambda datasets, _: _approve(path, datasets),
        {},
        most=MOST_DATASETS,
        gzip=True,
        singles=True,
        texts=2 * MOST_EDGES,
    )
    _require_ours(path, fields)
    try:
        checkpoint = from_text(_text(path, fields), _parameters(fields), path)
        threshold = _threshold(path, fields)
        _require_loop(path, fields, checkpoint, threshold)
        graph = graph_of(checkpoint, threshold)
    except (TrainingError, InputError) as error:
        message = str(error) if str(path) in str(error) else f"{path}: {error}"
        raise FormatError(message) from error
    _require_same(path, fields, graph)
    return checkpoint, threshold


def _approve(path: Path, datasets: Kinds) -> None:
    """Raise an error for foreign or too large files before any content is read."""
    if "version" not in datasets or "node/type" not in datasets:
        raise FormatError(
            f"{path}: no file of NIR (it has no /version and /node/type); pass one that "
            "ipvae.save_nir wrote"
        )
    if not {_META + "format", _META + "format_version", _META + "model"} <= set(datasets):
        raise FormatError(
            f"{path}: a graph of NIR without an ipvae model in its metadata; NIR itself has no "
            "Poisson neuron, so only what ipvae.save_nir wrote can be read"
        )
    excess = _excess(datasets)
    if excess:
        raise FormatError(f"{path}: {excess}; export a smaller model")
    _require_shapes(path, datasets)


def _excess(arrays: Kinds) -> str:
    """Description of a limit that the arrays exceed; empty if they exceed no limit."""
    total = sum(
        declared_bytes(np.result_type(dtype, float) if dtype.kind in "iuf" else dtype, shape)
        for dtype, shape in arrays.values()
    )
    if total <= MOST_BYTES:
        return ""
    return f"{total} bytes of arrays as float64, allowed are up to {MOST_BYTES}"


def _require_shapes(path: Path, datasets: Kinds) -> None:
    """Raise an error, before any computation, for weights that do not fit the dictionary."""
    _, shape = datasets.get(_PARAMETERS + "phi", (None, ()))
    if len(shape) != 2:  # `from_text` reports the error
        return
    m, k = shape
    for node, wanted in (("drive", (k, m)), ("decoder", (m, k)), ("feedback", (k, k))):
        _, found = datasets.get(f"{_NODES}{node}/weight", (None, wanted))
        if tuple(found) != wanted:
            raise FormatError(
                f"{path}: {node} has weights of shape {tuple(found)}, allowed is {wanted}, as its "
                "parameter phi has it; export it again"
            )


def _require_ours(path: Path, fields: Fields) -> None:
    found, version = (fields[_META + name] for name in ("format", "format_version"))
    if found.dtype.kind != "S" or found.ravel()[:1].tolist() != [FORMAT.encode()]:
        text = shown(found.ravel()[:1].tolist())
        raise FormatError(
            f"{path}: format is {text}, allowed is '{FORMAT}'; export the model again"
        )
    if version.dtype.kind not in "iu" or version.ravel()[:1].tolist() != [VERSION]:
        text = shown(version.ravel()[:1].tolist())
        raise FormatError(
            f"{path}: format version {text}, this ipvae reads {VERSION}; use the ipvae that wrote "
            "it, or export the model again"
        )


def _text(path: Path, fields: Fields) -> bytes:
    text = fields[_META + "model"]
    if text.dtype.kind != "S" or text.size != 1:
        raise FormatError(f"{path}: its description of the model is no text; export it again")
    return text.ravel()[0]


def _parameters(fields: Fields) -> Fields:
    """Trained parameters by name; scalars have no axes."""
    found = {
        name.removeprefix(_PARAMETERS): np.array(array)
        for name, array in fields.items()
        if name.startswith(_PARAMETERS)
    }
    scalars = {name for name in found if name.startswith(("log_lr", "log_unit"))}
    return {
        name: array.reshape(()) if name in scalars and array.size == 1 else array
        for name, array in found.items()
    }


def _threshold(path: Path, fields: Fields) -> float | None:
    found = fields.get(_META + "lca_threshold")
    if found is None:
        return None
    if found.dtype.kind != "f" or found.size != 1:
        raise FormatError(f"{path}: lca_threshold is no single number; export the model again")
    return float(found.ravel()[0])


def _require_loop(
    path: Path, fields: Fields, checkpoint: Checkpoint, threshold: float | None
) -> None:
    """Raise an error for a graph without its K x K weights before computing them."""
    if threshold is None and checkpoint.member.inference != "iterative":
        return
    if _FEEDBACK not in fields:
        raise FormatError(f"{path}: {_FEEDBACK} is missing; export the model again")


def _require_same(path: Path, fields: Fields, graph: Graph) -> None:
    """Raise an error for a graph that another tool has changed, since the changes would be lost."""
    expected = _arrays(graph)
    found = {name: array for name, array in fields.items() if name.startswith(_NODES)}
    both = found.keys() & expected.keys()
    changed = [f"{name} (missing)" for name in sorted(expected.keys() - both)]
    changed += [f"{name} (added)" for name in sorted(found.keys() - both)]
    changed += sorted(name for name in both if not _same(found[name], expected[name]))
    edges = fields.get("node/edges", np.empty((0, 2), "S1"))
    if edges.ndim != 2 or {tuple(edge) for edge in edges.tolist()} != _encoded(graph):
        changed.append("its edges")
    if changed:
        raise FormatError(
            f"{path}: another tool changed {', '.join(shown(n) for n in changed[:3])}; what is "
            "read is the model that was exported, so the change would be lost. Export it again"
        )


def _arrays(graph: Graph) -> Fields:
    """Arrays of a graph's nodes and metadata, by their path in the file."""
    found = {}
    for name, node in graph.nodes.items():
        values = {key: value for key, value in node.to_dict().items() if key != "metadata"}
        values |= {f"metadata/{key}": value for key, value in node.metadata.items()}
        for key, value in values.items():
            text = isinstance(value, str)
            found[f"{_NODES}{name}/{key}"] = np.asarray(value.encode() if text else value)
    return found


def _encoded(graph: Graph) -> set[tuple[bytes, bytes]]:
    return {(a.encode(), b.encode()) for a, b in graph.edges}


def _same(found: np.ndarray, expected: np.ndarray) -> bool:
    if found.shape != expected.shape or (found.dtype.kind == "S") != (expected.dtype.kind == "S"):
        return False
    if expected.dtype.kind == "S":
        return bool((found == expected).all())
    largest = float(np.abs(expected).max(initial=0.0))
    return bool((np.abs(found - expected) <= TOLERANCE * largest).all())
