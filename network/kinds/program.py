"""Programs of neurons: statements, operands, widths and declared words.

A program is one step of one neuron as a list of integer operations. It is run on integers
(`ipvae.network.kinds.integers`), on intervals (`ipvae.network.kinds.intervals`), and printed with
test vectors in docs/loihi2/ (scripts/make_neuron_spec.py).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ipvae.network.rules.arithmetic import STATE_MAX

Statement = dict[str, Any]
Operand = str | int
Word = dict[str, Any]
"""Declared variable: its `name`, `width`, `low`, `high`, and where it comes from."""

WORD = STATE_MAX.bit_length() + 1
"""Width of a word, including the sign."""
INT32 = 32
"""Width of NumPy's and Lava's int32."""

OPERATORS = {
    "copy": "a",
    "add": "a + b",
    "sub": "a - b",
    "mul": "a * b",
    "shl": "a * 2**b",
    "shr": "a >> b: rounds toward minus infinity; of unsigned numbers zeros move in",
    "and": "bitwise and",
    "xor": "bitwise exclusive or",
    "abs": "a if a >= 0, else -a",
    "min": "the smaller of a and b",
    "clip": "min(max(a, b), c)",
    "read": "entry of table a; the operands behind it are its indices, from 0",
    "eq, ne, lt, le, gt, ge": "comparisons, in conditions alone",
}

READING = {
    "statements": "A program runs once in each step of the chip, for every neuron alone, its "
    "statements in order. A name is a state, a constant, an input, or what a statement above "
    "has written; a number is itself.",
    "out, op, in": "out = op(in...); the exact result fits `width` bits: signed and symmetric "
    "(24: +-(2**23 - 1)), or `unsigned` from 0. With `wraps` it is taken modulo 2**width. "
    "`rounds_down`: toward minus infinity; no other operation loses bits.",
    "if, then, else": "a condition [comparison, a, b]. With `fixed` it depends on constants of "
    "the layer alone, so that one side need not be built.",
    "repeat, times, do": "the statements under `do`, with the name under `repeat` from 0 to "
    "times - 1; `leave` ends the innermost repetition.",
    "branches": "an `if` has the branches NAME.yes and NAME.no; a `clip` OUT.below (a < b), "
    "OUT.inside, OUT.above (a > c); a `min` OUT.whole (a <= b) and OUT.cut.",
    "vectors": "`given` replaces values of `usual`; after one step the states, and the output "
    "`s_out`, are those under `gives`. `branch` is one of the branches that the vector reaches.",
}
SIGNED_WRAP = (
    "a signed result that wraps is in -2**(width - 1) .. 2**(width - 1) - 1 (two's complement)"
)


@dataclass(frozen=True)
class Program:
    """One step of a neuron, and every variable that it has.

    Attributes
    ----------
    statements : list of Statement
    states, constants, neuron_constants : list of Word
        Kept between steps; shared by a layer; specific to each neuron.
    inputs, outputs : list of Word
        `a_in`, and what is sent, `s_out`.
    tables : dict of str -> int array
        Look-up tables by name.
    """

    statements: list[Statement]
    states: list[Word]
    constants: list[Word]
    neuron_constants: list[Word]
    inputs: list[Word]
    outputs: list[Word]
    tables: Mapping[str, np.ndarray] = field(default_factory=dict)

    @property
    def kept(self) -> list[Word]:
        """States and constants: what a step starts from."""
        return [*self.states, *self.constants, *self.neuron_constants]


def op(out: str, name: str, *operands: Operand, width: int = WORD, **more: bool) -> Statement:
    """Return one operation; `more` can be unsigned=True or wraps=True."""
    if name == "shr":
        more["rounds_down"] = True
    return {"out": out, "op": name, "in": list(operands), "width": width, **more}


def bits(out: str, name: str, *operands: Operand) -> Statement:
    """Return one operation on unsigned words, modulo 2**24 if it can overflow."""
    more = {"wraps": True} if name in ("add", "mul", "shl") else {}
    return op(out, name, *operands, unsigned=True, **more)


def int32(out: str, name: str, *operands: Operand) -> Statement:
    """Return one operation on 32-bit words that wraps as NumPy's int32 does."""
    return op(out, name, *operands, width=INT32, wraps=True)


def branch(
    name: str,
    condition: list[Operand],
    then: list[Statement],
    otherwise: list[Statement] | None = None,
    fixed: bool = False,
) -> Statement:
    """Return an `if`."""
    parts: Statement = {"if": condition, "name": name}
    if fixed:
        parts["fixed"] = True
    return {**parts, "then": then, "else": otherwise or []}


def repeat(name: str, times: Operand, do: list[Statement]) -> Statement:
    """Return a loop."""
    return {"repeat": name, "times": times, "do": do}


LEAVE: Statement = {"leave": True}


def word(name: str, low: int, high: int, width: int = WORD, **more: Any) -> Word:
    """Return a state, a constant, an input or an output with its range."""
    return {"name": name, "width": width, "low": low, "high": high, **more}


def int32_word(name: str, **more: Any) -> Word:
    """Return a word of 32 bits in two's complement."""
    return word(name, -(2 ** (INT32 - 1)), 2 ** (INT32 - 1) - 1, INT32, **more)


def width_range(statement: Statement) -> tuple[int, int]:
    """Smallest and largest result of an operation that its declared width allows."""
    width = statement["width"]
    if statement.get("unsigned"):
        return 0, (1 << width) - 1
    high = (1 << (width - 1)) - 1
    return (-high - 1 if statement.get("wraps") else -high), high


def operations(statements: list[Statement]) -> Iterator[Statement]:
    """Operations of a program, nested ones too, in order."""
    for s in statements:
        if "op" in s:
            yield s
        for part in ("then", "else", "do"):
            yield from operations(s.get(part, []))


def branches_of(program: list[Statement]) -> list[str]:
    """Names of all branches of a program, in order."""
    found: list[str] = []
    for s in program:
        if "if" in s:
            found += [f"{s['name']}.yes", *branches_of(s["then"])]
            found += [f"{s['name']}.no", *branches_of(s["else"])]
        elif "repeat" in s:
            found += branches_of(s["do"])
        elif s.get("op") == "clip":
            found += [f"{s['out']}.{place}" for place in ("below", "inside", "above")]
        elif s.get("op") == "min":
            found += [f"{s['out']}.{place}" for place in ("whole", "cut")]
    return found
