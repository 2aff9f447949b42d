"""Mutation operators: one-line changes of a Python file."""

import ast
import copy
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

COMPARISONS = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
ARITHMETIC = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.BitXor: ast.BitAnd,
}
SWAPPED = {"min": "max", "max": "min", "minimum": "maximum", "maximum": "minimum"}
BOUNDING = ("clip", "minimum", "maximum", "saturat")
"""Name parts of calls that only restrict their first argument to bounds."""
TELLING = ("log", "logger", "warn", "warnings", "on_message", "print", "note", "debug", "info")
"""Names of calls that carry messages."""
LAYOUT = (
    *("add_axes", "subplots_adjust", "subplots", "text", "Rectangle", "MaxNLocator", "place"),
    *("drawing", "fontsize", "alpha", "linewidth", "zorder", "pad", "width", "figsize"),
)
"""Calls and keywords that only affect the appearance of a picture."""

Change = tuple[str, ast.AST, ast.AST]
"""Operator, node of the tree, and its replacement."""


@dataclass(frozen=True)
class Mutant:
    """Mutant: a change of one place of one file; `before` and `after` are its lines, joined."""

    path: str
    line: int
    operator: str
    ordinal: int
    where: str
    before: str
    after: str
    text: str
    lines: tuple[int, ...]

    @property
    def id(self) -> str:
        """Identifier, stable while the file is unchanged."""
        return f"{self.path}:{self.line}:{self.operator}:{self.ordinal}"


def mutants(path: str, source: str) -> list[Mutant]:
    """All mutants of a file, in line order."""
    found: list[Mutant] = []
    seen: Counter[tuple[int, str]] = Counter()
    data = source.encode()
    starts = [0]
    for line in data.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    for (operator, old, new), place in _walk(ast.parse(source), _Place()):
        begin = starts[old.lineno - 1] + old.col_offset  # type: ignore[attr-defined]
        end = starts[old.end_lineno - 1] + old.end_col_offset  # type: ignore[attr-defined]
        try:
            piece = _written(new).encode()
            text = (data[:begin] + piece + data[end:]).decode()
            if isinstance(old, ast.JoinedStr):
                ast.parse(text)
        except (SyntaxError, ValueError):  # an f-string that Python 3.10 cannot unparse
            continue
        first, last = starts[old.lineno - 1], starts[old.end_lineno]  # type: ignore[attr-defined]
        before = " ".join(data[first:last].decode().split())
        after = " ".join((data[first:begin] + piece + data[end:last]).decode().split())
        if before == after:
            continue
        key = (old.lineno, operator)  # type: ignore[attr-defined]
        seen[key] += 1
        names = (path, old.lineno, operator, seen[key])  # type: ignore[attr-defined]
        found.append(Mutant(*names, place.name, before, after, text, place.lines(old)))
    return sorted(found, key=lambda m: m.line)


def _written(node: ast.AST) -> str:
    plain = (ast.Constant, ast.Call, ast.Compare, ast.JoinedStr, ast.stmt, ast.Slice, ast.Name)
    text = ast.unparse(node)
    return text if isinstance(node, plain) else f"({text})"


@dataclass(frozen=True)
class _Place:
    """Position of the walk: enclosing function, and its lines (empty at module level)."""

    name: str = "the module"
    body: tuple[int, int] | None = None
    default_of: tuple[int, int] | None = None
    statement: int = 0

    def lines(self, node: ast.AST) -> tuple[int, ...]:
        """Lines that a test must reach; if empty, any test that uses the module qualifies."""
        if self.default_of:
            return tuple(range(self.default_of[0] + 1, self.default_of[1] + 1))
        if self.body is None:
            return ()
        own = range(node.lineno, node.end_lineno + 1)  # type: ignore[attr-defined]
        return tuple(sorted({self.statement, *own}))


def _walk(node: ast.AST, place: _Place) -> Iterator[tuple[Change, _Place]]:
    """Changes of a node and of its descendants, except those without effect on behaviour."""
    if _is_talk(node):
        return
    if isinstance(node, ast.JoinedStr):
        yield from _in_text(node, place)
        return
    if isinstance(node, ast.stmt):
        place = _Place(place.name, place.body, place.default_of, node.lineno)
    yield from ((change, place) for change in changes(node))
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        yield from _in_function(node, place)
        return
    if isinstance(node, ast.ClassDef):
        name = node.name if place.name == "the module" else f"{place.name}.{node.name}"
        for part in node.body:
            yield from _walk(part, _Place(name, place.body))
        return
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list", "format_spec"):
            continue
        for part in value if isinstance(value, list) else [value]:
            if isinstance(part, ast.AST):
                yield from _walk(part, place)


def _in_function(node, place: _Place) -> Iterator[tuple[Change, _Place]]:
    name = node.name if place.name == "the module" else f"{place.name}.{node.name}"
    extent = (node.lineno, node.end_lineno)
    for part in (*node.args.defaults, *node.args.kw_defaults):
        if part is not None:
            yield from _walk(part, _Place(name, place.body, extent))
    for part in node.body:
        yield from _walk(part, _Place(name, extent))


def _in_text(node: ast.JoinedStr, place: _Place) -> Iterator[tuple[Change, _Place]]:
    """Changes inside an f-string, which replace it as a whole, since its parts have no position."""
    for part in node.values:
        if isinstance(part, ast.FormattedValue):
            for (operator, old, new), inner in _walk(part.value, place):
                yield (operator, node, _replaced(node, old, new)), inner


