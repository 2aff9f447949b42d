"""Neurons that execute a program on integers: the reference step of a kind."""

from collections.abc import Callable, Mapping

import numpy as np

from ipvae.errors import IpvaeError
from ipvae.network.kinds.program import Operand, Program, Statement, Word, width_range

COMPARISONS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "eq": np.equal,
    "ne": np.not_equal,
    "lt": np.less,
    "le": np.less_equal,
    "gt": np.greater,
    "ge": np.greater_equal,
}
OPERATIONS: dict[str, Callable[..., np.ndarray]] = {
    "copy": lambda a: a,
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "shl": np.left_shift,
    "shr": np.right_shift,
    "and": np.bitwise_and,
    "xor": np.bitwise_xor,
    "abs": np.abs,
    "min": np.minimum,
    "clip": lambda a, low, high: np.minimum(np.maximum(a, low), high),
}


class WidthError(IpvaeError, ArithmeticError):
    """A result does not fit the width or the range that the program declares."""

    exit_status = 1


class Neurons:
    """Neurons of one layer, with all their variables.

    Parameters
    ----------
    program : Program
    n : int
        Number of neurons.
    values : dict of str -> int or (n,) int array
        Every constant of the program, and states that do not start at 0.

    Attributes
    ----------
    values : dict of str -> (n,) int64
        States and constants, and after a step everything that it has written. Where a neuron has
        not written a variable, its value has no meaning.

    Raises
    ------
    KeyError
        If a constant is missing, or a name is unknown.
    WidthError
        If a constant is outside its range.
    """

    def __init__(self, program: Program, n: int, values: Mapping[str, "int | np.ndarray"]) -> None:
        self.program, self.n = program, n
        needed = {w["name"] for w in (*program.constants, *program.neuron_constants)}
        names = {w["name"] for w in program.kept}
        if wrong := (needed - values.keys()) | (values.keys() - names):
            raise KeyError(", ".join(sorted(wrong)))
        self.values = {name: self._for_each(values.get(name, 0)) for name in names}
        self._require_ranges([*program.constants, *program.neuron_constants])

    def step(self, a_in: "int | np.ndarray" = 0) -> np.ndarray:
        """Execute the program once.

        Parameters
        ----------
        a_in : int or (n,) int array
            Synaptic input.

        Returns
        -------
        (n,) int64
            Messages, `s_out`.

        Raises
        ------
        WidthError
            If a result does not fit its width, or a state its range; the message names it.
        """
        self.values = {w["name"]: self.values[w["name"]].copy() for w in self.program.kept}
        self.values["a_in"] = self._for_each(a_in)
        self._require_ranges(self.program.inputs)
        self._run(self.program.statements, np.arange(self.n))
        self._require_ranges([*self.program.states, *self.program.outputs])
        return self.values["s_out"]

    def _for_each(self, value: "int | np.ndarray") -> np.ndarray:
        return np.broadcast_to(np.asarray(value, dtype=np.int64), (self.n,)).copy()

    def _require_ranges(self, words: list[Word]) -> None:
        for w in words:
            v = self.values[w["name"]]
            if v.min() < w["low"] or v.max() > w["high"]:
                raise WidthError(
                    f"{w['name']} holds {v.min()}..{v.max()}, allowed {w['low']}..{w['high']}"
                )

    def _run(self, statements: list[Statement], at: np.ndarray) -> np.ndarray:
        """Execute statements for the neurons at these indices; return those that did not leave."""
        for s in statements:
            if not at.size:
                break
            if "if" in s:
                at = self._choose(s, at)
            elif "repeat" in s:
                self._repeat(s, at)
            elif "leave" in s:
                return at[:0]
            else:
                self._operate(s, at)
        return at

    def _choose(self, s: Statement, at: np.ndarray) -> np.ndarray:
        comparison, a, b = s["if"]
        holds = COMPARISONS[comparison](self._operand(a, at), self._operand(b, at))
        yes = self._run(s["then"], at[holds])
        no = self._run(s["else"], at[~holds])
        return np.concatenate([yes, no])

    def _repeat(self, s: Statement, at: np.ndarray) -> None:
        times, i = self._operand(s["times"], at), 0
        while at.size:
            at = at[times > i]
            self._write(s["repeat"], np.asarray(i), at)
            at = self._run(s["do"], at)
            times, i = self._operand(s["times"], at), i + 1

    def _operate(self, s: Statement, at: np.ndarray) -> None:
        if s["op"] == "read":
            table, *indices = s["in"]
            where = tuple(self._operand(i, at) for i in indices)
            exact = self.program.tables[table][where].astype(np.int64)
        else:
            exact = OPERATIONS[s["op"]](*(self._operand(o, at) for o in s["in"]))
        self._write(s["out"], fitted(s, exact), at)

    def _operand(self, o: Operand, at: np.ndarray) -> np.ndarray:
        return np.full(at.size, o, np.int64) if isinstance(o, int) else self.values[o][at]

    def _write(self, name: str, new: np.ndarray, at: np.ndarray) -> None:
        if name not in self.values:
            self.values[name] = np.zeros(self.n, np.int64)
        self.values[name][at] = new


def fitted(s: Statement, exact: np.ndarray) -> np.ndarray:
    """Return the results of an operation in its width: int64.

    Raises
    ------
    WidthError
        If one does not fit, and the operation does not wrap.
    """
    low, high = width_range(s)
    if s.get("wraps"):
        return ((exact - low) & ((1 << s["width"]) - 1)) + low
    if exact.size and (exact.min() < low or exact.max() > high):
        raise WidthError(
            f"{s['out']} = {s['op']} {s['in']} gives {exact.min()}..{exact.max()}, allowed in "
            f"{s['width']} bits {low}..{high}"
        )
    return exact
