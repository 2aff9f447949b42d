"""Intervals of the overflow proof, refuted or not by a bit-vector solver (z3), for each kind.

No result of a program, on any image, messages and states, may be outside the interval that the
proof gives it. Networks are small, and have one neuron in a layer where a bound is of all
neurons. The package z3-solver is needed for this file alone.
"""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

from ipvae.network.connections import Connection, Convolution, Dense, Diagonal, Drive
from ipvae.network.kinds import (
    CubaNeuron,
    DeltaNeuron,
    GradedNeuron,
    PoissonNeuron,
    SigmaDeltaNeuron,
    SigmaNeuron,
)
from ipvae.network.kinds.program import width_range
from ipvae.network.network import Input, Layer, Network
from ipvae.network.pixels import Pixels
from ipvae.network.proof.driven import driven_bounds
from ipvae.network.proof.kind_intervals import kind_bounds

pytest.importorskip("z3", reason="z3-solver is not installed: pip install z3-solver")

ROWS = 20
"""Rows for which sums of sigma-delta neurons are bounded."""
LEFT, RIGHT = "left_shift.yes/", "left_shift.no/"
POISSON = {
    "clip(a_in)": (f"{LEFT}g.clip",),
    "a_in >> -e": (f"{RIGHT}g.shr",),
    "g": (f"{LEFT}g.shl", f"{RIGHT}g.copy"),
    "b + g": ("added.yes/total.add",),
    "b - g": ("added.no/total.sub",),
    "own": ("update.yes/own.mul",),
    "b + g - own": ("update.yes/change.sub",),
    "b - g - own": ("update.yes/change.sub",),
    "d": ("update.yes/d.clip", "memory.no/d0.clip"),
    "u + d": ("update.yes/v.add", "memory.no/v.add"),
    "u": ("update.yes/u.clip", "memory.no/u.copy"),
    "u - 12288 + 4095": ("one_draw.no/o.add",),
    "o": ("one_draw.no/o.shr", "one_draw.yes/o.copy"),
    "4096 * o": ("octaves.shl",),
    "v": ("v.sub",),
    "v + 49152": ("position.sub",),
    "r": ("r.shr",),
    "f": ("f.and",),
    "A[r+1] - A[r]": ("between_rows.yes/slope.sub",),
    "(A[r+1] - A[r]) * f": ("between_rows.yes/part.mul",),
    "product >> 7": ("between_rows.yes/part.shr",),
    "total": ("sum.add",),
    "z": ("z.min",),
}
"""Results of the program by the names of their bounds."""
GRADED = {
    **{name: POISSON[name] for name in ("clip(a_in)", "a_in >> -e", "g", "b + g", "b - g")},
    "total - u": ("update.yes/way.sub",),
    "(total - u) >> leak": ("update.yes/way.shr",),
    "|u|": ("swish.yes/distance.abs",),
    "u": ("y.copy",),
    "y": ("past_threshold.yes/y.sub", "past_negative.yes/y.sub", "past_negative.no/y.copy"),
    "y + half": ("y.add",),
    "z": ("z.clip",),
}
HOST = {"partial p", "p", "q", "q + bias", "b", "a_in"}
"""Sums, which are noted under the names of their bounds."""
UNUSED = {"threshold", "c", "U"}
"""Kept by the program in another form (2**24 less the threshold), or any number of 24 bits."""
HASH = frozenset({"ci", "y", "h", "s", "missed", "left_over", "c"})
"""Free results and branch of the sampler: a uniform may be any number."""


@pytest.fixture(scope="module")
def bits():
    """bit_vectors.py beside this."""
    path = Path(__file__).with_name("bit_vectors.py")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


def dense(*rows):
    return Dense(np.array(rows, np.int16))


def poisson(u_min=-300, u_max=300, **given):
    usual = {
        "u_init": 0, "self_weight": 4095, "du_min": -70000, "du_max": 2**22 - 1, "payload_bits": 9,
        "weight_exp": 3, "sign": -1,
    }  # fmt: skip
    return PoissonNeuron(u_min=u_min, u_max=u_max, **{**usual, **given})