def _replaced(whole: ast.AST, old: ast.AST, new: ast.AST) -> ast.AST:
    """Copy of a tree with one node replaced."""
    number = [id(n) for n in ast.walk(whole)].index(id(old))
    result = copy.deepcopy(whole)
    target = list(ast.walk(result))[number]
    for parent in ast.walk(result):
        for name, value in ast.iter_fields(parent):
            if value is target:
                setattr(parent, name, new)
            elif isinstance(value, list) and any(v is target for v in value):
                value[[v is target for v in value].index(True)] = new
    return result


def _is_talk(node: ast.AST) -> bool:
    """True for messages, logging, appearance, `__all__` and code only for type checkers."""
    if isinstance(node, (ast.Raise, ast.Assert, ast.Import, ast.ImportFrom)):
        return True
    if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) in ("__all__", "__slots__"):
        return True
    if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
        return True
    if isinstance(node, ast.Call):
        name = ast.unparse(node.func)
        called = name.split(".")
        looks = called[-1] in LAYOUT and len(called) <= 2
        return looks or called[0] in TELLING or name.endswith(("Error", "Violation"))
    return isinstance(node, ast.keyword) and node.arg in LAYOUT


def changes(node: ast.AST) -> Iterator[Change]:
    """All changes of this node itself."""
    if isinstance(node, ast.Compare):
        for i, op in enumerate(node.ops):
            new = copy.deepcopy(node)
            new.ops[i] = COMPARISONS[type(op)]()
            yield "compare", node, new
    elif isinstance(node, (ast.BinOp, ast.AugAssign)) and type(node.op) in ARITHMETIC:
        if not any(_is_text(part) for part in ast.iter_child_nodes(node)):
            yield "arithmetic", node, _with_op(node, ARITHMETIC[type(node.op)])
    elif isinstance(node, ast.BoolOp):
        yield "logic", node, _with_op(node, ast.Or if isinstance(node.op, ast.And) else ast.And)
    elif isinstance(node, ast.Constant) and isinstance(node.value, (int, float)):
        if not isinstance(node.value, bool):
            yield "number", node, ast.Constant(_next(node.value))
    elif isinstance(node, ast.Return) and ast.unparse(node) not in ("return", "return None"):
        yield "return", node, ast.Return(ast.Constant(None))
    elif isinstance(node, (ast.Call, ast.Slice)):
        yield from _call_changes(node) if isinstance(node, ast.Call) else _slice_changes(node)
    elif isinstance(node, (ast.If, ast.IfExp, ast.While)):
        yield from _negated(node.test)
    elif isinstance(node, ast.comprehension):
        for test in node.ifs:
            yield from _negated(test)


def _with_op(node, op: type[ast.AST]):
    new = copy.deepcopy(node)
    new.op = op()
    return new


def _negated(test: ast.expr) -> Iterator[Change]:
    """Negated condition, unless a change of a comparison is equivalent."""
    order = (ast.Lt, ast.LtE, ast.Gt, ast.GtE)
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        yield "negate", test, test.operand
    elif not (isinstance(test, ast.Compare) and not isinstance(test.ops[0], order)):
        yield "negate", test, ast.UnaryOp(ast.Not(), test)


def _call_changes(node: ast.Call) -> Iterator[Change]:
    func = node.func
    name = func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", "")
    if name in SWAPPED:
        new = copy.deepcopy(node)
        if isinstance(new.func, ast.Attribute):
            new.func.attr = SWAPPED[name]
        else:
            new.func = ast.Name(SWAPPED[name])
        yield "minmax", node, new
    numpy = isinstance(func, ast.Attribute) and ast.unparse(func.value) in ("np", "numpy")
    if any(word in name for word in BOUNDING):
        if isinstance(func, ast.Attribute) and not numpy and name == "clip":
            yield "unbounded", node, func.value
        elif node.args:
            yield "unbounded", node, node.args[0]
    elif name in ("min", "max") and len(node.args) > 1:
        yield "unbounded", node, node.args[0]


def _slice_changes(node: ast.Slice) -> Iterator[Change]:
    """Off-by-one changes of a bound, except number literals, which have their own operator."""
    for side, op in (("lower", ast.Add), ("upper", ast.Sub)):
        bound = getattr(node, side)
        if bound is not None and not isinstance(bound, ast.Constant):
            yield "slice", bound, ast.BinOp(bound, op(), ast.Constant(1))


def _is_text(node: ast.AST) -> bool:
    """True for texts, lists, tuples, for which a wrong sum fails at once, and for type unions."""
    if isinstance(node, (ast.JoinedStr, ast.List, ast.Tuple, ast.ListComp)):
        return True
    return isinstance(node, ast.Constant) and isinstance(node.value, (str, bytes, type(None)))


def _next(value: float) -> float:
    """Return N + 1; large or small floats and powers of ten become 1000 times nearer to one."""
    if value != 0 and (isinstance(value, float) or str(value).strip("0") == "1"):
        exponent = int(f"{value:e}".split("e")[1])
        if abs(exponent) >= 3:
            return type(value)(f"{value * 10.0 ** (-3 if exponent > 0 else 3):.12g}")
    return value + 1
