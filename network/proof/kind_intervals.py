"""Ranges of CUBA and sigma-delta neurons in a network, from their programs.

They are valid for any images and, except for sums over rows, for any number of rows. Messages are
taken to be within the width that their kind declares: spikes 0 or 1, graded ones 16 bits with a
sign. The bound `z` of a layer says whether that is proved for it: Lava does not limit messages.

States of other kinds are taken to be in the ranges that their programs declare, which a run on
integers checks.

A result that may wrap does not stay in its width, so its bound does not hold. That is no reason to
refuse a network: its values are defined, as Lava wraps them (docs/spec/neurons/).
"""

from dataclasses import dataclass

import numpy as np

from ipvae.network.kinds import (
    CubaNeuron,
    DeltaNeuron,
    NeuronKind,
    SigmaDeltaNeuron,
    SigmaNeuron,
)
from ipvae.network.kinds.base import require_within
from ipvae.network.kinds.cuba import (
    BIAS_MAX,
    BIAS_MIN,
    CURRENT_LIMIT,
    DECAY_UNITY,
    STATE_LIMIT,
    STATE_SHIFT,
)
from ipvae.network.kinds.intervals import Fact, Ranges, Values, ranges
from ipvae.network.kinds.program import operations, width_range
from ipvae.network.kinds.sigma_delta import STATE_FRACTION, VALUE_END
from ipvae.network.network import INPUT, Layer, Network
from ipvae.network.proof.bounds import Bound
from ipvae.network.proof.driven import driven_bounds
from ipvae.network.proof.interval import Interval, between
from ipvae.network.rules.arithmetic import shift

ROWS_MAX = 2**24
"""Largest number of rows that a bound is computed for."""
INT32 = between(-(2**31), 2**31 - 1)


@dataclass(frozen=True)
class _Proof:
    """Ranges of a layer's program."""

    kind: NeuronKind
    a_in: Interval
    found: Ranges


def kind_bounds(network: Network, rows: int | None = None) -> list[Bound]:
    """Bound every variable and intermediate of every layer, in the order of evaluation.

    Parameters
    ----------
    network : Network
    rows : int in 1..2^24 or None
        Rows that a layer has updated since its states were 0, those before its row 0 included.
        Sums of sigma-delta neurons grow with it. None: any number, for which they have no bound.

    Raises
    ------
    DescriptionError
        If `rows` is outside its range.
    """
    if rows is not None:
        require_within("rows", rows, 1, ROWS_MAX)
    return [b for name in network.kinds for b in _bounds_of(network, name, rows)]


def _bounds_of(network: Network, name: str, rows: int | None) -> list[Bound]:
    if network.kinds[name].driven:
        return driven_bounds(network, name)
    return _bounds(name, _proof(network, name, rows))


def wrapping_neurons(network: Network) -> dict[str, int]:
    """Count, for each layer of CUBA neurons, those whose current may wrap."""
    found = {}
    for name, kind in network.kinds.items():
        if isinstance(kind, CubaNeuron):
            total = _proof(network, name, None).found.exact["current_sum.add"]
            wraps = (total.high > STATE_LIMIT) | (total.low <= -STATE_LIMIT)
            found[name] = int(np.broadcast_to(wraps, network.size_of(name)).sum())
    return found


def proved_rows(network: Network) -> dict[str, int | None]:
    """Rows for which no result of a layer leaves its width, or wraps where that is in 32 bits.

    Returns
    -------
    dict of str -> int or None
        Largest number of rows; 0 if not even one is proved; None if all numbers are, which 2^24
        rows stand for where a layer has sums.
    """
    return {name: _proved_rows(network, name) for name in network.kinds}


def _proved_rows(network: Network, name: str) -> int | None:
    if network.kinds[name].driven:
        return None if all(bound.holds for bound in driven_bounds(network, name)) else 0
    if "sigma" not in network.kinds[name].states:
        return None if _fits(_proof(network, name, None)) else 0
    if _fits(_proof(network, name, ROWS_MAX)):
        return None
    least, most = 0, ROWS_MAX
    while most - least > 1:
        middle = (least + most) // 2
        if _fits(_proof(network, name, middle)):
            least = middle
        else:
            most = middle
    return least


def _fits(proof: _Proof) -> bool:
    return all(b.holds for b in _bounds("", proof) if b.variable != "z")


def _bounds(name: str, proof: _Proof) -> list[Bound]:
    """Join the results of a program by variable, in the order of their first operation."""
    program, exact = proof.kind.program(), proof.found.exact
    (word,) = program.inputs
    found = [Bound("a_in", *proof.a_in.ends, word["low"], word["high"], layer=name)]
    for variable in dict.fromkeys(s["out"] for s in operations(program.statements)):
        keys = [k for k, s in proof.found.statements.items() if s["out"] == variable]
        if variable == "s_out" or not keys:
            continue
        ends = [exact[k].ends for k in keys]
        allowed = [width_range(proof.found.statements[k]) for k in keys]
        if variable == "z":
            allowed = [proof.kind.sent]
        low, high = min(e[0] for e in ends), max(e[1] for e in ends)
        found.append(Bound(variable, low, high, *allowed[0], layer=name))
    return found


