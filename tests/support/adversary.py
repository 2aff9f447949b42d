"""An adversary: searches the states of a network for the worst value of every intermediate.

Evaluates one drive, one update and one draw in plain Python integers, written from
docs/spec/ alone; it shares no code with the project. Nothing is refused or wrapped
here: values go where they go, and `WIDTHS` says where they may. A network is a `Network` of
tests/support/oracle.py.
"""

import random
from collections.abc import Iterable
from itertools import accumulate, product
from typing import Any

L = 2**21 - 1
S = 2**22 - 1
LARGEST_UNIFORM = 2**24 - 1

BITS_24 = (-(2**23), 2**23 - 1)
BITS_64 = (-(2**63), 2**63 - 1)
WIDTHS = {
    **dict.fromkeys(("partial p", "p", "q", "q + bias"), BITS_64),
    "(A[r+1] - A[r]) * f": (-(2**26), 2**26 - 1),
    "threshold": (0, 2**24),
    "U": (0, LARGEST_UNIFORM),
    "c": (0, LARGEST_UNIFORM),
    "o": (0, 5),
    "r": (0, 480),
    "v + 49152": (0, 480 * 128),
    "f": (0, 127),
}
"""Ranges of ranges.md; every other variable has `BITS_24`."""


STATE_NAMES = ("partial p", "p", "q", "q + bias", "b", "a_in", "g", "own")
STATE_NAMES += ("b - g", "b - g - own", "d", "u + d", "u")
"""What an update makes of a state: the climber's aims."""


class Seen(dict[str, tuple[int, int]]):
    """Smallest and largest value of every intermediate."""

    def note(self, name: str, *values: int) -> None:
        """Record values of an intermediate."""
        low, high = self.get(name, (values[0], values[0]))
        self[name] = min(low, *values), max(high, *values)

    def merge(self, other: "Seen") -> None:
        """Record all that another evaluation saw."""
        for name, ends in other.items():
            self.note(name, *ends)


def clip(v: int, lo: int, hi: int) -> int:
    """The nearest value in `lo .. hi`."""
    return min(max(v, lo), hi)


def partial_sums(terms: list[int]) -> Iterable[int]:
    """All partial sums in the two worst orders, largest terms first and smallest first."""
    terms = sorted(terms)
    yield from accumulate(terms, initial=0)
    yield from accumulate(reversed(terms), initial=0)


def drive(net: Any, k: int, x: list[int], seen: Seen) -> int:
    """drive.md for neuron `k`."""
    terms = [w * pixel for w, pixel in zip(net.W[k], x, strict=True)]
    seen.note("partial p", *partial_sums(terms))
    p = sum(terms)
    q = p << net.ed if net.ed >= 0 else p >> -net.ed
    b = clip(q + net.bias[k], -L, L)
    for name, value in (("p", p), ("q", q), ("q + bias", q + net.bias[k]), ("b", b)):
        seen.note(name, value)
    return b


