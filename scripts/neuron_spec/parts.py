"""Parts of a neuron's program: statements, operands, and their JSON layout."""

import json
from typing import Any

from ipvae.network.layers import WEIGHT_EXP_RANGE
from ipvae.network.rules.arithmetic import STATE_MAX, TERM_MAX

Statement = dict[str, Any]
Operand = str | int

WORD = STATE_MAX.bit_length() + 1
"""Width of a word, including the sign."""

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


def op(out: str, name: str, *operands: Operand, width: int = WORD, **more: bool) -> Statement:
    """Return one operation; `more` can be unsigned=True or wraps=True."""
    if name == "shr":
        more["rounds_down"] = True
    return {"out": out, "op": name, "in": list(operands), "width": width, **more}


def bits(out: str, name: str, *operands: Operand) -> Statement:
    """Return one operation on unsigned words, modulo 2**24 if it can overflow."""
    more = {"wraps": True} if name in ("add", "mul", "shl") else {}
    return op(out, name, *operands, unsigned=True, **more)


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


def acting(act: list[Statement]) -> list[Statement]:
    """Return a program: the start of an image, an update in its step, otherwise rest."""
    return [
        branch(
            "begin",
            ["eq", "step", 0],
            [op("row", "copy", 0), op("next", "copy", "phase")],
        ),
        branch(
            "act",
            ["eq", "step", "next"],
            [
                branch(
                    "heard",
                    ["ge", "row", "lag"],
                    [op("received", "copy", "a_in")],
                    [op("received", "copy", 0)],
                ),
                *act,
                op("s_out", "copy", "z"),
                op("row", "add", "row", 1),
                op("next", "add", "next", "period"),
            ],
            [op("s_out", "copy", 0)],
        ),
        op("step", "add", "step", 1),
    ]


def total_input() -> list[Statement]:
    """Return the statements of `ipvae.network.rules.neuron_step.total_input`."""
    return [
        branch(
            "left_shift",
            ["ge", "weight_exp", 0],
            [
                op("g", "clip", "received", "input_low", "input_high"),
                op("g", "shl", "g", "left"),
            ],
            [
                op("g", "shr", "received", "right"),
                op("g_limited", "clip", "g", -TERM_MAX, TERM_MAX),
                op("g", "copy", "g_limited"),
            ],
            fixed=True,
        ),
        branch(
            "added",
            ["eq", "sign", 1],
            [op("total", "add", "drive", "g")],
            [op("total", "sub", "drive", "g")],
            fixed=True,
        ),
    ]


def bump(table: str, entries: int, shift: int) -> list[Statement]:
    """Return the statements of `bump` (docs/arithmetic.md, section 9), applied to `distance`.

    The table has `entries` entries, each for 2**shift units of the distance.
    """
    return [
        branch(
            f"{table}_far",
            ["ge", "distance", (entries - 1) << shift],
            [op("bump", "copy", 0)],
            [
                op("i", "shr", "distance", shift),
                op("f", "and", "distance", (1 << shift) - 1),
                op("j", "add", "i", 1),
                op("bump", "read", table, "i"),
                op("slope", "read", table, "j"),
                op("slope", "sub", "slope", "bump"),
                op("part", "mul", "slope", "f", width=27),
                op("part", "shr", "part", shift),
                op("bump", "add", "bump", "part"),
            ],
        )
    ]


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


def word(name: str, low: int, high: int, **more: Any) -> dict[str, Any]:
    """Return a state or constant of 24 bits with its range."""
    return {"name": name, "width": WORD, "low": low, "high": high, **more}


def layer_constants(sent: str) -> list[dict[str, Any]]:
    """Constants common to both kinds of layer; `sent` gives the location of the layer's group."""
    low, high = WEIGHT_EXP_RANGE
    return [
        word("weight_exp", low, high, source=f"{sent}/neuron/weight_exp"),
        word("left", 0, high, source="max(weight_exp, 0)"),
        word("right", 0, -low, source="max(-weight_exp, 0)"),
        word("input_high", 0, TERM_MAX, source=f"{TERM_MAX} >> left"),
        word("input_low", -TERM_MAX, 0, source="-input_high"),
        word("sign", -1, 1, source="ipvae/layers/LAYER/sign; -1 in version 1"),
        word("period", 1, 16, source="docs/arithmetic.md, section 9; 1 in version 1"),
        word("phase", 0, 16, source="docs/arithmetic.md, section 9; 0 in version 1"),
        word("lag", 0, 1, source="docs/arithmetic.md, section 9; 1 in version 1"),
    ]


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
