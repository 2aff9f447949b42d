"""Mutants of the neurons' integer rules: which of them the conformance suite finds.

Each mutant changes one operation, number or comparison of the program of a kind. It runs every row
of the suite's networks from the states and inputs of their traces; a mutant is found if a value
differs or leaves its width.

.venv/bin/python scripts/conformance_mutants.py [KIND ...]
"""

import copy
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any
from unittest.mock import patch

import numpy as np

from ipvae.errors import IpvaeError
from ipvae.network.conversion.from_dense import as_network
from ipvae.network.io.network_file import read_network
from ipvae.network.kinds import integers
from ipvae.network.kinds.program import Program, Statement
from ipvae.network.network import Network
from ipvae.network.rules.network_drive import layer_drive
from ipvae.network.rules.random_source import image_key
from ipvae.workflows.implementations.cases import WHOLE, RunCase, run_cases

SWAPPED = {
    "add": "sub",
    "sub": "add",
    "shl": "shr",
    "shr": "toward zero",
    "abs": "copy",
    "min": "copy",
    "xor": "and",
    "and": "copy",
    "mul": "add",
}
OTHER = {"ge": "gt", "gt": "ge", "le": "lt", "lt": "le", "eq": "ne"}
TOWARD_ZERO = "toward zero"
MOST_ROUNDS = 64
"""Rounds of a loop after which a mutant counts as found: it would not end."""

LEFT_OUT = 2
"""Images of a layer of `cuba-wraps`, whose sums leave 32 bits: programs refuse them."""


@dataclass(frozen=True)
class Rows:
    """Rows of a layer for one image, each with the states before it: one neuron of a program each.

    Attributes
    ----------
    program : Program
    values : dict of str -> (n,) int
    a_in : (n,) int
    expected : dict of str -> (n,) int
    """

    program: Program
    values: dict[str, Any]
    a_in: np.ndarray
    expected: dict[str, np.ndarray]


class Limited(integers.Neurons):
    """Neurons that refuse loops without an end."""

    def _repeat(self, s: Statement, at: np.ndarray) -> None:
        if self._operand(s["times"], at).max(initial=0) > MOST_ROUNDS:
            raise integers.WidthError(f"{s['repeat']}: more than {MOST_ROUNDS} rounds")
        super()._repeat(s, at)


def rows() -> dict[str, list[Rows]]:
    """Return the rows of all networks by the name of the kind."""
    found: dict[str, list[Rows]] = {}
    for case in run_cases(WHOLE):
        network = read_network(case.network)
        if not isinstance(network, Network):
            if getattr(network.layer, "start", None) is not None:
                continue
            network = as_network(network)
        for name, kind in network.kinds.items():
            if name == "0" and kind.name != "delta":
                continue
            for image in range(len(case.trace.samples)):
                found.setdefault(kind.name, []).append(_rows(case, network, name, image))
    return found


def _rows(case: RunCase, network: Network, name: str, image: int) -> Rows:
    kind: Any = network.kinds[name]
    trace = case.trace.samples[image][name]
    n_rows, n = trace["z"].shape
    first = 0 if kind.driven else 1  # before row 0 there may be lead-in rows
    index = np.arange(first, n_rows)
    states = {v: trace[v][np.maximum(index - 1, 0)] for v in kind.states}
    values: dict[str, Any] = dict(kind.constants())
    if name != "0":
        layer = network.by_id[name]
        each = kind.neuron_constants(layer.biases)
        values |= {key: np.tile(of, len(index)) for key, of in each.items()}
    if kind.driven:
        frames = np.atleast_2d(case.images[image])[np.newaxis].astype(np.int64)
        drives = layer_drive(network.by_id[name], frames)[0]
        frame = np.minimum(np.maximum(index - 1, 0), len(drives) - 1)
        states |= {"drive": drives[frame], "z": trace["z"][np.maximum(index - 1, 0)]}
        start = kind.start(n)
        states["u"] = np.where(index[:, None] == 0, start.get("u", 0), states["u"])
        for key in ("step", "next", "row"):
            states[key] = np.repeat(index[:, None], n, axis=1)
        if kind.draws:
            key = image_key(case.trace.seed, image)
            values |= {"image_a": key.a, "image_b": key.b}
    values |= {key: np.asarray(of).reshape(-1) for key, of in states.items()}
    expected = {v: trace[v][first:].reshape(-1) for v in (*kind.states, "z")}
    return Rows(kind.program(), values, trace["a_in"][first:].reshape(-1), expected)