def update(net: Any, k: int, b: int, z: list[int], u: int, seen: Seen) -> int:
    """neurons/poisson.md for neuron `k`: its new log-rate."""
    terms = [w * n for w, n in zip(net.G[k], z, strict=True)]
    seen.note("a_in", *partial_sums(terms))
    a_in = sum(terms)
    if net.e >= 0:
        clipped = clip(a_in, -(L >> net.e), L >> net.e)
        seen.note("clip(a_in)", clipped)
        g = clipped << net.e
    else:
        seen.note("a_in >> -e", a_in >> -net.e)
        g = clip(a_in >> -net.e, -L, L)
    own = net.s[k] * min(z[k], S // net.s[k]) if net.s[k] else 0
    d = clip(b - g - own, net.dmin, net.dmax)
    new = clip(u + d, net.umin, net.umax)
    found = {"g": g, "own": own, "b - g": b - g, "b - g - own": b - g - own, "d": d}
    for name, value in {**found, "u + d": u + d}.items():
        seen.note(name, value)
    seen.note("u", u, new)
    return new


def count(net: Any, u: int, uniforms: tuple[int, ...], seen: Seen) -> int:
    """counts.md, each sub-draw at every given uniform; the largest count."""
    shifted = u - 12288 + 4095
    o = 0 if u <= 12288 else shifted >> 12
    v = u - 4096 * o
    r, f = (v + 49152) >> 7, (v + 49152) & 127
    found = {"u - 12288 + 4095": shifted, "o": o, "4096 * o": 4096 * o, "v": v}
    for name, value in {**found, "v + 49152": v + 49152, "r": r, "f": f}.items():
        seen.note(name, value)
    row = list(net.A[r])
    if f > 0:
        falls = [above - low for above, low in zip(net.A[r + 1], row, strict=True)]
        products = [fall * f for fall in falls]
        row = [low + (product >> 7) for low, product in zip(row, products, strict=True)]
        seen.note("A[r+1] - A[r]", *falls)
        seen.note("(A[r+1] - A[r]) * f", *products)
        seen.note("product >> 7", *(product >> 7 for product in products))
    seen.note("threshold", *row)
    seen.note("U", *uniforms)
    drawn = [sum(uniform >= limit for limit in row) for uniform in uniforms]
    totals = [n * 2**o for n in drawn]
    sent = [min(total, net.zmax) for total in totals]
    seen.note("total", *totals)
    seen.note("z", *sent)
    return max(sent)


def counters(seen: Seen) -> None:
    """The counter of the random source at the ends of its step and sub-draw."""
    for step in (0, 2**19 - 1):
        seen.note("c", 32 * step, 32 * step + 31)


class Adversary:
    """A search over the states of one network; `seen` holds the worst of all it found.

    A state of neuron k is one list: the pixels, all counts of the step before, the log-rate.
    """

    def __init__(self, net: Any, seed: int) -> None:
        self.net, self.seen, self.evaluations = net, Seen(), 0
        self.rng = random.Random(seed)
        self.m, self.k = len(net.W[0]), len(net.G)
        self.Z = min(net.zmax, 864)
        pixels, counts = [(net.lo, net.hi)] * self.m, [(0, self.Z)] * self.k
        self.ranges = [*pixels, *counts, (net.umin, net.umax)]

    def look(self, k: int, state: list[int]) -> Seen:
        """Evaluate one update of neuron k."""
        seen = Seen()
        x, z, u = state[: self.m], state[self.m : -1], state[-1]
        update(self.net, k, drive(self.net, k, x, seen), z, u, seen)
        self.seen.merge(seen)
        self.evaluations += 1
        return seen

    def corners(self, k: int) -> None:
        """Try the states in which every term points the same way."""
        net, sides = self.net, (False, True)
        for x_up, z_up, own, u in product(sides, sides, (None, 0, self.Z), (net.umin, net.umax)):
            x = [net.hi if (w > 0) == x_up else net.lo for w in net.W[k]]
            z = [self.Z if (w > 0) == z_up else 0 for w in net.G[k]]
            z[k] = z[k] if own is None else own
            self.look(k, [*x, *z, u])

    def climb(self, k: int, name: str, side: int) -> None:
        """From a random state, move each coordinate to where `name` is worst (side 1: largest)."""
        sign = 1 if side else -1
        state = [self.rng.randint(*ends) for ends in self.ranges]
        best = sign * self.look(k, state)[name][side]
        for i in self.rng.sample(range(len(state)), len(state)):
            for value in (*self.ranges[i], self.rng.randint(*self.ranges[i])):
                moved = [*state[:i], value, *state[i + 1 :]]
                found = sign * self.look(k, moved)[name][side]
                if found >= best:
                    best, state = found, moved

    def draws(self, n_random: int) -> None:
        """Evaluate draws at the ends of the log-rate, beside and on table rows, and anywhere."""
        net, rng = self.net, self.rng
        rows = [self.steepest_row(), *(rng.randint(0, 479) for _ in range(n_random))]
        us = [128 * r + f - 49152 for r in rows for f in (0, 1, 127)]
        us += [rng.randint(net.umin, net.umax) for _ in range(n_random)]
        us += [net.umin, net.umax, 12287, 12288, 12289, 16384, 16385, 28673]
        for u in us:
            if net.umin <= u <= net.umax:
                count(net, u, (0, LARGEST_UNIFORM, rng.randint(0, LARGEST_UNIFORM)), self.seen)
                self.evaluations += 1

    def steepest_row(self) -> int:
        """The row after which the table falls most."""
        A = self.net.A
        falls = [max(a - b for a, b in zip(*A[r : r + 2], strict=True)) for r in range(480)]
        return falls.index(max(falls))

    def worst_neuron(self) -> int:
        """The neuron whose partial sums reach furthest."""
        reach = [max(sum(w for w in r if w > 0), -sum(w for w in r if w < 0)) for r in self.net.G]
        return reach.index(max(reach))

    def attack(self, neurons: Iterable[int], climbs: int, n_random: int) -> None:
        """Search all corners of some neurons, then climb towards ends drawn by chance."""
        counters(self.seen)
        for k in neurons:
            self.corners(k)
        for _ in range(climbs):
            name, side = self.rng.choice(STATE_NAMES), self.rng.randint(0, 1)
            self.climb(self.rng.randrange(self.k), name, side)
        self.draws(n_random)