PIXELS = Input((3,), graded=True, pixels=Pixels(-7, 255))
DRIVE = Drive(dense([300, -32768, 5]), 3)
CODE = (Connection("1", dense([127]), delay=1), Connection("0", dense([-128, 3, 0]), -1))
NETWORKS = {
    "Poisson": Network(PIXELS, (Layer("1", poisson(), CODE, np.array([-4000]), drive=DRIVE),)),
    "Poisson, added, shifted right": Network(
        PIXELS,
        (Layer("1", poisson(sign=1, weight_exp=-3, frac_bits=14, u_min=-900, u_max=70), CODE),),
    ),
    "Poisson above rate 8": Network(
        PIXELS, (Layer("1", poisson(u_min=0, u_max=18000, payload_bits=6), CODE, drive=DRIVE),)
    ),
    "graded with a leak": Network(
        PIXELS,
        (
            Layer(
                "1",
                GradedNeuron(-500, 700, 3, 40, 5, weight_exp=2),
                (
                    Connection("0", dense([50, -60, 127]), -2),
                    Connection("1", Diagonal(np.array([90], np.int16)), 1, 1),
                ),
                np.array([5 - 2**21]),
                drive=DRIVE,
            ),
        ),
    ),
    "graded with swish": Network(
        PIXELS, (Layer("1", GradedNeuron(-9000, 9000, 0, 7, 1, "swish"), CODE, drive=DRIVE),)
    ),
    "CUBA": Network(
        Input((3,), CubaNeuron(40, 4096, 9)),
        (
            Layer(
                "1",
                CubaNeuron(90, 300, 0),
                (Connection("0", dense([60, -128, 5]), 4),),
                np.array([-4096]),
            ),
            Layer(
                "2",
                CubaNeuron(7, 4096, 4096),
                (Connection("1", dense([60]), -1), Connection("0", dense([-9, 8, 0]))),
            ),
        ),
    ),
    "CUBA that wraps": Network(
        Input((2,)),
        (Layer("1", CubaNeuron(0, 1, 4095), (Connection("0", dense([254, -256]), 9),)),),
    ),
    "sigma-delta": Network(
        Input((2,), DeltaNeuron(3)),
        (
            Layer(
                "1",
                SigmaDeltaNeuron(2, "relu"),
                (Connection("0", dense([3, -4])),),
                np.array([-2047]),
            ),
            Layer("2", SigmaDeltaNeuron(0, "identity"), (Connection("1", dense([-7]), -2),)),
            Layer("3", SigmaNeuron(), (Connection("2", dense([100])),)),
        ),
    ),
    "convolution": Network(
        Input((1, 2, 3), graded=True, pixels=Pixels(0, 255)),
        (
            Layer(
                "1",
                GradedNeuron(-99, 99),
                (
                    Connection(
                        "0",
                        Convolution(
                            np.array([[[[3, -4]]], [[[120, 9]]]], np.int16),
                            (1, 2, 3),
                            padding=(0, 1),
                        ),
                        1,
                    ),
                ),
            ),
        ),
    ),
}


QUICK = ("sigma-delta", "convolution")
"""Networks that take below 5 seconds; the others are for `-m long`."""


