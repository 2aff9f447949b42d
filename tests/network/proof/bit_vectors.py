# pyright: reportMissingImports=false, reportCallIssue=false
"""Programs of neurons on bit vectors: can a result leave the interval that the proof gives it?

Every variable is a vector of WIDTH bits, wide enough that no exact result of a program wraps.
Both sides of a branch are followed, and joined by its condition, so that relations between
variables are kept, which intervals do not see. It shares nothing with the proof.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count

import z3

WIDTH = 48
COMPARE = {
    "eq": lambda a, b: a == b,
    "ne": lambda a, b: a != b,
    "lt": lambda a, b: a < b,
    "le": lambda a, b: a <= b,
    "gt": lambda a, b: a > b,
    "ge": lambda a, b: a >= b,
}
ARITHMETIC = {
    "copy": lambda a: a,
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "shl": lambda a, b: a << b,
    "shr": lambda a, b: a >> b,
    "and": lambda a, b: a & b,
    "xor": lambda a, b: a ^ b,
}


@dataclass
class Result:
    """Exact result of an operation: its name as in `Ranges.exact`, statement, condition, value."""

    key: str
    statement: dict
    condition: object
    value: object


@dataclass
class Bits:
    """One neuron, whose variables are numbers or bit vectors.

    Attributes
    ----------
    tables : dict of str -> array
    assumed : list
        Ranges of the free variables.
    results : list of Result
    havoc : dict of str -> callable
        Loop variable -> function of (round, variables before the loop): ranges of variables that
        one more round keeps. Such a loop is followed for one round of any number.
    free : set of str
        Names of results and branches that may have any value: the hash and its comparison.
    """

    tables: dict
    havoc: dict = field(default_factory=dict)
    free: frozenset = frozenset()
    assumed: list = field(default_factory=list)
    results: list = field(default_factory=list)
    left: list = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=count)

    def variable(self, low, high, name="x"):
        """Return a free variable in low..high."""
        if low == high:
            return int(low)
        made = z3.BitVec(f"{name}{next(self.numbers)}", WIDTH)
        self.assumed.append(z3.And(made >= low, made <= high))
        return made

    def note(self, key, value, condition=True, statement=None):
        """Record a result, for claims."""
        self.results.append(Result(key, statement or {}, condition, value))
        return value

    def block(self, statements, values, condition, side=""):
        """Follow statements; return the variables and the condition of getting to the end."""
        for s in statements:
            if condition is False:
                break
            if "if" in s:
                values, condition = self.choose(s, values, condition)
            elif "repeat" in s:
                values = self.repeat(s, values, condition, side)
            elif "leave" in s:
                self.left.append((condition, values))
                return values, False
            else:
                values = {**values, s["out"]: self.operate(s, values, condition, side)}
        return values, condition

    def choose(self, s, values, condition):
        comparison, a, b = s["if"]
        if s["name"] in self.free:
            holds = z3.Bool(f"{s['name']}{next(self.numbers)}")
        else:
            holds = COMPARE[comparison](of(a, values), of(b, values))
        yes = self.block(s["then"], values, both(condition, holds), f"{s['name']}.yes/")
        no = self.block(s["else"], values, both(condition, opposite(holds)), f"{s['name']}.no/")
        return joined(holds, *yes, *no)

    def repeat(self, s, values, condition, side):
        outer, self.left = self.left, []
        times = of(s["times"], values)
        if s["repeat"] in self.havoc:
            values = self.any_round(s, values, condition, side, times)
        else:
            for i in range(times):
                values, condition = self.block(s["do"], {**values, s["repeat"]: i}, condition, side)
            for left, at in reversed(self.left):
                values, _ = joined(left, at, left, values, True)
        self.left = outer
        return values

    def any_round(self, s, values, condition, side, times):
        kept = self.havoc[s["repeat"]]
        i = self.variable(0, 2**20, "round")
        before = {name: self.between(*ends) for name, ends in kept(i).items()}
        inside = both(condition, i < times)
        after, _ = self.block(s["do"], {**values, **before, s["repeat"]: i}, inside, side)
        for name, (low, high) in kept(i + 1).items():
            self.note(f"kept {name}", after[name] - low, inside)
            self.note(f"kept {name}", high - after[name], inside)
        return {**values, **{name: self.between(*ends) for name, ends in kept(times).items()}}

    def between(self, low, high):
        made = z3.BitVec(f"kept{next(self.numbers)}", WIDTH)
        self.assumed.append(z3.And(made >= low, made <= high))
        return made

    def operate(self, s, values, condition, side):
        key = f"{side}{s['out']}.{s['op']}"
        if s["out"] in self.free:
            return self.variable(0, 2**24 - 1, s["out"])
        exact = self.exact(s, [of(o, values) for o in s["in"]], condition)
        self.note(key, exact, condition, s)
        cut = self.cuts.get(key)
        if cut is not None and not isinstance(exact, int):
            return self.variable(*cut, s["out"])
        return wrapped(s, exact) if s.get("wraps") else exact

    def exact(self, s, given, condition):
        name = s["op"]
        if name == "read":
            return self.read(s, given, condition)
        if name == "min":
            return choice(given[0] <= given[1], given[0], given[1])
        if name == "clip":
            above = choice(given[0] < given[1], given[1], given[0])
            return choice(above > given[2], given[2], above)
        if name == "abs":
            return choice(given[0] < 0, -given[0], given[0])
        return ARITHMETIC[name](*given)

    def read(self, s, given, condition):
        """Entry of a table, one of whose indices may be free; that it is inside is a claim."""
        table = self.tables[s["in"][0]]
        index, *more = given[1:] if isinstance(given[0], str) else given
        column = table[:, more[0]] if more else table
        if isinstance(index, int):
            return int(column[index])
        self.note("read below", index, condition)
        self.note("read above", len(column) - 1 - index, condition)
        low, high = self.index_range if more else (0, len(column) - 1)
        found = z3.BitVecVal(int(column[high]), WIDTH)
        for i in range(high - 1, low - 1, -1):
            found = z3.If(index == i, z3.BitVecVal(int(column[i]), WIDTH), found)
        return found

    index_range: tuple = (0, 0)
    """Rows of the sampler's table that can be read; claims bound the row."""
    cuts: dict = field(default_factory=dict)
    """Results in whose place any number of their interval, a claim, is followed: key -> ends."""


