"""Write docs/loihi2/: neuron programs with test vectors, and their lookup tables."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
from neuron_spec import cases, cuba_cases, graded_cases, lif_cases, poisson_cases, sigma_delta_cases

from ipvae.network.kinds import cuba, graded, lif, poisson, sigma_delta
from ipvae.network.kinds.program import (
    OPERATORS,
    READING,
    SIGNED_WRAP,
    Program,
    branches_of,
    operations,
)

__all__ = ["FOLDER", "files", "main"]

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "loihi2"
DRAFT = "a specification: nobody has run it on a chip"


OF_LAVA = "a specification of what Lava's CPU model computes, bit for bit; "
HARD_WIRED = OF_LAVA + "Loihi's own neuron is hard-wired, and nobody has compared the two"
NOT_PUBLIC = OF_LAVA + "Intel's model for the chip is not public, and nobody has compared the two"


class Neuron(NamedTuple):
    """Neuron with its vectors, and what its specification says of itself."""

    program: Program
    usual: dict[str, int]
    vectors: Callable[[], list[dict]]
    process: str
    document: str
    status: str


def _ours(program: Program, of: ModuleType, process: str) -> Neuron:
    usual = cases.with_derived(of.USUAL)
    document = f"docs/spec/neurons/{process.split('_', maxsplit=1)[0]}.md"
    return Neuron(program, usual, of.vectors, f"ipvae.lava_procs.procs.{process}", document, DRAFT)


def _lavas(program: Program, of: cases.Source, process: str, status: str = NOT_PUBLIC) -> Neuron:
    document = f"docs/spec/neurons/{of.page}; {of.model}"
    return Neuron(program, of.usual, of.vectors, process, document, status)


NEURONS = {
    "poisson_neuron": _ours(
        poisson.program(), poisson_cases, "poisson_neuron.process:PoissonNeuron"
    ),
    "graded_neuron": _ours(graded.program(), graded_cases, "graded_neuron.process:GradedNeuron"),
    "lif_neuron": Neuron(
        lif.program(),
        lif_cases.USUAL,
        lif_cases.vectors,
        "ipvae.lava_procs.procs.lif_neuron.process:LifNeuron",
        "docs/spec/neurons/lif.md",
        DRAFT,
    ),
    "cuba_neuron": _lavas(cuba.program(), cuba_cases.CUBA, "lava.proc.lif.process:LIF", HARD_WIRED),
    "delta_neuron": _lavas(
        sigma_delta.delta_program(), sigma_delta_cases.DELTA, "lava.proc.sdn.process:Delta"
    ),
    "sigma_delta_neuron": _lavas(
        sigma_delta.sigma_delta_program(),
        sigma_delta_cases.SIGMA_DELTA,
        "lava.proc.sdn.process:SigmaDelta",
    ),
    "sigma_neuron": _lavas(
        sigma_delta.sigma_program(), sigma_delta_cases.SIGMA, "lava.proc.sdn.process:Sigma"
    ),
}


def table_text(table: np.ndarray) -> str:
    """Return a table as lines of numbers, one for each value of its first index."""
    return "\n".join(",".join(str(n) for n in np.atleast_1d(row)) for row in table) + "\n"


def specification(name: str) -> dict[str, Any]:
    """Return the complete specification of a neuron."""
    neuron = NEURONS[name]
    program = neuron.program
    return {
        "format": "ipvae-neuron/1",
        "process": neuron.process,
        "says_the_same_as": neuron.document,
        "status": neuron.status,
        "reading": reading(program),
        "operators": OPERATORS,
        "inputs": program.inputs,
        "outputs": program.outputs,
        "states": program.states,
        "constants": program.constants,
        "neuron_constants": program.neuron_constants,
        "tables": [described(n, table) for n, table in program.tables.items()],
        "program": program.statements,
        "branches": branches_of(program.statements),
        "usual": neuron.usual,
        "vectors": neuron.vectors(),
    }


def reading(program: Program) -> dict[str, str]:
    """Return the meaning of statements, with the wrap of signed words where one wraps."""
    wraps = [s for s in operations(program.statements) if s.get("wraps")]
    signed = any(not s.get("unsigned") for s in wraps)
    return {**READING, "wraps, signed": SIGNED_WRAP} if signed else READING


def described(name: str, table: np.ndarray) -> dict[str, Any]:
    """Return the file of a table, and the SHA-256 of its int32 values, little-endian."""
    digest = hashlib.sha256(table.astype("<i4").tobytes()).hexdigest()
    return {"name": name, "file": f"{name}.csv", "shape": list(table.shape), "sha256": digest}


def laid_out(value: Any, indent: int = 0, width: int = 110) -> str:
    """Format JSON with short values on one line, for readability and line-based diffs."""
    flat = json.dumps(value)
    if len(flat) + indent <= width or not isinstance(value, (dict, list)):
        return flat
    inner = " " * (indent + 1)
    if isinstance(value, dict):
        parts = [f"{json.dumps(k)}: {laid_out(v, indent + 1, width)}" for k, v in value.items()]
        return "{\n" + ",\n".join(inner + p for p in parts) + "\n" + " " * indent + "}"
    parts = [laid_out(v, indent + 1, width) for v in value]
    return "[\n" + ",\n".join(inner + p for p in parts) + "\n" + " " * indent + "]"


def files() -> dict[str, str]:
    """Contents of all files by name."""
    found = {f"{name}.json": laid_out(specification(name)) + "\n" for name in NEURONS}
    for neuron in NEURONS.values():
        found |= {f"{n}.csv": table_text(t) for n, t in neuron.program.tables.items()}
    return found


def main() -> None:
    """Write all files."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, text in files().items():
        (FOLDER / name).write_text(text, newline="\n")


if __name__ == "__main__":
    main()
