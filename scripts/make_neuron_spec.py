"""Write docs/loihi2/: neuron programs with test vectors, and their lookup tables."""

import hashlib
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from neuron_spec import graded, graded_cases, parts, poisson, poisson_cases

__all__ = ["FOLDER", "files", "main"]

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "loihi2"
NEURONS = {
    "poisson_neuron": (poisson, poisson_cases, "PoissonNeuron"),
    "graded_neuron": (graded, graded_cases, "GradedNeuron"),
}


def table_text(table: np.ndarray) -> str:
    """Return a table as lines of numbers, one for each value of its first index."""
    return "\n".join(",".join(str(n) for n in np.atleast_1d(row)) for row in table) + "\n"


def specification(name: str) -> dict[str, Any]:
    """Return the complete specification of a neuron."""
    neuron, cases, process = NEURONS[name]
    program = neuron.program()
    usual = poisson_cases.USUAL if neuron is poisson else graded_cases.USUAL
    return {
        "format": "ipvae-neuron/1",
        "process": f"ipvae.lava_procs.procs.{name}.process:{process}",
        "says_the_same_as": "docs/arithmetic.md, sections 3 to 5 and 9",
        "status": "a specification: nobody has run it on a chip",
        "reading": parts.READING,
        "operators": parts.OPERATORS,
        "inputs": [parts.word("a_in", -parts.STATE_MAX, parts.STATE_MAX)],
        "outputs": [sent(neuron)],
        "states": neuron.states(),
        "constants": neuron.constants(),
        "neuron_constants": neuron.neuron_constants(),
        "tables": [described(n, table) for n, table in neuron.tables().items()],
        "program": program,
        "branches": parts.branches_of(program),
        "usual": cases.cases.with_derived(usual),
        "vectors": cases.vectors(),
    }


def sent(neuron: ModuleType) -> dict[str, Any]:
    """Return the output: the neuron's message, and 0 in rest steps."""
    z = next(state for state in neuron.states() if state["name"] == "z")
    return parts.word("s_out", z["low"], z["high"])


def described(name: str, table: np.ndarray) -> dict[str, Any]:
    """Return the file of a table, and the SHA-256 of its int32 values, little-endian."""
    digest = hashlib.sha256(table.astype("<i4").tobytes()).hexdigest()
    return {"name": name, "file": f"{name}.csv", "shape": list(table.shape), "sha256": digest}


def files() -> dict[str, str]:
    """Contents of all files by name."""
    found = {f"{name}.json": parts.laid_out(specification(name)) + "\n" for name in NEURONS}
    for neuron, _, _ in NEURONS.values():
        found |= {f"{n}.csv": table_text(t) for n, t in neuron.tables().items()}
    return found


def main() -> None:
    """Write all files."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, text in files().items():
        (FOLDER / name).write_text(text, newline="\n")


if __name__ == "__main__":
    main()
