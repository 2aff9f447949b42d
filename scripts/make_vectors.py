"""Write docs/vectors/: tables and whole runs to check an implementation against."""

import csv
import hashlib
import io
from pathlib import Path

from vectors import drive, random_source, runs, sampler, steps
from vectors.runs import random_network

from ipvae.emulator import run
from ipvae.network.description import LAYER
from ipvae.network.file import write_network
from ipvae.network.trace import VARIABLES, Trace, write_trace

__all__ = ["FOLDER", "main", "random_network", "runs", "tables"]

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "vectors"
TABLES = {
    "random_source.csv": random_source,
    "sampler.csv": sampler,
    "drive.csv": drive,
    "steps.csv": steps,
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
        print(f"| {name} | " + " | ".join(f"`{digest}`" for digest in digests(trace)) + " |")


def digests(trace: Trace) -> list[str]:
    """Digests of a_in, u and z, as section 8 of docs/arithmetic.md lists them."""
    values = (trace.stacked(LAYER, variable).astype("<i4") for variable in VARIABLES)
    return [hashlib.sha256(value.tobytes()).hexdigest()[:16] for value in values]


if __name__ == "__main__":
    main()
