"""Test vectors of delta, sigma-delta and sigma neurons; the steps are plain Python integers."""

from typing import Any

import numpy as np

from ipvae.network.kinds import sigma_delta as kinds
from neuron_spec import cases
from neuron_spec.cases import Case, Source, Values, signed, size

LOW, HIGH = -(2**31), 2**31 - 1
CHANGES: Values = {"threshold": 8192, "residue": 300, "reference": 70_000}
OF_DELTA: Values = {"a_in": 17, **CHANGES}
OF_SIGMA: Values = {"a_in": 4000, "sigma": 66_001}
OF_SIGMA_DELTA: Values = {**OF_SIGMA, "bias": 4096, "relu_on": 1, **CHANGES}


def int32(x: int) -> int:
    """Wrap to 32 bits, as NumPy's int32 does."""
    return (x - LOW) % 2**32 + LOW


def sending() -> list[tuple[str, str, int, Values]]:
    """Return branch, description, new value, and other values, for both kinds with a threshold."""
    zero: Values = {"residue": 0, "reference": 0}
    return [
        ("sent.yes", "at the threshold", 77_892, {}),
        ("sent.no", "one below it: kept", 77_891, {}),
        ("sent.yes", "at it, negative", 61_508, {}),
        ("sent.no", "one above it, negative", 61_509, {}),
        ("sent.yes", "rounded down: six bits are lost", 80_000 + 63, zero),
        ("sent.yes", "the residue adds up", 8000, {**zero, "residue": 192}),
        ("sent.no", "the residue takes away", 8300, {**zero, "residue": -109}),
        ("sent.yes", "threshold 0 sends any change", 70_001, {"threshold": 0, "residue": 0}),
        ("sent.yes", "threshold 0, no change", 70_000, {"threshold": 0, "residue": 0}),
        ("sent.yes", "difference wraps", 2**31 - 4096, {"reference": -8192, "residue": 0}),
        ("sent.yes", "sum wraps", 2**30, {"reference": 0, "residue": HIGH - 2}),
        ("sent.no", "-2^31 has no magnitude", 2**30, {"reference": -(2**30), "residue": 0}),
        ("sent.no", "nor with threshold 0", 0, {"residue": LOW, "reference": 0, "threshold": 0}),
    ]


def of_delta() -> list[Case]:
    """Return cases of the delta neuron; other values than multiples of 4096 come by the residue."""
    found: list[Case] = [
        ("sent.no", "-2^31 by the shift", {"a_in": 2**19, "residue": 0, "reference": 0}),
        ("sent.yes", "the shift wraps", {"a_in": 2**20 + 40}),
        ("sent.yes", "negative", {"a_in": -700}),
    ]
    for branch, about, value, more in sending():
        full = {**OF_DELTA, **more}
        v = int32((value >> 12) << 12)
        residue = int32(full["residue"] + value - v)
        found.append((branch, about, {**more, "a_in": v >> 12, "residue": residue}))
    return found


def of_sigma_delta() -> list[Case]:
    """Return cases of the sigma-delta neuron."""
    found: list[Case] = [
        ("relu.yes", "positive", {}),
        ("relu.no", "identity", {"relu_on": 0, "sigma": -90_000}),
        ("relu.no", "-2^31 is a value", {"relu_on": 0, "sigma": LOW, "a_in": 0, "bias": 0}),
        ("below_zero.yes", "negative", {"sigma": -90_000}),
        ("below_zero.yes", "-1", {"sigma": -8097, "reference": 0, "residue": 0, "threshold": 0}),
        ("below_zero.no", "0", {"sigma": -8096, "reference": 0}),
        ("below_zero.yes", "sigma wraps up to negative", {"sigma": HIGH, "a_in": 1}),
        ("below_zero.no", "sigma wraps down to positive", {"sigma": LOW, "a_in": -1, "bias": 0}),
        ("below_zero.yes", "the bias wraps", {"sigma": HIGH - 4000, "a_in": 0}),
        ("relu.yes", "sigma stays without input", {"a_in": 0, "sigma": -1}),
    ]
    for branch, about, value, more in sending():
        sigma = value - OF_SIGMA_DELTA["a_in"] - OF_SIGMA_DELTA["bias"]
        found.append((branch, about, {**more, "sigma": sigma}))
    return found