def differs(given: Rows, program: Program) -> bool:
    """Return True if a program gives other values than the trace."""
    try:
        neurons = Limited(program, len(given.a_in), given.values)
        z = neurons.step(given.a_in)
        found = {**neurons.values, "z": z}
        return any((found[v] != of).any() for v, of in given.expected.items())
    except (IpvaeError, KeyError, IndexError, ValueError):
        return True


def mutants(program: Program) -> Iterator[tuple[str, Program]]:
    """Yield the mutants of a program with what each changes."""
    for path, s in _places(program.statements, ()):
        for text, change in _changes(s):
            statements = copy.deepcopy(program.statements)
            at: Any = statements
            for step in path:
                at = at[step]
            change(at)
            yield text, replace(program, statements=statements)


def _places(statements: list[Statement], path: tuple) -> Iterator[tuple[tuple, Statement]]:
    for i, s in enumerate(statements):
        yield (*path, i), s
        for part in ("then", "else", "do"):
            yield from _places(s.get(part, []), (*path, i, part))


def _changes(s: Statement) -> Iterator[tuple[str, Callable[[Statement], None]]]:
    """Yield text and change of a statement."""
    if "if" in s:
        comparison = s["if"][0]
        yield (
            f"{s['name']}: {comparison} as {OTHER[comparison]}",
            lambda at: _set(at["if"], 0, OTHER[comparison]),
        )
    if "op" not in s:
        return
    name, out = s["op"], s["out"]
    if name in SWAPPED:
        new = SWAPPED[name]
        yield f"{out}: {name} as {new}", lambda at: _rename(at, new)
    for i, operand in enumerate(s["in"]):
        if isinstance(operand, int):
            yield (
                f"{out}: {name} {operand} as {operand + 1}",
                lambda at, i=i: _set(at["in"], i, at["in"][i] + 1),
            )
    if name == "clip":
        for i, end in ((1, -(2**40)), (2, 2**40)):
            yield f"{out}: clip without end {i}", lambda at, i=i, end=end: _set(at["in"], i, end)


def _rename(at: Statement, new: str) -> None:
    at["op"] = new
    at["in"] = at["in"][:1] if new == "copy" else at["in"]


def _set(at: Any, key: Any, value: Any) -> None:
    at[key] = value


def table(kinds: list[str]) -> tuple[str, list[str]]:
    """Return rows of docs/conformance.md for these kinds, and the mutants that are not found."""
    with patch.dict(integers.OPERATIONS, {TOWARD_ZERO: toward_zero}):
        return _table(kinds)


def toward_zero(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Shift to the right that rounds toward zero, an operation that no program has."""
    return np.sign(a) * (np.abs(a) >> b)


def _table(kinds: list[str]) -> tuple[str, list[str]]:
    found, lines, left = rows(), [], []
    for kind in kinds or sorted(found):
        given = [row for row in found[kind] if not differs(row, row.program)]
        assert len(found[kind]) - len(given) <= LEFT_OUT, kind
        made = list(mutants(given[0].program))
        missed = [text for text, program in made if not any(differs(r, program) for r in given)]
        values = sum(of.size for row in given for of in row.expected.values())
        lines.append(
            f"| {kind} | {len(made)} | {len(made) - len(missed)} | {len(missed)} | {values:,} |"
        )
        left += [f"{kind}: {text}" for text in missed]
    return "\n".join(lines), left


if __name__ == "__main__":
    shown, not_found = table(sys.argv[1:])
    print(shown, *not_found, sep="\n")
