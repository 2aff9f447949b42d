"""Compiled neurons of any kind, made from the kind's program.

The program is written as a function of integers of 64 bits, one neuron after another, which numba
compiles. `ipvae.network.kinds.integers` is the reference: it runs the rows again, and raises its
error, where a result does not fit its declared width.
"""

import linecache
from collections.abc import Iterator, Mapping
from functools import lru_cache
from hashlib import sha256
from typing import Any

import numpy as np

from ipvae.compiled import compiled
from ipvae.emulator.event_driven.neurons import Update
from ipvae.emulator.event_driven.packing import Places
from ipvae.emulator.simd.int32x16 import int32_at, int64_at, uint8_at
from ipvae.network.kinds import NeuronKind
from ipvae.network.kinds.integers import Neurons
from ipvae.network.kinds.program import Operand, Program, Statement, Word, width_range

COMPARISONS = {"eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}
INFIX = {"add": "+", "sub": "-", "mul": "*", "and": "&", "xor": "^"}
INDENT = "    "
NEURON = 4 * INDENT
"""Indentation of the statements of one neuron."""


@compiled(nogil=True)
def shift_left(a: int, b: int) -> int:
    """Shift as NumPy does: nothing is left beyond 63 places."""
    return a << b if 0 <= b < 64 else 0


@compiled(nogil=True)
def shift_right(a: int, b: int) -> int:
    """Shift as NumPy does: the sign is left beyond 63 places."""
    return a >> b if 0 <= b < 64 else (-1 if a < 0 else 0)


class Writer:
    """Python source of a program.

    Names of the program get the prefix `v_`, so that they cannot meet others.
    """

    def __init__(self, program: Program) -> None:
        self.program, self.loops = program, 0

    def source(self, graded: bool) -> str:
        """Return the function `rows`, which returns 1 if a result does not fit its width."""
        program = self.program
        tables = "".join(f", t_{name}" for name in program.tables)
        own = [w["name"] for w in program.neuron_constants]
        kept = [w["name"] for w in program.states]
        new = sorted(_written(program.statements) - {*own, *kept})
        shared = [
            f"{INDENT}v_{w['name']} = constants[{i}]" for i, w in enumerate(program.constants)
        ]
        kind, size = ("int32", 4) if graded else ("uint8", 1)
        body = [
            "v_a_in = int64(a[k])",
            *(f"v_{name} = own[{i}, b * n + i]" for i, name in enumerate(own)),
            *(f"v_{name} = state[{i}, b * n + i]" for i, name in enumerate(kept)),
            *(f"v_{name} = int64(0)" for name in new),
            *self._ranges(program.inputs),
        ]
        body = [NEURON + line for line in body]
        body += self._lines(program.statements, NEURON)
        body += [NEURON + line for line in self._ranges([*program.states, *program.outputs])]
        stored = [f"state[{i}, b * n + i] = v_{name}" for i, name in enumerate(kept)]
        recorded = [
            f"{INDENT}int32_at(to + {i} * of.recorded_state)[k] = v_{name}"
            for i, name in enumerate(kept)
        ]
        body += [NEURON + line for line in (*stored, *_COUNTED, "if of.recorded:", *recorded)]
        return _FRAME.format(
            tables=tables, shared="\n".join(shared), kind=kind, size=size, body="\n".join(body)
        )

    def _lines(self, statements: list[Statement], indent: str) -> Iterator[str]:
        if not statements:
            yield indent + "pass"
        for s in statements:
            if "if" in s:
                comparison, a, b = s["if"]
                yield f"{indent}if {_operand(a)} {COMPARISONS[comparison]} {_operand(b)}:"
                yield from self._lines(s["then"], indent + INDENT)
                if s["else"]:
                    yield f"{indent}else:"
                    yield from self._lines(s["else"], indent + INDENT)
            elif "repeat" in s:
                yield from self._loop(s, indent)
            elif "leave" in s:
                yield indent + "break"
                return
            else:
                yield from (indent + line for line in self._operation(s))

    def _loop(self, s: Statement, indent: str) -> Iterator[str]:
        self.loops += 1
        counter = f"c_{self.loops}"
        yield f"{indent}{counter} = int64(0)"
        yield f"{indent}while {_operand(s['times'])} > {counter}:"
        yield f"{indent}{INDENT}v_{s['repeat']} = {counter}"
        yield f"{indent}{INDENT}{counter} += 1"
        yield from self._lines(s["do"], indent + INDENT)

    def _operation(self, s: Statement) -> Iterator[str]:
        out, (low, high) = f"v_{s['out']}", width_range(s)
        if s["op"] == "read":
            name, *indices = s["in"]
            shape = self.program.tables[name].shape
            places = [_operand(i) for i in indices]
            inside = " and ".join(
                f"-{most} <= {place} < {most}" for place, most in zip(places, shape, strict=True)
            )
            yield f"if {inside}:"
            yield f"{INDENT}{out} = int64(t_{name}[{', '.join(places)}])"
            yield "else:"
            yield f"{INDENT}return 1"
        else:
            yield f"{out} = {_exact(s['op'], [_operand(o) for o in s['in']], s['in'])}"
        if s.get("wraps"):
            yield f"{out} = (({out} - {low}) & {(1 << s['width']) - 1}) + {low}"
        else:
            yield f"if {out} < {low} or {out} > {high}:"
            yield f"{INDENT}return 1"

    def _ranges(self, words: list[Word]) -> Iterator[str]:
        for w in words:
            yield f"if v_{w['name']} < {w['low']} or v_{w['name']} > {w['high']}:"
            yield f"{INDENT}return 1"


_COUNTED = (
    "z[k] = v_s_out",
    "size = abs(v_s_out)",
    "active = int64(size != 0)",
    "messages[k] += active",
    "sizes[k] += size",
    "sent += active",
)
_FRAME = """def rows(of, constants, own, state, places{tables}):
    n = len(places)
    messages, sizes, by_row = int64_at(of.messages), int64_at(of.sizes), int64_at(of.by_row)
{shared}
    for b in range(of.images):
        for r in range(of.rows):
            a = int32_at(of.a + b * of.a_image + 4 * r * of.width)
            z = {kind}_at(of.z + b * of.z_image + {size} * r * of.width)
            to = of.recorded + b * of.recorded_image + 4 * r * of.width
            sent = int64(0)
            for i in range(n):
                k = places[i]
{body}
            by_row[b * of.rows + r] += sent
    return 0
"""


def _operand(o: Operand) -> str:
    return f"int64({o})" if isinstance(o, int) else f"v_{o}"


def _exact(name: str, a: list[str], given: list[Operand]) -> str:
    """Expression of an operation, before its result is fitted to a width."""
    if name in INFIX:
        return f"{a[0]} {INFIX[name]} {a[1]}"
    if name in ("shl", "shr"):
        if isinstance(given[1], int) and 0 <= given[1] < 64:
            return f"{a[0]} {'<<' if name == 'shl' else '>>'} {a[1]}"
        return f"shift_{'left' if name == 'shl' else 'right'}({a[0]}, {a[1]})"
    forms = {"copy": "{0}", "abs": "abs({0})", "min": "min({0}, {1})"}
    return {**forms, "clip": "min(max({0}, {1}), {2})"}[name].format(*a)


def _written(statements: list[Statement]) -> set[str]:
    """Names that statements write, nested ones too."""
    found = {s["repeat"] for s in statements if "repeat" in s}
    found |= {s["out"] for s in statements if "op" in s}
    for s in statements:
        for part in ("then", "else", "do"):
            found |= _written(s.get(part, []))
    return found


def kernel(program: Program, graded: bool) -> Any:
    """Return the compiled function of a program; it is compiled at its first call."""
    return _kernel(Writer(program).source(graded))


@lru_cache(maxsize=64)
def _kernel(source: str) -> Any:
    name = f"<program {sha256(source.encode()).hexdigest()[:12]}>"
    linecache.cache[name] = (len(source), None, source.splitlines(True), name)
    given = {
        **{"int32_at": int32_at, "int64_at": int64_at, "uint8_at": uint8_at, "int64": np.int64},
        **{"shift_left": shift_left, "shift_right": shift_right},
    }
    exec(compile(source, name, "exec"), given)
    return compiled(nogil=True)(given["rows"])


class ProgramRows:
    """Neurons of a layer in all images of a tile; arguments as `kinds.ByProgram`."""

    def __init__(self, kind: NeuronKind, places: Places, biases: np.ndarray, images: int) -> None:
        self._program, self._places, self._images = kind.program(), places, images
        program, n = self._program, places.n
        self._rows = kernel(program, kind.message_bits > 0)
        self._positions = places.positions.astype(np.int64)
        constants, own = kind.constants(), kind.neuron_constants(places.unpacked(biases))
        self._constants = _stacked(constants, program.constants, 1)[:, 0]
        self._own = np.tile(_stacked(own, program.neuron_constants, n), images)
        self._start = np.tile(_stacked(kind.start(n), program.states, n), images)
        self._tables = [np.ascontiguousarray(table) for table in program.tables.values()]
        self.begin()

    def begin(self, keys: np.ndarray | None = None) -> None:  # noqa: ARG002
        """Reset all states."""
        self._state = self._start.copy()

    def update(self, of: Update, sums: np.ndarray, states: np.ndarray) -> None:
        """Update rows, and write the states after the last one.

        Parameters
        ----------
        of : Update
        sums : (images, rows, width) int32, packed
            What `of` has the address of.
        states : (images, 3 or more, width) int32, packed

        Raises
        ------
        WidthError
            If a result does not fit the width that the program declares.
        """
        before = self._state.copy()
        own = self._constants, self._own, self._state, self._positions
        if self._rows(of, *own, *self._tables):
            self._fail(before, sums)
        n_states = len(self._program.states)
        by_image = self._state.astype(np.int32).reshape(n_states, self._images, -1)
        states[:, :n_states] = np.moveaxis(self._places.packed(by_image), 0, 1)

    def _fail(self, before: np.ndarray, sums: np.ndarray) -> None:
        """Run the rows by the reference, which raises the error."""
        program, words = self._program, self._program.states
        values = {w["name"]: of for w, of in zip(words, before, strict=True)}
        for words, arrays in (
            (program.constants, self._constants),
            (program.neuron_constants, self._own),
        ):
            values |= {w["name"]: of for w, of in zip(words, arrays, strict=True)}
        neurons = Neurons(program, before.shape[1], values)
        for r in range(sums.shape[1]):
            neurons.step(self._places.unpacked(np.ascontiguousarray(sums[:, r])).reshape(-1))
        raise AssertionError("the reference accepts what its compiled program refuses")


def _stacked(values: Mapping[str, Any], words: list[Word], n: int) -> np.ndarray:
    """Values of words, 0 where there is none: (words, n) int64."""
    given = [np.broadcast_to(values.get(w["name"], 0), n) for w in words]
    return np.array(given, np.int64).reshape(len(words), n)