def of(operand, values):
    """Value of a name; numbers and names of tables are themselves."""
    return values.get(operand, operand) if isinstance(operand, str) else operand


def both(a, b):
    """Conjunction of conditions that may be known."""
    if a is False or b is False:
        return False
    return b if a is True else a if b is True else z3.And(a, b)


def opposite(a):
    return not a if isinstance(a, bool) else z3.Not(a)


def choice(condition, a, b):
    """a where a condition holds, else b."""
    if isinstance(condition, bool):
        return a if condition else b
    return z3.If(condition, vector(a), vector(b))


def vector(a):
    return z3.BitVecVal(a, WIDTH) if isinstance(a, int) else a


def joined(holds, one, at_one, two, at_two):
    """Join the variables of two sides, and the conditions of getting to their ends."""
    if at_one is False:
        return two, at_two
    if at_two is False:
        return one, at_one
    values = {}
    for name in one.keys() | two.keys():
        a, b = one.get(name, two.get(name)), two.get(name, one.get(name))
        values[name] = a if a is b else choice(holds, a, b)
    either = True if at_one is True and at_two is True else z3.Or(at_one, at_two)
    return values, either


def wrapped(s, exact):
    """Two's complement, or the lowest bits of an unsigned word."""
    width, mask = s["width"], (1 << s["width"]) - 1
    low = 0 if s.get("unsigned") else -(1 << (width - 1))
    return ((exact - low) & mask) + low


class Solver:
    """Answers whether values within assumptions can be where they must not."""

    def __init__(self, assumed):
        self.assumed = [(condition, names_in(condition)) for condition in assumed]

    def possible(self, *conditions):
        """Whether these can hold at once; an answer is required."""
        if any(c is False for c in conditions):
            return False
        given = [z3.BoolVal(c) if isinstance(c, bool) else c for c in conditions]
        solver = z3.SolverFor("QF_BV")
        solver.set("timeout", 60000)
        solver.add(*given, *self.relevant(set().union(*map(names_in, given))))
        found = solver.check()
        assert found != z3.unknown, "no answer within a minute"
        return found == z3.sat

    def relevant(self, names):
        """Assumptions about these variables, and about others in them."""
        waiting, chosen = self.assumed, []
        while True:
            new = [(c, within) for c, within in waiting if within & names]
            if not new:
                return chosen
            waiting = [pair for pair in waiting if not pair[1] & names]
            chosen += [c for c, _ in new]
            names = names.union(*(within for _, within in new))


def names_in(expression):
    """Names of the free variables of an expression."""
    found, waiting, seen = set(), [expression], set()
    while waiting:
        at = waiting.pop()
        if at.get_id() in seen:
            continue
        seen.add(at.get_id())
        if z3.is_const(at) and at.decl().kind() == z3.Z3_OP_UNINTERPRETED:
            found.add(at.decl().name())
        waiting.extend(at.children())
    return found
