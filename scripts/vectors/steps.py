"""Rows of steps.csv: single updates of one neuron (docs/spec/neurons/poisson.md)."""

import numpy as np

from ipvae.network.layers import WEIGHT_EXP_RANGE
from ipvae.network.rules.arithmetic import CHANGE_MAX, STATE_MAX, clip, scale_input, self_inhibition
from ipvae.network.rules.arithmetic import SELF_MAX as S
from ipvae.network.rules.arithmetic import TERM_MAX as L
from ipvae.network.rules.poisson import LOG_RATE_MAX, LOG_RATE_MIN, largest_draw

LIMITS = ["u_min", "u_max", "du_min", "du_max"]
GIVEN = ["b", "a_in", "weight_exp", "self_weight", "last_count", "u", *LIMITS]
COLUMNS = ["branch", *GIVEN, "g", "own", "d", "u_next"]

Case = dict[str, int]
USUAL: Case = {
    "b": 500,
    "a_in": 37,
    "weight_exp": 6,
    "self_weight": 3000,
    "last_count": 2,
    "u": 1000,
    "u_min": LOG_RATE_MIN,
    "u_max": LOG_RATE_MAX,
    "du_min": -CHANGE_MAX,
    "du_max": CHANGE_MAX,
}
"""The document's example; a case replaces some of its values."""

ALONE: Case = {"a_in": 0, "self_weight": 0}
"""Values with the drive as the only input, so that the change is `b`."""

PUSHED: Case = {"b": L, "a_in": -L, "weight_exp": 0, "u": -30_000}
"""Drive and input opposite a large self-inhibition: the log-rate shows every bit of it."""


def received() -> list[tuple[str, Case]]:
    """Shift and clipping of the synaptic input."""
    cases: list[tuple[str, Case]] = [
        ("e>0 inside", {}),
        ("e>0 inside", {"a_in": -37}),
        ("e=0 inside", {"weight_exp": 0}),
        ("e=0 inside", {"weight_exp": 0, "a_in": -4097}),
        ("e<0 inside", {"weight_exp": -2}),
        ("e<0 rounded down", {"weight_exp": -2, "a_in": -37}),
        ("e<0 rounded down", {"weight_exp": -1, "a_in": -5}),
        ("e<0 rounded down", {"weight_exp": WEIGHT_EXP_RANGE[0], "a_in": -1}),
        ("e<0 inside", {"weight_exp": WEIGHT_EXP_RANGE[0], "a_in": STATE_MAX}),
        ("e<0 rounded down", {"weight_exp": WEIGHT_EXP_RANGE[0], "a_in": -STATE_MAX}),
        # -STATE_MAX >> 2 is -L - 1, because of the rounding; STATE_MAX >> 2 is L.
        ("e<0 at L", opposed(-2, STATE_MAX)),
        ("e<0 past -L", opposed(-2, -STATE_MAX)),
    ]
    for exponent in (1, 6, 13, WEIGHT_EXP_RANGE[1], 0):
        limit = L >> exponent
        name = "e>0" if exponent else "e=0"
        for a_in, place in [
            (limit, "at L"),
            (-limit, "at -L"),
            (limit + 1, "past L"),
            (-limit - 1, "past -L"),
            (STATE_MAX, "clipped"),
            (-STATE_MAX, "clipped"),
        ]:
            cases.append((f"{name} {place}", opposed(exponent, a_in)))
    for a_in, place in [
        (2 * L, "at L"),
        (2 * L + 1, "at L"),
        (2 * L + 2, "past L"),
        (-2 * L, "at -L"),
        (-2 * L - 1, "past -L"),
        (STATE_MAX, "clipped"),
        (-STATE_MAX, "clipped"),
    ]:
        cases.append((f"e<0 {place}", opposed(-1, a_in)))
    return cases


def opposed(exponent: int, a_in: int) -> Case:
    """Large input opposite the largest drive: the log-rate stays in range and shows every bit."""
    return {"weight_exp": exponent, "a_in": a_in, "b": L if a_in > 0 else -L}


