"""Intervals of a program hold every result that the program gives on integers."""

import numpy as np
import pytest

from ipvae.network.kinds import cuba, graded, integers, poisson, sigma_delta
from ipvae.network.kinds.integers import Neurons, WidthError
from ipvae.network.kinds.intervals import RULES, ranges
from ipvae.network.kinds.program import LEAVE, Program, branch, int32, op, repeat, word
from ipvae.network.proof.interval import between
from ipvae.network.rules.poisson import LOG_RATE_MIN, SPLIT_ABOVE

N, POINTS = 12, 40
PROGRAMS = {
    "poisson": poisson.program(),
    "graded": graded.program(),
    "cuba": cuba.program(),
    "delta": sigma_delta.delta_program(),
    "sigma-delta": sigma_delta.sigma_delta_program(),
    "sigma": sigma_delta.sigma_program(),
}
FACTS = {
    "replay.no/v.sub": lambda _: between(LOG_RATE_MIN, SPLIT_ABOVE),
    "between_rows.yes/above.read": lambda _: between(0, poisson.tail().max()),
}
"""Octaves above rate 8 are taken off; behind the last row nothing is read: the fraction is 0."""


def boxes(rng, program, derived):
    """Random ranges of every variable, one for each of N neurons; constants of a layer are one."""
    found = {}
    for w in (*program.kept, *program.inputs):
        shape = N if w in (*program.states, *program.neuron_constants, *program.inputs) else 1
        low = rng.integers(w["low"], w["high"] + 1, shape)
        reach = (w["high"] - w["low"]) >> rng.integers(0, 25, shape)
        high = np.minimum(low + (rng.random(shape) * reach).astype(np.int64), w["high"])
        found[w["name"]] = between(low, low if shape == 1 else high)
    found.update({name: between(value, value) for name, value in derived(found).items()})
    return found


def points(rng, box):
    """Values at the ends and inside of boxes: (POINTS * N,) each."""
    found = {}
    for name, i in box.items():
        low, high = np.broadcast_to(i.low, N), np.broadcast_to(i.high, N)
        kind = rng.integers(0, 3, (POINTS, N))
        inside = rng.integers(low, high + 1, (POINTS, N))
        found[name] = np.choose(kind, [inside, low, high]).ravel()
    return found