def _proof(network: Network, name: str, rows: int | None) -> _Proof:
    kind = network.kinds[name]
    if name == INPUT:
        a_in, bias = _image(kind)
    else:
        layer = network.by_id[name]
        a_in = _received(network, layer)
        biases = kind.neuron_constants(layer.biases)
        bias = {word: between(values, values) for word, values in biases.items()}
    constants = {word: between(value, value) for word, value in kind.constants().items()}
    values = {**constants, **bias, "a_in": a_in}
    if isinstance(kind, CubaNeuron):
        return _Proof(kind, a_in, _cuba(kind, values))
    if not isinstance(kind, (DeltaNeuron, SigmaDeltaNeuron, SigmaNeuron)):
        declared = {w["name"]: between(w["low"], w["high"]) for w in kind.program().states}
        return _Proof(kind, a_in, ranges(kind.program(), {**values, **declared}, {}))
    states, facts = _sums(kind, values, rows), _facts(kind)
    if "sent.no/residue.copy" in facts:
        states["residue"] = facts["sent.no/residue.copy"](values)
    return _Proof(kind, a_in, ranges(kind.program(), {**values, **states}, facts))


def _facts(kind: NeuronKind) -> dict[str, Fact]:
    """Relations that intervals do not see; they are valid if nothing before them wraps.

    A change that is not sent is smaller than the threshold. An activation does not move further
    than its input; at the first row, from 0, the bias is a part of that.
    """
    if not isinstance(kind, (DeltaNeuron, SigmaDeltaNeuron)):
        return {}
    kept = max((kind.threshold << STATE_FRACTION) - 1, 0)

    def change(values: Values) -> Interval:
        a, bias = values["a_in"], values["bias"]
        most = np.maximum(a.high, -a.low) + np.maximum(bias.high, -bias.low)
        return between(-most, most)

    facts: dict[str, Fact] = {"sent.no/residue.copy": lambda _: between(-kept, kept)}
    return facts | ({"change.sub": change} if isinstance(kind, SigmaDeltaNeuron) else {})


def _image(kind: NeuronKind) -> tuple[Interval, dict[str, Interval]]:
    """Input neurons: the image is the bias of CUBA neurons, and what delta neurons receive."""
    if isinstance(kind, DeltaNeuron):
        return between(1 - VALUE_END, VALUE_END - 1), {}
    bias = between(BIAS_MIN << STATE_SHIFT, BIAS_MAX << STATE_SHIFT)
    return between(0, 0), {"bias": bias}


def _received(network: Network, layer: Layer) -> Interval:
    """Synaptic input of each neuron, from the sums of its negative and its positive weights."""
    total = between(0, 0)
    for connection in layer.connections:
        low, high = network.sent(connection.source)
        sums = connection.weights.reach()
        down, up = np.repeat(sums, layer.n_neurons // sums.shape[1], axis=1)
        part = between(up * low + down * high, up * high + down * low)
        exponent = connection.exponent
        total = total + part.through(lambda v, e=exponent: shift(v, e))
    return total


def _cuba(kind: CubaNeuron, values: dict[str, Interval]) -> Ranges:
    """Ranges of any row: the currents are some that one more row does not leave."""
    received = values["a_in"].through(lambda v: shift(v, STATE_SHIFT))
    currents = _currents(kind, received)
    voltages = between(1 - STATE_LIMIT, STATE_LIMIT - 1)
    states = {"current": currents, "voltage": voltages}
    found = ranges(kind.program(), {**values, **states})
    after = found.values["current"]
    closed = (after.low >= currents.low) & (after.high <= currents.high)
    if closed.all():
        return found
    low = np.where(closed, currents.low, -CURRENT_LIMIT)
    states["current"] = between(low, np.where(closed, currents.high, CURRENT_LIMIT))
    return ranges(kind.program(), {**values, **states})


def _currents(kind: CubaNeuron, received: Interval) -> Interval:
    """Candidates for currents of any row, to be checked by one more row.

    Where a current x stays if x (4096 - decay) / 4096 plus the input is at most x. If such a
    current would wrap: 24 bits; if one wrap is not enough to return to them: the current that the
    input less one wrap would lead to.
    """

    def end(most: np.ndarray) -> np.ndarray:
        if not kind.current_decay:
            return np.where(most > 0, CURRENT_LIMIT, 0)
        return np.minimum(-(-DECAY_UNITY * most // kind.current_decay), CURRENT_LIMIT)

    high, low = (end(np.maximum(most, 0)) for most in (received.high, -received.low))
    stays = (high <= STATE_LIMIT) & (low < STATE_LIMIT)
    past = np.maximum(received.high, -received.low) - 2 * STATE_LIMIT
    far = np.where(past > 0, end(np.maximum(past, 0)), 0)
    top, bottom = np.maximum(far, STATE_LIMIT), np.maximum(far, STATE_LIMIT - 1)
    return between(np.where(stays, -low, -bottom), np.where(stays, high, top))


def _sums(kind: NeuronKind, values: dict[str, Interval], rows: int | None) -> dict[str, Interval]:
    """Sums before the last of a number of rows, and references, of which nothing is assumed."""
    if isinstance(kind, DeltaNeuron):
        v = values["a_in"].through(lambda a: shift(a, STATE_FRACTION))
        return {"reference": between(np.minimum(v.low, 0), np.maximum(v.high, 0))}
    if rows is None:
        sigma = INT32
    else:
        sigma = between(values["a_in"].low * (rows - 1), values["a_in"].high * (rows - 1))
    if not isinstance(kind, SigmaDeltaNeuron):
        return {"sigma": sigma}
    return {"sigma": sigma, "reference": INT32}
