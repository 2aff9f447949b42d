"""Test vectors of the Poisson neuron: every branch, steps of docs/vectors, and random cases."""

from typing import Any

import numpy as np
from vectors import counts, steps

from ipvae.network.description import DRAWN
from ipvae.network.kinds.poisson import program
from ipvae.network.layers import WEIGHT_EXP_RANGE, PoissonLayer
from ipvae.network.rules import poisson, random_source
from ipvae.network.rules.arithmetic import CHANGE_MAX, SELF_MAX, STATE_MAX, TERM_MAX
from ipvae.network.rules.neuron_step import next_log_rate
from neuron_spec import cases
from neuron_spec.cases import Case, Values, signed, size

IMAGE = random_source.image_key(7, 3)
_A, _B = random_source.neuron_keys(DRAWN, 6)

USUAL: Values = {
    **cases.COMMON,
    "u": 1000,
    "z": 2,
    "given": 9,
    "image_a": IMAGE.a,
    "image_b": IMAGE.b,
    "memory": 1,
    "ceiling_on": 0,
    "finer": 0,
    "u_min": poisson.LOG_RATE_MIN,
    "u_max": poisson.LOG_RATE_MAX,
    "du_min": -CHANGE_MAX,
    "du_max": CHANGE_MAX,
    "z_max": 255,
    "replay": 0,
    "u_init": -700,
    "self_weight": 3000,
    "neuron_a": int(_A[5]),
    "neuron_b": int(_B[5]),
}
"""Neuron 5 of the layer, at row 5 of image 3 of seed 7."""

FREE: Values = {"a_in": 0, "self_weight": 0, "z": 0}
"""Values with the drive as the only input: the change is `drive`."""

PLAIN: Values = {**FREE, "memory": 0, "u_init": 0}
BENT: Values = {
    **PLAIN,
    "ceiling_on": 1,
    "finer": 4,
    "u_min": -700_000,
    "u_max": 472_000,
}


def chosen() -> list[Case]:
    """At least one case for each branch."""
    return [
        *cases.RECEIVING,
        ("memory.yes", "goes on from u", {"u": -9000}),
        ("memory.no", "goes on from u_init", {**PLAIN, "u": -9000, "u_init": 3000}),
        ("memory.no", "at row 0 too", {**PLAIN, "step": 0, "u_init": 3000}),
        ("update.yes", "row 1", {"step": 1, "row": 1, "next": 1}),
        ("update.no", "row 0: u stays", {"step": 0, "drive": 5000}),
        ("count.whole", "own count at its limit", {"z": 1398}),
        ("count.cut", "own count past it", {"z": 1399, "drive": TERM_MAX}),
        ("d.below", "past du_min", {**FREE, "drive": -701, "du_min": -700}),
        ("d.inside", "at du_min", {**FREE, "drive": -700, "du_min": -700}),
        ("d.above", "past du_max", {**FREE, "drive": 901, "du_max": 900}),
        ("u.below", "past u_min", {**FREE, "drive": -10_001, "u_min": -9000}),
        ("u.inside", "at u_max", {**FREE, "drive": 8000, "u_max": 9000}),
        ("u.above", "past u_max", {**FREE, "drive": 8001, "u_max": 9000}),
        ("d0.below", "past du_min", {**PLAIN, "drive": -701, "du_min": -700}),
        ("d0.inside", "at du_max", {**PLAIN, "drive": 900, "du_max": 900}),
        ("d0.above", "past du_max", {**PLAIN, "drive": 901, "du_max": 900}),
        ("ceiling.yes", "bends far below it", {**BENT, "drive": 100_001}),
        ("ceiling.no", "no ceiling", {**PLAIN, "drive": 4000}),
        ("ceiling_far.yes", "16 units below: nothing", {**BENT, "drive": -576_576}),
        ("ceiling_far.no", "just within 16 units", {**BENT, "drive": -576_575}),
        ("bent.whole", "at the ceiling", {**BENT, "drive": 472_000}),
        ("bent.cut", "past the ceiling", {**BENT, "drive": 500_000}),
        ("u0.below", "past u_min", {**PLAIN, "drive": -9001, "u_min": -9000}),
        ("u0.inside", "at u_max", {**PLAIN, "drive": 9000, "u_max": 9000}),
        ("u0.above", "past u_max", {**PLAIN, "drive": 9001, "u_max": 9000}),
        ("replay.yes", "the count is given", {"replay": 1}),
        ("replay.no", "the count is drawn", {"u": 7000}),
        ("one_draw.yes", "rate 8", {**FREE, "u": 12288, "drive": 0}),
        ("one_draw.no", "just above rate 8: two draws", {**FREE, "u": 12289, "drive": 0}),
        ("one_draw.no", "rate 256: 32 draws", {**FREE, "u": 32768, "drive": 0, "z_max": 1023}),
        ("between_rows.yes", "between two rows", {**FREE, "u": -6868, "drive": 0}),
        ("between_rows.no", "on a row", {**FREE, "u": -128, "drive": 0}),
        ("missed.yes", "a threshold is missed", {**FREE, "u": -49152, "drive": 0}),
        ("missed.no", "thresholds are reached", {**FREE, "u": 11000, "drive": 0}),
        ("z.whole", "at the limit of a message", {**FREE, "u": 20480, "drive": 0, "z_max": 127}),
        ("z.cut", "past it", {**FREE, "u": 20480, "drive": 0, "z_max": 7}),
    ]