def derived_of(name):
    def of_rows(box):
        e = int(box["weight_exp"].low[0])
        limit = (2**21 - 1) >> max(e, 0)
        found = {"left": max(e, 0), "right": max(-e, 0), "input_high": limit, "input_low": -limit}
        found |= {"sign": int(box["sign"].low[0]) or 1, "step": 3, "next": 3}
        found |= {"row": int(box["lag"].low[0]) + np.arange(N) % 3}
        if name == "graded":
            shift = int(box["shift"].low[0])
            return {
                **found,
                "half": (1 << shift) >> 1,
                "threshold_low": -int(box["threshold"].low[0]),
            }
        top = np.maximum(np.asarray(box["self_weight"].high), 1)
        found |= {"own_limit": (2**22 - 1) // top, "finer": 4}
        return found | {"u_min": -12 << 16, "u_max": 8 << 16}

    return of_rows if name in ("poisson", "graded") else lambda _: {}


@pytest.fixture
def recorded(monkeypatch):
    """Smallest and largest exact result of each variable and operator on integers."""
    seen = {}
    plain = integers.fitted

    def recording(s, exact):
        if exact.size:
            low, high = seen.get((s["out"], s["op"]), (exact.min(), exact.max()))
            seen[s["out"], s["op"]] = min(low, exact.min()), max(high, exact.max())
        return plain(s, exact)

    monkeypatch.setattr(integers, "fitted", recording)
    return seen


@pytest.mark.parametrize("name", PROGRAMS)
def test_no_result_on_integers_is_outside_its_interval(rng, recorded, name):
    program, derived = PROGRAMS[name], derived_of(name)
    done = refused = 0
    for _ in range(12 if name == "poisson" else 150):
        box = boxes(rng, program, derived)
        found = ranges(program, box, FACTS)
        given = points(rng, box)
        a_in = given.pop("a_in")
        recorded.clear()
        neurons = Neurons(program, len(a_in), given)
        try:
            sent = neurons.step(a_in)
        except WidthError:
            refused += 1
            assert any(not_within(found.statements[key], i) for key, i in found.exact.items())
            continue
        done += 1
        low, high = found.values["s_out"].ends
        assert low <= sent.min() and sent.max() <= high
        for (out, operator), (least, most) in recorded.items():
            every = [i for k, i in found.exact.items() if k.endswith(f"/{out}.{operator}")]
            every += [i for k, i in found.exact.items() if k == f"{out}.{operator}"]
            assert min(i.ends[0] for i in every) <= least, (out, operator)
            assert max(i.ends[1] for i in every) >= most, (out, operator)
    assert done > 7, (done, refused)


def not_within(statement, interval):
    width = statement["width"] - (not statement.get("unsigned", False))
    low, high = interval.ends
    return high >= 1 << width or low <= -(1 << width)


def of(*statements, **tables):
    return Program(list(statements), [], [word("x", 0, 0)], [], [], [], tables)


def run(*statements, tables=None, **values):
    boxed = {name: between(np.array(low), np.array(high)) for name, (low, high) in values.items()}
    return ranges(of(*statements, **(tables or {})), boxed)


def ends(found, name):
    i = found.values[name]
    return np.stack([i.low, i.high], axis=-1).tolist()


def test_both_sides_of_a_branch_are_cut_and_joined():
    past = branch("past", ["gt", "x", 10], [op("x", "sub", "x", 10)], [op("x", "copy", 0)])
    found = run(past, x=([-5, 3, 11, 12], [4, 15, 11, 20]))
    assert ends(found, "x") == [[0, 0], [0, 5], [1, 1], [2, 10]]
    assert found.exact["past.yes/x.sub"].ends == (1, 10)


def test_a_side_that_no_neuron_takes_is_not_followed():
    fixed = branch("on", ["eq", "x", 1], [op("y", "read", "t", 99)], [op("y", "copy", 7)])
    found = run(fixed, tables={"t": np.arange(3)}, x=(0, 0))
    assert ends(found, "y") == [7, 7]
    assert set(found.exact) == {"on.no/y.copy"}


@pytest.mark.parametrize(
    "comparison",
    ["lt", "le", "gt", "ge", "eq", "ne"],
)
def test_comparisons_cut_their_variables_at_the_right_place(comparison):
    both = [op("p", "copy", "a"), op("q", "copy", "b")]
    found = run(branch("is", [comparison, "a", "b"], both, both), a=(0, 9), b=(0, 5))
    holds = integers.COMPARISONS[comparison]
    for side in ("yes", "no"):
        pairs = [
            (a, b)
            for a in range(10)
            for b in range(6)
            if bool(holds(np.array(a), np.array(b))) == (side == "yes")
        ]
        for column, name in zip(np.array(pairs).T, ("p.copy", "q.copy"), strict=True):
            assert found.exact[f"is.{side}/{name}"].ends == (column.min(), column.max())


def test_loops_are_followed_to_the_last_round_that_is_possible():
    count = [op("n", "copy", 0), repeat("i", "x", [op("n", "add", "n", 2)])]
    assert ends(run(*count, x=([0, 3], [2, 3])), "n") == [[0, 4], [6, 6]]
    early = branch("enough", ["ge", "n", 6], [LEAVE])
    count = [op("n", "copy", 0), repeat("i", "x", [early, op("n", "add", "n", 2)])]
    assert ends(run(*count, x=([0, 3, 60], [2, 30, 64])), "n") == [[0, 4], [6, 6], [6, 6]]
    with pytest.raises(ValueError, match="more than 64 rounds"):
        run(*count[:1], repeat("i", "x", [op("n", "add", "n", 2)]), x=(0, 65))


def test_tables_are_read_over_a_range_and_never_outside(rng):
    table = rng.integers(-1000, 1000, 77)
    low = rng.integers(0, 77, 500)
    high = np.minimum(low + rng.integers(0, 77, 500), 76)
    found = run(op("y", "read", "t", "x"), tables={"t": table}, x=(low, high))
    expected = [
        [table[a : b + 1].min(), table[a : b + 1].max()] for a, b in zip(low, high, strict=True)
    ]
    assert ends(found, "y") == expected
    for x in ((-1, 3), (70, 77)):
        with pytest.raises(ValueError, match="table t is read at"):
            run(op("y", "read", "t", "x"), tables={"t": table}, x=x)


def test_results_are_stated_before_they_wrap():
    found = run(int32("y", "add", "x", "x"), x=([0, 2**30], [2**30 - 1, 2**30]))
    assert found.exact["y.add"].ends == (0, 2**31)
    assert ends(found, "y") == [[0, 2**31 - 2], [-(2**31), 2**31 - 1]]


def test_every_operation_has_a_rule():
    assert RULES.keys() | {"read"} == integers.OPERATIONS.keys() | {"read"}


def test_a_fact_takes_the_place_of_a_computed_range():
    x = op("y", "sub", "x", "x")
    boxed = {"x": between(-3, 9)}
    assert ranges(of(x), boxed).values["y"].ends == (-12, 12)
    known = ranges(
        of(x), boxed, {"y.sub": lambda values: values["x"] - values["x"] + between(1, 1)}
    )
    assert known.exact["y.sub"].ends == (-11, 13)
