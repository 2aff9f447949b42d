"""Programs executed on intervals: the range of every result, for whole ranges of inputs.

An `if` is followed to both sides where both are possible, with the range of the compared variable
cut to each side, and the sides are joined. Variables are treated as independent of each other; a
relation between them that the range of a result needs is given as a fact, with its reason, by the
caller.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from ipvae.network.kinds.program import Operand, Program, Statement, width_range
from ipvae.network.proof.interval import Interval, between

Values = dict[str, Interval]
Fact = Callable[[Values], Interval]
"""Function of all variables: the range of a result, in place of the computed one."""

MOST_ROUNDS = 64
"""Longest loop that is followed."""


def points(values: "Mapping[str, int | np.ndarray]") -> Values:
    """Return known values as intervals."""
    return {name: between(value, value) for name, value in values.items()}


@dataclass
class Ranges:
    """Ranges of a program's results.

    Attributes
    ----------
    exact : dict of str -> Interval
        Result of each operation before it wraps, by `SIDE/OUT.OP`: the innermost branch, the
        variable, the operator ('swish.yes/y.sub'); outside of branches `OUT.OP`. Operations of the
        same name are joined.
    statements : dict of str -> Statement
        Operations by the same names; one of them if there are several.
    values : dict of str -> Interval
        All variables after the last statement.
    """

    exact: Values = field(default_factory=dict)
    statements: dict[str, Statement] = field(default_factory=dict)
    values: Values = field(default_factory=dict)


def ranges(
    program: Program, values: Mapping[str, Interval], facts: Mapping[str, Fact] | None = None
) -> Ranges:
    """Execute a program on intervals.

    Parameters
    ----------
    program : Program
    values : dict of str -> Interval
        States, constants and inputs: (n,) or () each.
    facts : dict of str -> Fact
        By names as in `Ranges.exact`.

    Raises
    ------
    ValueError
        If a table may be read outside its entries, or a loop is longer than `MOST_ROUNDS`.
    """
    found = Ranges()
    shape = np.broadcast_shapes(*(np.shape(i.low) for i in values.values()))
    run = _Run(program, facts or {}, found)
    found.values, _ = run.block(program.statements, dict(values), np.ones(shape, bool), "")
    return found


@dataclass
class _Run:
    """Execution: `block` takes and gives variables, and the neurons that get there."""

    program: Program
    facts: Mapping[str, Fact]
    found: Ranges

    def block(
        self, statements: list[Statement], values: Values, where: np.ndarray, side: str
    ) -> tuple[Values, np.ndarray]:
        for s in statements:
            if not where.any():
                break
            if "if" in s:
                values, where = self.choose(s, values, where)
            elif "repeat" in s:
                values = self.repeat(s, values, where, side)
            elif "leave" in s:
                self.left.append((values, where))
                return values, np.zeros_like(where)
            else:
                values = {**values, s["out"]: self.operate(s, values, where, side)}
        return values, where

    left: list[tuple[Values, np.ndarray]] = field(default_factory=list)

    def choose(self, s: Statement, values: Values, where: np.ndarray) -> tuple[Values, np.ndarray]:
        comparison, a, b = s["if"]
        sides = []
        for side, holds in (("yes", True), ("no", False)):
            cut, possible = _assumed(comparison, a, b, holds, values)
            part = s["then" if holds else "else"]
            sides.append(self.block(part, cut, where & possible, f"{s['name']}.{side}/"))
        return _joined(*sides[0], *sides[1])

    def repeat(self, s: Statement, values: Values, where: np.ndarray, side: str) -> Values:
        outer, self.left = self.left, []
        times, done, ended = _operand(s["times"], values), values, np.zeros_like(where)
        for i in range(MOST_ROUNDS + 1):
            done, ended = _joined(done, ended, values, where & (times.low <= i))
            where = where & (times.high > i)
            if not where.any():
                break
            if i == MOST_ROUNDS:
                raise ValueError(f"loop {s['repeat']}: more than {MOST_ROUNDS} rounds")
            values, where = self.block(s["do"], {**values, s["repeat"]: between(i, i)}, where, side)
        for place in self.left:
            done, ended = _joined(done, ended, *place)
        self.left = outer
        return done

    def operate(self, s: Statement, values: Values, where: np.ndarray, side: str) -> Interval:
        name = f"{side}{s['out']}.{s['op']}"
        if name in self.facts:
            exact = self.facts[name](values)
        elif s["op"] == "read":
            exact = self.read(s, values, where)
        else:
            exact = RULES[s["op"]](*(_operand(o, values) for o in s["in"]))
        known = self.found.exact.get(name)
        masked = _masked(exact, where)
        self.found.exact[name] = masked if known is None else _hull(known, masked)
        self.found.statements[name] = s
        return wrapped(s, exact) if s.get("wraps") else exact

    def read(self, s: Statement, values: Values, where: np.ndarray) -> Interval:
        table = self.program.tables[s["in"][0]].astype(np.int64)
        wide = between(0, 0)
        for axis, o in reversed([*enumerate(s["in"][1:])]):
            index = _operand(o, values)
            low, high = _masked(index, where).ends
            if low < 0 or high >= table.shape[axis]:
                raise ValueError(f"{s['out']}: table {s['in'][0]} is read at {low}..{high}")
            if low == high:
                table = np.asarray(table.take(low, axis=axis))
            else:
                wide = index
        if table.ndim > 1:
            raise ValueError(f"{s['out']}: two indices of table {s['in'][0]} vary")
        if table.ndim == 0:
            return between(table, table)
        low, high = np.where(where, wide.low, 0), np.where(where, wide.high, 0)
        return between(
            _extreme(np.minimum, table, low, high), _extreme(np.maximum, table, low, high)
        )


def _operand(o: Operand, values: Values) -> Interval:
    return between(o, o) if isinstance(o, int) else values[o]


def _masked(i: Interval, where: np.ndarray) -> Interval:
    """Give neurons that do not get here the range of one that does."""
    if where.all():
        return i
    low, high = np.broadcast_arrays(i.low, i.high, where)[:2]
    return between(np.where(where, low, low[where].min()), np.where(where, high, low[where].min()))


def _hull(a: Interval, b: Interval) -> Interval:
    return between(np.minimum(a.low, b.low), np.maximum(a.high, b.high))


def _joined(a: Values, in_a: np.ndarray, b: Values, in_b: np.ndarray) -> tuple[Values, np.ndarray]:
    """Join the variables of two places, for neurons that get to one of them or to both."""
    if not in_b.any():
        return a, in_a
    if not in_a.any():
        return b, in_b
    both: Values = {}
    for name in a.keys() | b.keys():
        one, two = a.get(name, b.get(name)), b.get(name, a.get(name))
        if one is None or two is None or one is two:
            both[name] = one or between(0, 0)
            continue
        low = np.where(in_a & in_b, np.minimum(one.low, two.low), np.where(in_a, one.low, two.low))
        high = np.maximum(one.high, two.high)
        high = np.where(in_a & in_b, high, np.where(in_a, one.high, two.high))
        both[name] = between(low, high)
    return both, in_a | in_b


OPPOSITE = {"eq": "ne", "ne": "eq", "lt": "ge", "ge": "lt", "gt": "le", "le": "gt"}


def _assumed(
    comparison: str, a: Operand, b: Operand, holds: bool, values: Values
) -> tuple[Values, np.ndarray]:
    """Cut variables to where a condition holds, or does not; the neurons for which it can."""
    comparison = comparison if holds else OPPOSITE[comparison]
    if comparison in ("gt", "ge"):
        a, b, comparison = b, a, {"gt": "lt", "ge": "le"}[comparison]
    one, two = _operand(a, values), _operand(b, values)
    if comparison == "ne":
        return values, (one.low != two.high) | (one.high != two.low)
    strict = int(comparison == "lt")
    new = {a: between(one.low, np.minimum(one.high, two.high - strict))}
    new[b] = between(np.maximum(two.low, one.low + strict), two.high)
    if comparison == "eq":
        new[a] = new[b] = between(np.maximum(one.low, two.low), np.minimum(one.high, two.high))
    possible = (new[a].low <= new[a].high) & (new[b].low <= new[b].high)
    return {**values, **{name: i for name, i in new.items() if isinstance(name, str)}}, possible


def wrapped(s: Statement, exact: Interval) -> Interval:
    """Range of a result after it wraps to its width: everything where it may."""
    low, high = width_range(s)
    fits = (exact.low >= low) & (exact.high <= high)
    return between(np.where(fits, exact.low, low), np.where(fits, exact.high, high))


def _extreme(of: np.ufunc, table: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Smallest or largest entry from `low` to `high`, for each neuron."""
    levels = [table]
    while len(levels[-1]) > 1 << (len(levels) - 1):
        half = 1 << (len(levels) - 1)
        levels.append(of(levels[-1][:-half], levels[-1][half:]))
    found = np.empty(np.shape(low), np.int64)
    level = np.frexp(high - low + 1)[1] - 1
    for n, entries in enumerate(levels):
        at = level == n
        found[at] = of(entries[low[at]], entries[high[at] - (1 << n) + 1])
    return found


