"""A small random network of every kind, with 0, 1 and 2 read-outs; loaded by conftest.py.

Between them they reach every branch of `ipvae.network.rules.neuron_step`: a test says so.
"""

import functools
import itertools
from typing import Any

import numpy as np

from ipvae.network.description import InputFormat, IntNetwork
from ipvae.network.layers import ADDED, NOTHING, SUBTRACTED, GradedLayer, PoissonLayer
from ipvae.network.rules.activations import SWISH

PIXELS = 6
NEURONS = 7
HIDDEN = 8
IMAGES = 3

KINDS = (
    "recurrent",
    "recurrent, 16 bits",
    "recurrent, added",
    "errors",
    "errors, 16 bits",
    "errors, graded code",
    "loop of three",
    "feed-forward",
    "feed-forward, 16 bits",
    "feed-forward, ceiling",
    "one hidden",
    "two hidden",
    "two hidden, graded code",
    "lca",
)


NAMES = tuple(
    kind if not n else f"{kind} + {n} read-out{'s' if n > 1 else ''}"
    for kind in KINDS
    for n in range(3)
)
"""Every kind, then the same with one and with two read-outs."""
BUILT = (
    "recurrent + 2 read-outs",
    "recurrent, 16 bits + 1 read-out",
    "recurrent, added + 2 read-outs",
    "errors + 2 read-outs",
    "errors, 16 bits + 2 read-outs",
    "errors, graded code + 2 read-outs",
    "loop of three + 2 read-outs",
    "feed-forward + 1 read-out",
    "feed-forward, 16 bits + 2 read-outs",
    "feed-forward, ceiling",
    "one hidden + 2 read-outs",
    "two hidden + 2 read-outs",
    "two hidden, graded code",
    "lca + 2 read-outs",
)
"""One of each kind: representative where a network is costly to build.

With seed 1 they reach every branch that NAMES do: a test says so.
"""


@functools.cache
def networks(seed: int) -> dict[str, IntNetwork]:
    """One random network for each of NAMES, not to be changed."""
    parts = itertools.product(KINDS, range(3))
    return {
        name: _network(kind, n, np.random.default_rng([seed, i]))
        for i, (name, (kind, n)) in enumerate(zip(NAMES, parts, strict=True))
    }


def _network(kind: str, n_readouts: int, rng: np.random.Generator) -> IntNetwork:
    hidden, code = _layers(kind, rng)
    return IntNetwork(
        input=InputFormat(-128, 127, 1 / 128, (2, 3)),
        layer=code,
        decoder=rng.normal(size=(PIXELS, NEURONS)).astype(np.float32),
        test_images=rng.integers(-128, 128, (IMAGES, PIXELS)).astype(np.int16),
        test_labels=np.array([0, 2, 1], dtype=np.int16),
        provenance={"made": f"tests/support/kinds.py, {kind}"},
        hidden=hidden,
        readouts=_readouts(len(hidden) + 1, rng)[:n_readouts],
    )


def _layers(
    kind: str, rng: np.random.Generator
) -> tuple[tuple[GradedLayer, ...], PoissonLayer | GradedLayer]:
    """Hidden layers and code of a kind."""
    if kind.startswith("errors") or kind == "loop of three":
        return _loop(kind, rng)
    if kind in ("one hidden", "two hidden", "two hidden, graded code"):
        return _chain(kind, rng)
    if kind == "lca":
        lca = _input_from(rng, 1, NEURONS, weight_exp=2) | _seen(rng, 2)
        return (), _graded(rng, z_min=-60, z_max=70, leak=2, threshold=1500, shift=6, **lca)
    frac_bits = 12 if kind in ("recurrent", "recurrent, added", "feed-forward") else 16
    if kind.startswith("recurrent"):
        sign = ADDED if "added" in kind else SUBTRACTED
        inputs = _input_from(rng, 1, NEURONS, sign=sign, weight_exp=frac_bits - 9)
        return (), _poisson(rng, frac_bits, **inputs, **_seen(rng, frac_bits - 12))
    alone: dict[str, Any] = {"memory": False, "source": NOTHING, "payload_bits": 3}
    alone["ceiling"] = "ceiling" in kind
    return (), _poisson(rng, frac_bits, **alone, **_seen(rng, frac_bits - 8))


