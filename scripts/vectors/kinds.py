"""Small random networks of every kind of docs/spec/versions.md; also a test fixture."""

from typing import Any

import numpy as np

from ipvae.network.description import InputFormat, IntNetwork
from ipvae.network.layers import GradedLayer, PoissonLayer

M = 5
"""Number of pixels."""


class Maker:
    """Generator of random parts of one network."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)

    def whole(self, low: int, high: int) -> int:
        """Random integer within low..high."""
        return int(self.rng.integers(low, high + 1))

    def array(self, reach: int, shape: Any, dtype: Any = np.int32) -> np.ndarray:
        """Random integers within -reach..reach."""
        return self.rng.integers(-reach, reach + 1, shape).astype(dtype)

    def synapses(self, k: int, j: int) -> np.ndarray:
        """Random 8-bit weights over the whole range."""
        return self.rng.integers(-128, 128, (k, j)).astype(np.int8)

    def drive(self, k: int, reach: int = 3000) -> np.ndarray:
        """Random weights of all pixels."""
        return self.array(reach, (k, M), np.int16)

    def poisson(self, k: int, bits: int, **parts: Any) -> PoissonLayer:
        """Poisson layer with `bits` fraction bits; `parts` replace random values."""
        unit = 1 << (bits - 12)
        memory = parts.get("memory", True)
        self_weight = self.rng.integers(0, 4000 * unit, k).astype(np.int32)
        made = {
            "bias": self.array(3000 * unit, k),
            "self_weight": self_weight if memory else np.zeros(k, np.int32),
            "u_init": self.rng.integers(-9000 * unit, 20000 * unit, k).astype(np.int32),
            "u_min": -47274 * unit,
            "u_max": self.whole(21000, 32768) * unit,
            "du_min": -self.whole(20000, 47274) * unit,
            "du_max": self.whole(10000, 59093) * unit,
            "payload_bits": self.whole(5, 9),
            "frac_bits": bits,
            "drive_exp": bits - 22,
            "weight_exp": bits - 10,
        }
        return PoissonLayer(**{**made, **parts})

    def graded(self, k: int, **parts: Any) -> GradedLayer:
        """Graded layer; `parts` replace random values."""
        made = {
            "bias": self.array(400, k),
            "z_min": -self.whole(100, 1000),
            "z_max": self.whole(100, 1000),
            "shift": self.whole(1, 4),
            "weight_exp": self.whole(-2, 2),
            "drive_exp": -7,
            "unit": 0.125,
        }
        return GradedLayer(**{**made, **parts})

    def network(self, code: Any, hidden: Any = (), n_readouts: int = 0) -> IntNetwork:
        """Network of three images; the second read-out has a leak, the first has none."""
        k, number = code.n_neurons, len(hidden) + 1
        readouts = tuple(
            self.graded(
                n, weight_rec=self.synapses(n, k), source=number, sign=sign, leak=leak, shift=0
            )
            for n, leak, sign in [(M, 0, 1), (3, self.whole(1, 15), -1)][:n_readouts]
        )
        return IntNetwork(
            InputFormat(-10, 255, 1 / 255, (1, M)),
            code,
            self.rng.normal(size=(M, k)),
            self.rng.integers(-10, 256, (3, M)).astype(np.int16),
            np.array([0, 2, 1], np.int16),
            {"made": "scripts/vectors/kinds.py, at random"},
            hidden=tuple(hidden),
            readouts=readouts,
        )


def recurrent(make: Maker, bits: int) -> tuple[PoissonLayer, list[GradedLayer]]:
    """One layer with input from itself and from the image."""
    return make.poisson(6, bits, weight=make.drive(6), weight_rec=make.synapses(6, 6)), []


def errors(make: Maker, n_hidden: int) -> tuple[PoissonLayer, list[GradedLayer]]:
    """Error units (a diagonal drive minus the code's prediction), and a code that adds them."""
    code = n_hidden + 1
    hidden = [
        make.graded(
            M, weight=make.array(300, M, np.int16), weight_rec=make.synapses(M, 6), source=code
        )
    ]
    if n_hidden == 2:
        hidden.append(make.graded(4, weight_rec=make.synapses(4, M), source=1, sign=1))
    sends = hidden[-1].n_neurons
    return (
        make.poisson(6, 16, weight_rec=make.synapses(6, sends), source=n_hidden, sign=1),
        hidden,
    )


def amortized(make: Maker, n_hidden: int, ceiling: bool) -> tuple[PoissonLayer, list[GradedLayer]]:
    """Feed-forward network; the last hidden layer has swish neurons, the code also has a drive."""
    hidden = []
    for i in range(n_hidden):
        last = i == n_hidden - 1
        source_of_layer: dict[str, Any] = {"weight": make.drive(7), "source": 0}
        if i > 0:
            source_of_layer = {"weight_rec": make.synapses(7, 7), "source": i, "sign": 1}
        if last:
            source_of_layer |= {"activation": "swish", "drive_exp": -5, "bias": make.array(9000, 7)}
        hidden.append(make.graded(7, **source_of_layer))
    received = {"weight_rec": make.synapses(6, 7)} if n_hidden else {}
    parts = {"weight": make.drive(6), "source": n_hidden, "sign": make.rng.choice([1, -1])}
    parts["sign"] = int(parts["sign"])
    return make.poisson(6, 16, memory=False, ceiling=ceiling, **parts, **received), hidden


def sparse(make: Maker) -> tuple[GradedLayer, list[GradedLayer]]:
    """Graded code with recurrent weights: soft threshold and leak, signed (LCA)."""
    code = make.graded(
        6,
        weight=make.drive(6),
        weight_rec=make.synapses(6, 6),
        leak=make.whole(1, 4),
        threshold=make.whole(50, 900),
        bias=make.array(3000, 6),
    )
    return code, []


KINDS: dict[str, Any] = {
    "recurrent12": lambda make: recurrent(make, 12),
    "recurrent16": lambda make: recurrent(make, 16),
    "errors": lambda make: errors(make, 1),
    "errors2": lambda make: errors(make, 2),
    "forward": lambda make: amortized(make, 0, False),
    "forward_ceiling": lambda make: amortized(make, 0, True),
    "forward1": lambda make: amortized(make, 1, True),
    "forward2": lambda make: amortized(make, 2, False),
    "sparse": sparse,
}


def networks(seed: int) -> dict[str, IntNetwork]:
    """Network of every kind with 0, 1 and 2 read-outs, by names such as `errors/1`."""
    found = {}
    for i, (kind, make_layers) in enumerate(KINDS.items()):
        for n_readouts in range(3):
            make = Maker(seed * 100 + i * 10 + n_readouts)
            code, hidden = make_layers(make)
            found[f"{kind}/{n_readouts}"] = make.network(code, hidden, n_readouts)
    return found