def of_steps() -> list[Case]:
    """Return the cases of docs/vectors/steps.csv."""
    names = {"b": "drive", "last_count": "z"}
    found = []
    for about, case in [*steps.received(), *steps.own_count(), *steps.limits()]:
        full = {**steps.USUAL, **case}
        given = {names.get(name, name): full[name] for name in steps.GIVEN}
        given["u_init"] = full["u"]
        found.append(("update.yes", f"steps.csv: {about}", given))
    return found


def of_counts() -> list[Case]:
    """Return the log-rates of docs/vectors/counts.csv at some rows."""
    return [
        ("replay.no", "counts.csv", {**FREE, "drive": 0, "u": u, "row": row, "z_max": 2**23 - 1})
        for u in counts.LOG_RATES
        for row in (1, 524287)
    ]


def at_thresholds(n: int) -> list[Case]:
    """Return uniforms equal to a threshold, or one below, so that every bit matters.

    For each row, a log-rate with such a threshold is searched. Half of the cases are one step of
    the log-rate above a row of the table, where interpolation starts.
    """
    image, neuron = _words(USUAL, "image"), _words(USUAL, "neuron")
    every = np.arange(poisson.LOG_RATE_MIN, poisson.SPLIT_ABOVE + 1)
    known = [(r, poisson.interpolated_thresholds(r)) for r in (every, every[(every & 127) == 1])]
    wanted = [(below, *some) for below in (0, 1) for some in known] * n
    found: list[Case] = []
    row = 0
    while wanted:
        row += 1
        below, rates, thresholds = wanted[0]
        target = int(random_source.uniforms(image, neuron, row)[0]) + below
        hits = np.flatnonzero((thresholds == target).any(axis=1))
        if hits.size:
            wanted.pop(0)
            given = {**FREE, "drive": 0, "u": int(rates[hits[0]]), "row": row}
            about = "one below a threshold" if below else "at a threshold"
            found.append(("missed.yes" if below else "missed.no", about, given))
    return found


def _words(values: Values, kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the two key words of an image or a neuron."""
    a, b = (np.array([values[f"{kind}_{end}"]], np.uint32) for end in "ab")
    return a, b


def at_random(n: int) -> list[Case]:
    """Return valid values of every constant and state."""
    rng = np.random.default_rng(8)
    found = []
    for _ in range(n):
        finer = int(rng.integers(5))
        low, high = poisson.LOG_RATE_MIN << finer, poisson.LOG_RATE_MAX << finer
        u_min, u_max = int(rng.integers(low, 1)), int(rng.integers(high + 1))
        memory = int(rng.random() < 0.7)
        given: Values = {
            "a_in": signed(rng, STATE_MAX),
            "drive": signed(rng, TERM_MAX),
            "weight_exp": int(rng.integers(WEIGHT_EXP_RANGE[0], WEIGHT_EXP_RANGE[1] + 1)),
            "sign": int(rng.choice([-1, 1])),
            "memory": memory,
            "ceiling_on": int(finer == 4 and not memory),
            "finer": finer,
            "u_min": u_min,
            "u_max": u_max,
            "du_min": -size(rng, CHANGE_MAX),
            "du_max": size(rng, CHANGE_MAX),
            "z_max": 2 ** int(rng.integers(1, 24)) - 1,
            "u_init": int(rng.integers(u_min, u_max + 1)),
            "u": int(rng.integers(u_min, u_max + 1)),
            "z": size(rng, poisson.largest_draw()),
            "self_weight": size(rng, SELF_MAX) * memory,
            "image_a": int(rng.integers(2**24)),
            "image_b": int(rng.integers(2**24)),
            "neuron_a": int(rng.integers(2**24)),
            "neuron_b": int(rng.integers(2**24)),
            "row": size(rng, random_source.STEP_LIMIT - 1),
        }
        found.append(("act.yes", "at random", given))
    return found


def vectors() -> list[dict]:
    """Return all vectors."""
    every = [*chosen(), *of_steps(), *of_counts(), *at_thresholds(3), *at_random(40)]
    return cases.vectors(program(), every, USUAL, step)


def step(v: Values) -> Values:
    """One step of one neuron by the rules of network/."""
    limits: dict[str, Any] = {name: v[name] for name in ("u_min", "u_max", "du_min", "du_max")}
    layer = PoissonLayer(
        **cases.received_parts(v),
        self_weight=np.array([v["self_weight"]], np.int32),
        u_init=np.array([v["u_init"]], np.int32),
        frac_bits=12 + v["finer"],
        payload_bits=v["z_max"].bit_length(),
        memory=bool(v["memory"]),
        ceiling=bool(v["ceiling_on"]),
        **limits,
    )

    def update(now: Values) -> int:
        if layer.memory and now["row"] == 0:
            return now["u"]
        u, z, drive, a_in = (np.array([now[n]]) for n in ("u", "z", "drive", "received"))
        return int(next_log_rate(layer, u, z, drive, a_in)[0])

    def emit(now: Values) -> int:
        if v["replay"]:
            return now["given"]
        image, neuron = _words(now, "image"), _words(now, "neuron")

        def uniform(_: np.ndarray, sub_draw: np.ndarray) -> np.ndarray:
            return random_source.uniforms(image, neuron, now["row"], sub_draw)

        drawn = poisson.draw(np.array([now["u"]]) >> layer.finer_bits, uniform)
        return min(int(drawn[0]), layer.count_max)

    return cases.stepped(v, update, emit)