def _chain(
    kind: str, rng: np.random.Generator
) -> tuple[tuple[GradedLayer, ...], PoissonLayer | GradedLayer]:
    """One or two activations between the image and the code, which may see the image too."""
    parts = {"z_min": -8, "z_max": 20, "shift": 7, "activation": SWISH, "source": NOTHING}
    first = _graded(rng, HIDDEN, **parts, **_seen(rng, 2, HIDDEN))
    if kind == "one hidden":
        inputs = _input_from(rng, 1, HIDDEN, sign=ADDED, weight_exp=0)
        return (first,), _poisson(rng, 12, memory=False, **inputs, **_seen(rng, 0))
    inputs = _input_from(rng, 1, HIDDEN, 5)
    second = _graded(rng, 5, z_min=-40, z_max=40, threshold=900, shift=6, **inputs)
    if kind == "two hidden":
        inputs = _input_from(rng, 2, 5, sign=ADDED, weight_exp=0)
        return (first, second), _poisson(rng, 12, memory=False, **inputs)
    inputs = _input_from(rng, 2, 5, weight_exp=-2)
    return (first, second), _graded(rng, z_min=-30, z_max=30, threshold=100, shift=4, **inputs)


def _loop(
    kind: str, rng: np.random.Generator
) -> tuple[tuple[GradedLayer, ...], PoissonLayer | GradedLayer]:
    """Errors of the pixels in a loop with the code, which may pass through a third layer."""
    number = 3 if kind == "loop of three" else 2
    frac_bits = 16 if "16" in kind else 12
    errors = _graded(
        rng,
        PIXELS,
        z_min=-100,
        z_max=90,
        shift=3,
        weight=rng.integers(4, 12, PIXELS).astype(np.int16),
        drive_exp=-1,
        **_input_from(rng, number, NEURONS, PIXELS, weight_exp=-1),
    )
    inputs = _input_from(rng, 1, PIXELS, sign=ADDED, weight_exp=frac_bits - 15)
    if "graded" in kind:
        return (errors,), _graded(
            rng, z_min=-20, z_max=25, leak=1, threshold=500, shift=6, **inputs
        )
    if number == 2:
        return (errors,), _poisson(rng, frac_bits, **inputs)
    second = _graded(
        rng,
        HIDDEN,
        z_min=-70,
        z_max=80,
        shift=6,
        activation=SWISH,
        **_input_from(rng, 1, PIXELS, HIDDEN),
    )
    inputs = _input_from(rng, 2, HIDDEN, sign=ADDED, weight_exp=-1)
    return (errors, second), _poisson(rng, 12, **inputs, **_seen(rng, -2))


def _readouts(code: int, rng: np.random.Generator) -> tuple[GradedLayer, ...]:
    """A reconstruction of the image, and three classes with memory."""
    picture = _input_from(rng, code, NEURONS, PIXELS, sign=ADDED, weight_exp=-2)
    classes = _input_from(rng, code, NEURONS, 3, sign=ADDED, weight_exp=0)
    return (
        _graded(rng, PIXELS, z_min=-128, z_max=127, shift=2, unit=1 / 128, **picture),
        _graded(rng, 3, z_min=-(2**15), z_max=2**15 - 1, leak=3, **classes),
    )


def _seen(rng: np.random.Generator, exponent: int, n: int = NEURONS) -> dict[str, Any]:
    """Weights from the image; by 1 more of `exponent` the drive doubles, from some 600 units."""
    weight = rng.integers(-3000, 3001, (n, PIXELS)).astype(np.int16)
    return {"weight": weight, "drive_exp": exponent - 9}


def _input_from(
    rng: np.random.Generator, source: int, n_in: int, n_out: int = NEURONS, **parts: Any
) -> dict[str, Any]:
    """Synapses from another layer, odd and even weights of both signs."""
    weight = rng.integers(-128, 128, (n_out, n_in)).astype(np.int8)
    return {"weight_rec": weight, "source": source, **parts}


def _poisson(rng: np.random.Generator, frac_bits: int, **parts: Any) -> PoissonLayer:
    """Code of Poisson neurons; limits in octaves are the same for all fraction bits."""
    scale = 1 << (frac_bits - 12)
    own = rng.integers(0, 2500, NEURONS) * parts.get("memory", True)
    layer = {
        "bias": (rng.integers(-1500, 1500, NEURONS) * scale).astype(np.int32),
        "self_weight": (own * scale).astype(np.int32),
        "u_init": (rng.integers(-6000, 12000, NEURONS) * scale).astype(np.int32),
        "u_min": -7000 * scale,
        "u_max": 14000 * scale,
        "du_min": -6000 * scale,
        "du_max": 5000 * scale,
        "payload_bits": 4,
        "frac_bits": frac_bits,
    }
    return PoissonLayer(**{**layer, **parts})


def _graded(rng: np.random.Generator, n: int = NEURONS, **parts: Any) -> GradedLayer:
    return GradedLayer(bias=rng.integers(-400, 400, n).astype(np.int32), **parts)