def of_sigma() -> list[Case]:
    """Return cases of the sigma neuron, which has no branch."""
    return [
        ("", "a sum", {}),
        ("", "negative", {"a_in": -90_000}),
        ("", "wraps up to negative", {"sigma": HIGH, "a_in": 1}),
        ("", "wraps down to positive", {"sigma": LOW, "a_in": -1}),
        ("", "the ends", {"sigma": LOW, "a_in": 0}),
    ]


def at_random(n: int, usual: Values, step: Any) -> list[Case]:
    """Return valid values of every constant and state."""
    rng = np.random.default_rng(11)
    found: list[Case] = []
    for _ in range(n):
        value = signed(rng, 2**23)
        full: Values = {
            "a_in": signed(rng, 2047 if usual is OF_DELTA else 2**20),
            "sigma": value,
            "reference": max(value + signed(rng, 2**16), 0),
            "residue": signed(rng, 2**15),
            "threshold": size(rng, 2047) << 12,
            "bias": signed(rng, 2047) << 12,
            "relu_on": int(rng.random() < 0.7),
        }
        given = {name: full[name] for name in usual}
        branch = "" if usual is OF_SIGMA else f"sent.{'yes' if step(given)['s_out'] else 'no'}"
        found.append((branch, "at random", given))
    return found


def changed(v: Values, value: int) -> Values:
    """Return the values after the change of a value is sent, or kept."""
    delta = int32(int32(value - v["reference"]) + v["residue"])
    sent = int32(abs(delta)) >= v["threshold"]
    after = {"residue": 0 if sent else delta, "reference": value}
    return {**v, **after, "s_out": delta >> 6 if sent else 0}


def delta_step(v: Values) -> Values:
    """Return the values of a delta neuron after one step."""
    return changed(v, int32(v["a_in"] << 12))


def sigma_step(v: Values) -> Values:
    """Return the values of a sigma neuron after one step."""
    sigma = int32(v["sigma"] + v["a_in"])
    return {**v, "sigma": sigma, "s_out": sigma}


def sigma_delta_step(v: Values) -> Values:
    """Return the values of a sigma-delta neuron after one step."""
    sigma = int32(v["sigma"] + v["a_in"])
    value = int32(sigma + v["bias"])
    return changed({**v, "sigma": sigma}, max(value, 0) if v["relu_on"] else value)


PAGES = {
    "PyDeltaModelFixed": "delta.md",
    "PySigmaDeltaModelFixed": "sigma_delta.md",
    "PySigmaModelFixed": "sigma.md",
}
"""Page of docs/spec/neurons/ for each of Lava's models."""


def source(program: Any, chosen: Any, usual: Values, step: Any, model: str) -> Source:
    """Return the vectors of one kind."""

    def vectors() -> list[dict]:
        every = [*chosen(), *at_random(30, usual, step)]
        return cases.vectors(program(), every, usual, step, cases.given)

    return Source(usual, vectors, PAGES[model], f"lava.proc.sdn.models:{model}")


DELTA = source(kinds.delta_program, of_delta, OF_DELTA, delta_step, "PyDeltaModelFixed")
SIGMA_DELTA = source(
    kinds.sigma_delta_program,
    of_sigma_delta,
    OF_SIGMA_DELTA,
    sigma_delta_step,
    "PySigmaDeltaModelFixed",
)
SIGMA = source(kinds.sigma_program, of_sigma, OF_SIGMA, sigma_step, "PySigmaModelFixed")
