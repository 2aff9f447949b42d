"""Execute a neuron of docs/loihi2/*.json: nothing here knows what the neuron does.

All neurons of a layer (and of several images) run at once; a statement acts where its mask says.
Widths are enforced: a result that does not fit is an error. Branches that are taken are kept.
"""

import csv
import functools
import hashlib
import json
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "loihi2"
NEURONS = ("poisson_neuron", "graded_neuron", "cuba_neuron", "sigma_delta_neuron")
NEURONS += ("delta_neuron", "sigma_neuron", "lif_neuron")
KEPT = ("states", "constants", "neuron_constants")
COMPARISONS = {
    "eq": np.equal,
    "ne": np.not_equal,
    "lt": np.less,
    "le": np.less_equal,
    "gt": np.greater,
    "ge": np.greater_equal,
}
OPERATORS = {
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


class WidthError(Exception):
    """A result does not fit the width that its statement gives."""


def load(name):
    """The JSON of a neuron, such as `poisson_neuron`."""
    return json.loads((FOLDER / f"{name}.json").read_text())


def tables(spec):
    """Its tables, by name; their digests are checked."""
    return {
        table["name"]: read_table(table["file"], tuple(table["shape"]), table["sha256"])
        for table in spec["tables"]
    }


@functools.cache
def read_table(name, shape, sha256):
    """A table's values; not to be written."""
    with (FOLDER / name).open(newline="") as file:
        rows = np.array([[int(n) for n in row] for row in csv.reader(file)])
    values = rows.reshape(shape).astype(np.int64)
    assert hashlib.sha256(values.astype("<i4").tobytes()).hexdigest() == sha256, name
    values.setflags(write=False)
    return values


class Program:
    """The neurons of one layer.

    Parameters
    ----------
    spec : dict, as `load` gives it
    n : number of neurons
    values : dict of name -> number or (n,) array: constants, and states where they are not 0
    """

    def __init__(self, spec, n, values):
        self.spec, self.n = spec, n
        known = [entry["name"] for part in KEPT for entry in spec[part]]
        assert values.keys() <= set(known), values.keys() - set(known)
        missing = {entry["name"] for part in KEPT[1:] for entry in spec[part]} - values.keys()
        assert not missing, missing
        self.tables = tables(spec)
        self.values = {name: self.array(values.get(name, 0)) for name in known}
        self.branches = set()

    def array(self, value):
        """A value for each neuron; arrays are never written to, only replaced."""
        if isinstance(value, np.ndarray) and value.shape == (self.n,) and value.dtype == np.int64:
            return value
        return np.broadcast_to(np.asarray(value, dtype=np.int64), (self.n,)).copy()

    def step(self, a_in):
        """One step of the chip; what is sent, (n,) int64."""
        kept = [entry["name"] for part in KEPT for entry in self.spec[part]]
        self.values = {name: self.values[name] for name in kept}
        self.values["a_in"] = self.array(a_in)
        self.run(self.spec["program"], np.ones(self.n, dtype=bool))
        self.check_ranges()
        return self.values["s_out"]

    def run(self, statements, mask):
        """Execute statements where the mask holds; where it still holds after them."""
        for s in statements:
            if not mask.any():
                break
            if "if" in s:
                mask = self.choose(s, mask)
            elif "repeat" in s:
                self.repeat(s, mask)
            elif "leave" in s:
                mask = np.zeros_like(mask)
            else:
                self.operate(s, mask)
        return mask

    def choose(self, s, mask):
        comparison, a, b = s["if"]
        holds = COMPARISONS[comparison](self.operand(a), self.operand(b))
        yes, no = mask & holds, mask & ~holds
        self.note(f"{s['name']}.yes", yes)
        self.note(f"{s['name']}.no", no)
        return self.run(s["then"], yes) | self.run(s["else"], no)

    def repeat(self, s, mask):
        times = self.array(self.operand(s["times"]))
        i = 0
        while (mask := mask & (times > i)).any():
            self.write(s["repeat"], self.array(i), mask)
            mask = self.run(s["do"], mask)
            i += 1

    def operate(self, s, mask):
        name = s["op"]
        if name == "read":
            indices = (np.where(mask, self.operand(i), 0) for i in s["in"][1:])
            exact = self.tables[s["in"][0]][tuple(indices)]
        else:
            operands = [self.operand(o) for o in s["in"]]
            exact = OPERATORS[name](*operands)
            self.note_operands(s, operands, mask)
        self.write(s["out"], self.fitted(s, self.array(exact), mask), mask)

    def note_operands(self, s, operands, mask):
        out = s["out"]
        if s["op"] == "clip":
            a, low, high = operands
            self.note(f"{out}.below", mask & (a < low))
            self.note(f"{out}.inside", mask & (a >= low) & (a <= high))
            self.note(f"{out}.above", mask & (a > high))
        elif s["op"] == "min":
            a, b = operands
            self.note(f"{out}.whole", mask & (a <= b))
            self.note(f"{out}.cut", mask & (a > b))

    @staticmethod
    def fitted(s, exact, mask):
        width, unsigned = s["width"], s.get("unsigned", False)
        if s.get("wraps"):
            first = 0 if unsigned else -(1 << (width - 1))
            return ((exact - first) & ((1 << width) - 1)) + first
        high = (1 << (width if unsigned else width - 1)) - 1
        low = 0 if unsigned else -high
        if exact.min() < low or exact.max() > high:
            outside = (exact < low) | (exact > high)
            if (mask & outside).any():
                raise WidthError(s)
        return exact

    def operand(self, o):
        return o if isinstance(o, int) else self.values[o]

    def write(self, name, values, mask):
        before = self.values.get(name)
        self.values[name] = values if before is None else np.where(mask, values, before)

    def note(self, name, mask):
        if mask.any():
            self.branches.add(name)

    def check_ranges(self):
        for part in (*KEPT, "inputs", "outputs"):
            for entry in self.spec[part]:
                v = self.values[entry["name"]]
                if v.min() < entry["low"] or v.max() > entry["high"]:
                    raise WidthError(entry)


def arranged(spec):
    """What its vectors give and what they want, as an array for each name."""
    usual, vectors = spec["usual"], spec["vectors"]
    given = {name: np.array([{**usual, **v["given"]}[name] for v in vectors]) for name in usual}
    wanted = {name: np.array([v["gives"][name] for v in vectors]) for name in vectors[0]["gives"]}
    return given, wanted


def failures(spec, vectors=None):
    """Vectors that the program does not reproduce: indices. `vectors` as `arranged` gives them."""
    given, wanted = arranged(spec) if vectors is None else vectors
    constants = {name: values for name, values in given.items() if name != "a_in"}
    program = Program(spec, len(given["a_in"]), constants)
    sent = program.step(given["a_in"])
    wrong = np.zeros(len(sent), dtype=bool)
    for name, values in wanted.items():
        wrong |= (sent if name == "s_out" else program.values[name]) != values
    return np.flatnonzero(wrong)


def branches_reached(spec, vector):
    """Branches that one vector takes."""
    values = {**spec["usual"], **vector["given"]}
    a_in = values.pop("a_in")
    program = Program(spec, 1, values)
    program.step(a_in)
    return program.branches


def main():
    """Check all neurons; an error if a vector or a branch is missing."""
    for name in NEURONS:
        spec = load(name)
        reached = {b for v in spec["vectors"] for b in branches_reached(spec, v)}
        if failures(spec).size or reached != set(spec["branches"]):
            raise SystemExit(f"{name}: the program does not give its vectors")
        print(f"{name}: {len(spec['vectors'])} vectors, all {len(reached)} branches reached")


if __name__ == "__main__":
    main()
