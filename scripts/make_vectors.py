"""Write docs/vectors/: tables and whole runs for the verification of implementations."""

import csv
import hashlib
import io
from pathlib import Path

import numpy as np
from vectors import (
    bounds,
    connected,
    counts,
    drive,
    kinds,
    levels,
    random_source,
    ranges,
    runs,
    sampler,
    steps,
)
from vectors.runs import random_network

import ipvae
from ipvae.emulator.recording import run
from ipvae.network.description import IntNetwork
from ipvae.network.io.fields import version_of
from ipvae.network.io.network_file import write_network
from ipvae.network.proof.bounds import layer_saturations
from ipvae.network.rules.drive import drives
from ipvae.network.traces.trace import VARIABLES, Trace, write_trace

__all__ = ["FOLDER", "kinds", "main", "random_network", "runs", "tables"]

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "vectors"
TABLES = {
    "random_source.csv": random_source,
    "sampler.csv": sampler,
    "counts.csv": counts,
    "drive.csv": drive,
    "steps.csv": steps,
    "bounds.csv": bounds,
    "ranges.csv": ranges,
    "levels.csv": levels,
}


def tables() -> dict[str, str]:
    """Text of all tables by file name."""
    found = {}
    for name, table in TABLES.items():
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(table.COLUMNS)
        writer.writerows(table.rows())
        found[name] = text.getvalue()
    return found


def main() -> None:
    """Write all vectors; print the rows of the two tables of docs/spec/known_answers.md."""
    (FOLDER / "runs").mkdir(parents=True, exist_ok=True)
    for name, text in tables().items():
        (FOLDER / name).write_text(text, newline="\n")
    for name, made in runs.networks().items():
        write_network(FOLDER / "runs" / f"{name}.net.h5", made)
        trace = run(made, made.test_images, runs.STEPS, runs.SEED)
        write_trace(FOLDER / "runs" / f"{name}.trace.h5", trace)
        print(*document_rows(name, made, trace), sep="\n")
    write_connected(FOLDER / "networks")
    write_levels(FOLDER / "levels")


def write_connected(folder: Path) -> None:
    """Write networks of connections with their images and traces."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, (network, images) in connected.networks().items():
        write_network(folder / f"{name}.net.h5", network)
        np.save(folder / f"{name}.images.npy", images)
        seed = connected.SEED if network.draws else 0
        result = ipvae.run(network, images, steps=connected.STEPS, seed=seed, record="all")
        assert result.trace is not None
        write_trace(folder / f"{name}.trace.h5", result.trace)


def write_levels(folder: Path) -> None:
    """Write the network, images and traces of the runs in levels.csv."""
    folder.mkdir(parents=True, exist_ok=True)
    write_network(folder / f"{levels.DRAWS}.net.h5", levels.draws())
    for name, images in levels.images().items():
        np.save(folder / f"{name}.images.npy", images)
    for name, text in levels.traces().items():
        (folder / f"{name}.trace.csv").write_text(text, newline="\n")


def document_rows(name: str, network: IntNetwork, trace: Trace) -> list[str]:
    """Rows of docs/spec/known_answers.md, one for each layer.

    Each has the digests of `a_in`, `u`, `z`, and the saturations. With several layers, the layer
    number follows the name of the run.
    """
    rows = []
    drive = drives(network, network.test_images)
    for number, layer in network.layers.items():
        variables = {v: trace.stacked(number, v) for v in VARIABLES}
        values = [v.astype("<i4").tobytes() for v in variables.values()]
        cells = [f"`{hashlib.sha256(v).hexdigest()[:16]}`" for v in values]
        cells += [str(n) for n in layer_saturations(layer, variables, drive[number]).values()]
        places = [name] if version_of(network) == 1 else [name, number]
        rows.append("| " + " | ".join([*places, *cells]) + " |")
    return rows


if __name__ == "__main__":
    main()
