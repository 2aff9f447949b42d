"""Write docs/vectors/: tables and whole runs to check an implementation against."""

import csv
import hashlib
import io
from pathlib import Path

from vectors import bounds, counts, drive, kinds, random_source, ranges, runs, sampler, steps
from vectors.runs import random_network

from ipvae.emulator import run
from ipvae.network.bounds import saturations
from ipvae.network.description import IntNetwork
from ipvae.network.drive import drive as drive_of
from ipvae.network.file import write_network
from ipvae.network.trace import VARIABLES, Trace, write_trace

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
}


def tables() -> dict[str, str]:
    """All tables as text, by file name."""
    found = {}
    for name, table in TABLES.items():
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(table.COLUMNS)
        writer.writerows(table.rows())
        found[name] = text.getvalue()
    return found


def main() -> None:
    """Write all vectors; print the rows of section 8 of docs/arithmetic.md."""
    (FOLDER / "runs").mkdir(parents=True, exist_ok=True)
    for name, text in tables().items():
        (FOLDER / name).write_text(text, newline="\n")
    for name, made in runs.networks().items():
        write_network(FOLDER / "runs" / f"{name}.net.h5", made)
        trace = run(made, made.test_images, runs.STEPS, runs.SEED)
        write_trace(FOLDER / "runs" / f"{name}.trace.h5", trace)
        print(document_row(name, made, trace))


def document_row(name: str, network: IntNetwork, trace: Trace) -> str:
    """Row of section 8 of docs/arithmetic.md: digests of a_in, u, z, and saturations."""
    variables = {variable: trace.stacked(network.code, variable) for variable in VARIABLES}
    digests = [hashlib.sha256(v.astype("<i4").tobytes()).hexdigest() for v in variables.values()]
    saturated = saturations(network, variables, drive_of(network, network.test_images))
    cells = [f"`{digest[:16]}`" for digest in digests] + [str(n) for n in saturated.values()]
    return f"| {name} | " + " | ".join(cells) + " |"


if __name__ == "__main__":
    main()
