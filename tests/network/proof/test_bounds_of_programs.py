"""Bounds from programs equal the formulas that they replaced, and hold the sampler."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from ipvae.network.io.network_file import read_network
from ipvae.network.kinds import integers, poisson
from ipvae.network.kinds.integers import Neurons
from ipvae.network.proof.bounds import bounds
from ipvae.network.rules.poisson import LOG_RATE_MAX, LOG_RATE_MIN, UNIFORM_VALUES

ROOT = Path(__file__).resolve().parents[3]
BEFORE = json.loads(Path(__file__).with_name("bounds_before.json").read_text())
"""SHA-256 of all bounds of a network, as formulas for each variable gave them before."""


def digest(network):
    rows = [
        [b.layer, b.variable, b.low, b.high, b.allowed_low, b.allowed_high] for b in bounds(network)
    ]
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()


@pytest.mark.parametrize("path", BEFORE)
def test_bounds_are_those_of_the_formulas_that_they_replaced(path):
    assert digest(read_network(ROOT / path)) == BEFORE[path]


def test_every_conformance_network_is_compared():
    """All but `begun`, which is younger than the programs: no formula gave its bounds."""
    found = {*(ROOT / "docs" / "vectors" / "runs").glob("*.net.h5")}
    found.remove(ROOT / "docs" / "vectors" / "runs" / "begun.net.h5")
    assert {ROOT / path for path in BEFORE} >= found
    assert len(found) > 15


OF_THE_SAMPLER = {
    "u - 12288 + 4095": "o.add",
    "o": "o.shr",
    "4096 * o": "octaves.shl",
    "v": "v.sub",
    "v + 49152": "position.sub",
    "r": "r.shr",
    "f": "f.and",
    "A[r+1] - A[r]": "slope.sub",
    "(A[r+1] - A[r]) * f": "part.mul",
    "product >> 7": "part.shr",
    "threshold": "threshold.sub",
    "c": "c.shl",
    "total": "sum.add",
    "z": "z.min",
}
"""Operations of the program by the names of docs/spec/ranges.md."""


def test_the_sampler_of_every_log_rate_stays_in_its_bounds(monkeypatch, make_network):
    """Formulas of `bounds` against the program on integers, every third log-rate and both ends."""
    seen = {}
    plain = integers.fitted

    def recording(s, exact):
        known = seen.get(f"{s['out']}.{s['op']}", exact)
        ends = min(known.min(), exact.min()), max(known.max(), exact.max())
        seen[f"{s['out']}.{s['op']}"] = np.array(ends)
        return plain(s, exact)

    rates = np.append(np.arange(LOG_RATE_MIN, LOG_RATE_MAX, 3), LOG_RATE_MAX)
    words = {w["name"]: w["low"] for w in poisson.program().kept}
    words |= {"memory": 1, "z_max": 2**23 - 1, "u_min": LOG_RATE_MIN, "u_max": LOG_RATE_MAX}
    words |= {"u": rates, "image_a": 7216701, "image_b": 2218025, "step": 0, "row": 0, "next": 0}
    words |= {"neuron_a": np.arange(len(rates)) * 71 % 2**24, "neuron_b": rates % 2**24}
    neurons = Neurons(poisson.program(), len(rates), words)
    monkeypatch.setattr(integers, "fitted", recording)
    neurons.step()
    network = make_network(u_min=LOG_RATE_MIN, u_max=LOG_RATE_MAX, payload_bits=10)
    found = {b.variable: b for b in bounds(network)}
    for name, key in OF_THE_SAMPLER.items():
        low, high = seen[key].tolist()
        if name == "threshold":
            low, high = UNIFORM_VALUES - high, UNIFORM_VALUES - low
        assert found[name].low <= low <= high <= found[name].high, name
    assert seen["position.sub"].tolist() == [found["v + 49152"].low, found["v + 49152"].high]
    assert seen["sum.add"][1] > 250
