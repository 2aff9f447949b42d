"""Writer of a graph in NIR's layout, for networks that come from a program and not from a file."""

import io

import h5py
import numpy as np

from ipvae.float_models.nir_graph.graph import NirGraph

LAYOUT = b"1.0.6"
"""Version of NIR whose layout is written."""


def graph_bytes(graph: NirGraph) -> bytes:
    """Return the file of a graph, which `ipvae.export.importers.nir_reader` reads back.

    Parameters
    ----------
    graph : NirGraph
        Names of nodes without a slash.
    """
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        file["version"] = np.bytes_(LAYOUT)
        top = file.create_group("node")
        top["type"] = np.bytes_(b"NIRGraph")
        for name, node in graph.nodes.items():
            group = top.create_group(f"nodes/{name}")
            group["type"] = np.bytes_(node.kind.encode())
            for key, value in node.values.items():
                group[key] = np.bytes_(value.encode()) if isinstance(value, str) else value
        top["edges"] = np.array([[a.encode(), b.encode()] for a, b in graph.edges])
        for key, value in graph.metadata.items():
            top[f"metadata/{key}"] = np.bytes_(value.encode())
    return buffer.getvalue()