def own_count() -> list[tuple[str, Case]]:
    """Self-inhibition and the limit of the neuron's own count."""
    cases: list[tuple[str, Case]] = [
        ("no self-inhibition", {"self_weight": 0}),
        ("own count 0", {"last_count": 0}),
        ("own count whole", {"self_weight": 1, "last_count": largest_draw()}),
        ("own count cut", {"b": L, "a_in": 0, "self_weight": S // 2 + 1, "last_count": 2}),
    ]
    # 4854 is the largest self-weight for which the largest draw is not clipped.
    for weight, counts in [
        (S, (1, 2, largest_draw())),
        (S // 2, (2, 3)),
        (90_000, (46, 47)),
        (4854, (largest_draw(),)),
        (4855, (largest_draw() - 1, largest_draw())),
    ]:
        for count in counts:
            name = "own count cut" if weight * count > S else "own count at its limit"
            cases.append((name, {**PUSHED, "self_weight": weight, "last_count": count}))
    return cases


def limits() -> list[tuple[str, Case]]:
    """Limits of the update and of the log-rate, ends of all ranges, largest sums."""
    cases: list[tuple[str, Case]] = []
    for low, high in [(-700, 900), (0, 0), (-CHANGE_MAX, 0), (0, CHANGE_MAX)]:
        for b, name in [
            (low, "d at du_min"),
            (low - 1, "d past du_min"),
            (high, "d at du_max"),
            (high + 1, "d past du_max"),
        ]:
            if abs(b) <= L:
                cases.append((name, {**ALONE, "b": b, "du_min": low, "du_max": high}))
    inhibited = {**ALONE, "self_weight": S, "last_count": 1}
    cases += [("d at du_min", {**inhibited, "b": 0}), ("d past du_min", {**inhibited, "b": -1})]
    for low, high in [(-9000, 9000), (LOG_RATE_MIN, LOG_RATE_MAX), (0, LOG_RATE_MAX)]:
        for target, name in [
            (low, "u at u_min"),
            (low - 1, "u past u_min"),
            (high, "u at u_max"),
            (high + 1, "u past u_max"),
        ]:
            moved = {**ALONE, "u_min": low, "u_max": high, "b": target - 1000}
            cases.append((name, moved))
    cases += [
        ("no room for u", {"u": 0, "u_min": 0, "u_max": 0}),
        ("no room for d", {"du_min": 0, "du_max": 0}),
    ]
    down = {"b": -L, "a_in": STATE_MAX, "weight_exp": 0, "self_weight": S, "last_count": 1}
    up = {"b": L, "a_in": -STATE_MAX, "weight_exp": 0, "self_weight": 0}
    cases += [
        ("largest change down", down),
        ("largest change down", {**down, "weight_exp": -1, "u": LOG_RATE_MAX}),
        ("largest sum down", {**down, "u": LOG_RATE_MIN}),
        ("largest change up", up),
        ("largest change up", {**up, "weight_exp": -1, "u": LOG_RATE_MIN}),
        ("largest sum up", {**up, "u": LOG_RATE_MAX}),
    ]
    return cases


def at_random() -> list[tuple[str, Case]]:
    """Random valid values, each with its magnitude drawn first."""
    rng = np.random.default_rng(3)

    def about(largest: int) -> int:
        bits = int(rng.integers(1, largest.bit_length() + 1))
        return min(int(rng.integers(2**bits)), largest)

    def signed(largest: int) -> int:
        return about(largest) * int(rng.choice([-1, 1]))

    cases = []
    for _ in range(30):
        u_min, u_max = int(rng.integers(LOG_RATE_MIN, 1)), int(rng.integers(LOG_RATE_MAX + 1))
        case = {
            "b": signed(L),
            "a_in": signed(STATE_MAX),
            "weight_exp": int(rng.integers(WEIGHT_EXP_RANGE[0], WEIGHT_EXP_RANGE[1] + 1)),
            "self_weight": about(S),
            "last_count": about(largest_draw()),
            "u": int(rng.integers(u_min, u_max + 1)),
            "u_min": u_min,
            "u_max": u_max,
            "du_min": -about(CHANGE_MAX),
            "du_max": about(CHANGE_MAX),
        }
        cases.append(("random", case))
    return cases


def row(branch: str, case: Case) -> list[int | str]:
    """One table row: given values, terms, and the new log-rate."""
    v = {**USUAL, **case}
    g = scale_input(np.array(v["a_in"]), v["weight_exp"])
    own = self_inhibition(np.array(v["self_weight"]), np.array(v["last_count"]))
    d = clip(v["b"] - g - own, v["du_min"], v["du_max"])
    u_next = clip(v["u"] + d, v["u_min"], v["u_max"])
    return [branch, *(v[name] for name in GIVEN), *map(int, (g, own, d, u_next))]


def rows() -> list[list[int | str]]:
    """All cases, and some random ones."""
    return [row(*case) for case in [*received(), *own_count(), *limits(), *at_random()]]