def _mul(a: Interval, b: Interval) -> Interval:
    ends = np.broadcast_arrays(a.low * b.low, a.low * b.high, a.high * b.low, a.high * b.high)
    return between(np.minimum.reduce(ends), np.maximum.reduce(ends))


def _shifted(shift: np.ufunc, a: Interval, b: Interval) -> Interval:
    low = np.minimum(shift(a.low, b.low), shift(a.low, b.high))
    return between(low, np.maximum(shift(a.high, b.low), shift(a.high, b.high)))


def _unsigned(largest: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Callable[..., Interval]:
    """Rule of a logic operation on unsigned words: 0 to the largest of two largest operands."""

    def rule(a: Interval, b: Interval) -> Interval:
        if a.ends[0] < 0 or b.ends[0] < 0:
            raise ValueError("logic of negative numbers")
        return between(0 * (a.low + b.low), largest(a.high, b.high))

    return rule


def _all_ones(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Largest number of as many binary digits as the larger of two."""
    digits = np.frexp(np.maximum(a, b).astype(float))[1]
    return (np.int64(1) << digits.astype(np.int64)) - 1


RULES: dict[str, Callable[..., Interval]] = {
    "copy": lambda a: a,
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": _mul,
    "shl": lambda a, b: _shifted(np.left_shift, a, b),
    "shr": lambda a, b: _shifted(np.right_shift, a, b),
    "and": _unsigned(np.minimum),
    "xor": _unsigned(_all_ones),
    "abs": lambda a: between(0 * a.low, np.maximum(-a.low, a.high)),
    "min": lambda a, b: between(np.minimum(a.low, b.low), np.minimum(a.high, b.high)),
    "clip": lambda a, low, high: between(
        np.minimum(np.maximum(a.low, low.low), high.low),
        np.minimum(np.maximum(a.high, low.high), high.high),
    ),
}
