"""A spiking network of another tool, read from a NIR graph, and its folder."""

import json
import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ipvae.errors import CheckpointError, InputError
from ipvae.export.importers.nir_reader import MOST_BYTES, read_graph
from ipvae.files import atomic_write_all, read_file
from ipvae.float_models.nir_graph.conventions import ORIGINS, convention_of
from ipvae.float_models.nir_graph.model import FloatTrace, NirModel
from ipvae.outputs import graph_output, require_outputs
from ipvae.workflows.results import Result, Table

GRAPH, DESCRIPTION = "graph.nir", "model.json"
"""Files of an imported network's folder."""
FORMAT, VERSION = "ipvae-loihi spiking graph", 1
MOST_JSON = 2**20
DEFAULT_STEPS = 32


@dataclass(frozen=True, eq=False, repr=False)
class SpikingModel(Result):
    """A spiking network of another tool, in float.

    Attributes
    ----------
    model : NirModel
        Graph, convention, shapes and rules of the neurons.
    origin : str
        Tool and changes of its defaults, as given.
    contents : bytes
        The file of the graph.
    saved : Path, optional
        Folder in which it was saved.
    """

    model: NirModel
    origin: str
    contents: bytes
    saved: Path | None = None

    def run(self, images: np.ndarray, steps: int | None = None) -> FloatTrace:
        """Run images in float, from a network at rest.

        Parameters
        ----------
        images : (n, steps, ...) or one image for all steps, (n, ...)
        steps : int, optional
            All steps of the images by default, 32 for images without steps.

        Raises
        ------
        InputError
            If the images do not fit the input.
        """
        return self.model.run(in_steps(self.model, images, steps))

    def save(self, folder: str | Path, *, overwrite: bool = False) -> Path:
        """Write graph.nir and model.json into a folder; return its path.

        Raises
        ------
        InputError
            If they exist and `overwrite` is False, or cannot be written.
        """
        folder = Path(folder)
        require_outputs([graph_output(folder, overwrite=overwrite)])
        text = json.dumps(self.description(), indent=1) + "\n"
        atomic_write_all(folder, {GRAPH: self.contents, DESCRIPTION: text.encode()})
        return folder

    def saved_in(self, folder: Path, *, overwrite: bool = False) -> "SpikingModel":
        """Save the network in a folder; return the result with its path."""
        return replace(self, saved=self.save(folder, overwrite=overwrite))

    def description(self) -> dict[str, Any]:
        """Content of model.json."""
        graph = self.model.graph
        return {
            "format": FORMAT,
            "format_version": VERSION,
            "origin": self.origin,
            "input": list(self.model.shapes[graph.input]),
            "output": list(self.model.shapes[self.model.output]),
            "nodes": {name: graph.nodes[name].kind for name in graph.order},
            "feedback": sorted(list(edge) for edge in graph.feedback),
        }

    def rows(self) -> list[tuple[str, str]]:
        """Return the main figures: pairs of name and text."""
        found = self.description()
        nodes = ", ".join(f"{name} ({kind})" for name, kind in found["nodes"].items())
        rows = [
            ("origin", self.origin),
            ("input", _shape(found["input"])),
            ("output", _shape(found["output"])),
            (
                "neurons",
                str(sum(math.prod(self.model.shapes[n]) for n in self.model.graph.neurons)),
            ),
            ("nodes", nodes),
        ]
        if found["feedback"]:
            edges = ", ".join(f"{a} -> {b}" for a, b in found["feedback"])
            rows.append(("one step later", edges))
        return rows

    def to_json(self) -> dict[str, Any]:
        """Return JSON data, with the keys of `ipvae import --json`."""
        saved = None if self.saved is None else str(self.saved)
        return {"model": saved, **self.description(), "rules": self._rules()}

    def _rules(self) -> dict[str, Any]:
        """Convention of each node's neurons."""
        return {
            name: {
                "reset": rule.reset,
                "reset_delay": rule.reset_delay,
                "reaches": rule.reaches,
                "most_spikes": rule.most,
                "keep": [float(rule.keep.min()), float(rule.keep.max())],
            }
            for name, rule in self.model.rules.items()
        }

    def shown(self) -> list[Table | str]:
        """Return lines for a terminal."""
        rows = [[name, text] for name, text in self.rows()]
        first = [] if self.saved is None else [f"saved {self.saved}"]
        return [*first, Table("imported network", ["", ""], rows)]


def _shape(sizes: list[int]) -> str:
    return " x ".join(str(n) for n in sizes)


def import_graph(path: str | Path, origin: str | None) -> SpikingModel:
    """Read a NIR graph of another tool.

    Raises
    ------
    FormatError
        If the file is damaged, or a node cannot be computed.
    InputError
        If the tool is not named, or unknown.
    """
    path = Path(path)
    graph = read_graph(path)
    named = origin or graph.metadata.get("origin") or graph.metadata.get("framework")
    if named is None:
        raise InputError(
            f"{path}: NIR does not record how a neuron resets and what a step is; name the tool "
            f"that wrote the graph with origin=, one of {', '.join(ORIGINS)}"
        )
    model = NirModel(graph, convention_of(named))
    return SpikingModel(model, named, read_file(path, InputError, MOST_BYTES))


def is_graph_folder(path: str | Path) -> bool:
    """Return whether a folder holds a network that `SpikingModel.save` wrote."""
    folder = Path(path)
    return (folder / GRAPH).is_file() and (folder / DESCRIPTION).is_file()


def load_graph(folder: str | Path) -> SpikingModel:
    """Read the folder of an imported network.

    Raises
    ------
    CheckpointError
        If model.json is damaged or of another kind.
    FormatError
        If the graph is damaged.
    """
    path = Path(folder) / DESCRIPTION
    try:
        found = json.loads(read_file(path, CheckpointError, MOST_JSON))
        kind, version, origin = (found[k] for k in ("format", "format_version", "origin"))
    except (ValueError, TypeError, KeyError) as error:
        raise CheckpointError(f"{path}: no description of a network; import it again") from error
    if kind != FORMAT or version != VERSION or not isinstance(origin, str):
        raise CheckpointError(
            f"{path}: format '{kind}' {version}, allowed '{FORMAT}' {VERSION}; import it again"
        )
    return import_graph(Path(folder) / GRAPH, origin)


def in_steps(model: NirModel, images: np.ndarray, steps: int | None) -> np.ndarray:
    """Return images with one for each step: (n, steps, *shape) float32.

    Raises
    ------
    InputError
        If they do not fit the input, or have fewer steps.
    """
    images = np.asarray(images)
    shape = model.shapes[model.graph.input]
    size = math.prod(shape)
    if images.ndim > 1 and math.prod(images.shape[1:]) == size and (size > 1 or images.ndim > 2):
        flat = images.reshape(len(images), 1, *shape).astype(np.float32)
        return np.repeat(flat, steps or DEFAULT_STEPS, axis=1)
    if images.ndim < 3 or math.prod(images.shape[2:]) != size:
        wanted = ", ".join(map(str, shape))
        raise InputError(
            f"images: shape {images.shape}, allowed (n, {wanted}) or with one image for each step "
            f"(n, steps, {wanted})"
        )
    if steps is not None and images.shape[1] < steps:
        raise InputError(
            f"steps: found {steps}, allowed up to {images.shape[1]}, the steps of each image"
        )
    return images[:, :steps].reshape(len(images), -1, *shape).astype(np.float32)