class Neuron:
    """Neuron k of a layer on bit vectors: its sums, its states within their bounds, one row."""

    def __init__(self, bits, oracle, network, name, k):
        kind = network.kinds[name]
        program = kind.program()
        bounds = driven_bounds(network, name) if kind.driven else kind_bounds(network, ROWS)
        self.bounds = {b.variable: (b.low, b.high) for b in bounds if b.layer == name}
        self.k, self.network, self.name, self.oracle = k, network, name, oracle
        self.of = bits.Bits(
            dict(program.tables),
            {"i": lambda i: {"sum": (0, 27 * i)}} if kind.draws else {},
            HASH if kind.draws else frozenset(),
        )
        self.constants = {key: int(v) for key, v in kind.constants().items()}
        if name != "0":
            layer = network.by_id[name]
            each = kind.neuron_constants(layer.biases)
            self.constants |= {key: int(v[k]) for key, v in each.items()}
        if kind.draws:
            low, high = self.bounds["r"]
            self.of.index_range = low, min(high + 1, 480)
            total = self.bounds.get("b - g", self.bounds.get("b + g", self.bounds["b"]))
            self.of.cuts = {
                "added.yes/total.add": total,
                "added.no/total.sub": total,
                "position.sub": self.bounds["v + 49152"],
            }
        a_in = self.image(kind)
        if name != "0":
            self.received()
            a_in = self.of.variable(*self.bounds.get("a_in", (0, 0)), "a_in")
        values = {**self.constants, "a_in": a_in, **self.states(kind)}
        values, _ = self.of.block(program.statements, values, True)
        self.program, self.values = program, values

    def image(self, kind):
        """What input neurons receive, whose image may be their bias."""
        if self.name != "0":
            return 0
        if isinstance(kind, CubaNeuron):
            self.constants["bias"] = self.of.variable(-(2**18), 4095 * 64, "bias")
            return 0
        return self.of.variable(-2047, 2047, "image")

    def weighted(self, weights, low, high, noted):
        total = 0
        for weight in self.oracle.matrix(weights)[self.k].tolist():
            if weight:
                total = total + weight * self.of.variable(low, high, "m")
                self.of.note(noted, total)
        return total

    def received(self):
        """Note the sums of all connections, with any messages."""
        total = 0
        for connection in self.network.by_id[self.name].connections:
            low, high = self.network.sent(connection.source)
            name = f"sum from {connection.source}"
            part = self.weighted(connection.weights, min(low, 0), max(high, 0), name)
            e = connection.exponent
            total = total + (part << e if e >= 0 else part >> -e)
            self.of.note("a_in", total)

    def drive(self):
        """Note the sums of the drive, with any pixels; return any drive within its bound."""
        layer = self.network.by_id[self.name]
        low, high = self.network.input.value_range
        p, e = 0, 0
        if layer.drive is not None:
            p, e = self.weighted(layer.drive.weights, low, high, "partial p"), layer.drive.exponent
            self.of.note("p", p)
        q = self.of.note("q", p << e if e >= 0 else p >> -e)
        total = self.of.note("q + bias", q + int(layer.biases[self.k]))
        statement = {"op": "clip", "in": [], "out": "b"}
        most = 2**21 - 1
        self.of.note("b", self.of.exact(statement, [total, -most, most], True))
        return self.of.variable(*self.bounds["b"], "b")

    def states(self, kind):
        """Free states within what earlier rows can have left; bounds of results keep them there."""
        if kind.driven:
            found = {"drive": self.drive(), "row": self.of.variable(0, 2**19 - 1, "row")}
            found |= {"step": 5, "next": 5, "received": 0, "z": 0}
            if kind.draws:
                found["u"] = self.of.variable(kind.u_min, kind.u_max, "u")
                found["z"] = self.of.variable(0, kind.count_reach, "z")
                return found | {"image_a": 0, "image_b": 0, "given": 0}
            return found | {"u": self.of.variable(*self.bounds["u"], "u")}
        if isinstance(kind, CubaNeuron):
            current, voltage = self.bounds["current"], 2**23 - 1
            ends = min(0, current[0]), max(0, current[1])
            return {
                "current": self.of.variable(*ends, "current"),
                "voltage": self.of.variable(-voltage, voltage, "voltage"),
            }
        return self.sums(kind)

    def sums(self, kind):
        """States of delta, sigma-delta and sigma neurons before row ROWS - 1, counted from 0."""
        if isinstance(kind, DeltaNeuron):
            value = self.of.variable(-2047, 2047, "before") << 12
        else:
            low, high = self.bounds["a_in"]
            sigma = self.of.variable((ROWS - 1) * low, (ROWS - 1) * high, "sigma")
            if isinstance(kind, SigmaNeuron):
                return {"sigma": sigma}
            value = sigma + self.constants["bias"]
            if self.constants["relu_on"]:
                value = self.of.exact({"op": "clip"}, [value, 0, 2**40], True)
        kept = max(self.constants["threshold"] - 1, 0)
        reference = self.of.exact({"op": "min"}, [value, 2**40], True)
        found = {"reference": reference, "residue": self.of.variable(-kept, kept, "residue")}
        return found if isinstance(kind, DeltaNeuron) else {**found, "sigma": sigma}

    def claims(self, kind):
        """Result -> its interval, by keys or by the variable that an operation writes."""
        names = POISSON if kind.draws else GRADED
        if not kind.driven:
            return {variable: ends for variable, ends in self.bounds.items() if variable != "z"}
        found = {}
        for variable, ends in self.bounds.items():
            if variable in HOST or variable.startswith("sum from"):
                found[variable] = ends
            elif variable not in UNUSED:
                found |= dict.fromkeys(names[variable], ends)
        return found


def checked(bits, neuron, kind):
    """Number of results that were compared, and claim -> whether its ends are reached.

    A result without an interval is compared with its declared width.
    """
    claims, compared, reached = neuron.claims(kind), 0, {}
    solver = bits.Solver(neuron.of.assumed)
    for result in neuron.of.results:
        s, value, condition = result.statement, bits.vector(result.value), result.condition
        key = result.key if result.key in claims else s.get("out")
        if result.key.startswith(("kept", "read")):
            assert not solver.possible(condition, value < 0), result.key
        if key not in claims and (not s or s.get("wraps")):
            continue
        low, high = claims[key] if key in claims else width_range(s)
        outside = bits.z3.Or(value < low, value > high)
        assert not solver.possible(condition, outside), (result.key, low, high)
        compared += 1
        if key not in claims:
            continue
        ends = reached.setdefault(key, [False, False])
        ends[0] = ends[0] or solver.possible(condition, value == low)
        ends[1] = ends[1] or solver.possible(condition, value == high)
    assert reached.keys() <= claims.keys()
    return compared, reached


@pytest.mark.parametrize(
    "title",
    [
        title if title in QUICK else pytest.param(title, marks=pytest.mark.long)
        for title in NETWORKS
    ],
)
def test_no_result_leaves_its_interval(title, bits, network_oracle):
    network = NETWORKS[title]
    total = 0
    for name, kind in network.kinds.items():
        neuron = Neuron(bits, network_oracle, network, name, 0)
        compared, reached = checked(bits, neuron, kind)
        assert compared >= 2
        exact = sum(low and high for low, high in reached.values())
        print(f"{title}, layer {name}: {compared} results, {exact} of {len(reached)} exact")
        total += exact
    assert total > 1  # intervals narrower by one would be refuted
