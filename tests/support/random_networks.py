"""Random networks for property tests: any order of layers, any size up to 12, any numbers that run.

Hypothesis chooses layers, sizes, limits, exponents and what the weights are like; a seed fills the
arrays. Limits of messages are halved until no variable may overflow. Loaded by conftest.py.
"""

from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ipvae.network.description import PIXEL_LIMIT, InputFormat, IntNetwork
from ipvae.network.layers import (
    ADDED,
    NOTHING,
    SUBTRACTED,
    AffineStart,
    GradedLayer,
    PoissonLayer,
)
from ipvae.network.proof.bounds import bounds
from ipvae.network.rules.activations import NAMES
from ipvae.network.rules.arithmetic import CHANGE_MAX, SELF_MAX, STATE_MAX, TERM_MAX
from ipvae.network.rules.poisson import LOG_RATE_MAX, LOG_RATE_MIN

LARGEST = 12
SIZES = st.integers(1, LARGEST)
SIGNS = st.sampled_from([ADDED, SUBTRACTED])
FILLINGS = ("any", "small", "sparse", "ends", "low", "high", "zero")


def up_to(most: int) -> st.SearchStrategy[int]:
    """Whole numbers 0..most, small and large ones alike."""
    bits = st.integers(0, most.bit_length())
    return bits.flatmap(lambda b: st.integers(0, min(most, (1 << b) - 1)))


class Maker:
    """Draws the parts of one network."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))

    def array(self, low: int, high: int, shape: Any, dtype: Any) -> np.ndarray:
        """Whole numbers within low..high, one way or another."""
        filling = self.draw(st.sampled_from(FILLINGS))
        values = self.rng.integers(low, high + 1, shape)
        if filling == "small":
            values = np.sign(values) * (np.abs(values) % 4)
        elif filling == "sparse":
            values = values * (self.rng.random(shape) < 0.2)
        elif filling == "ends":
            values = np.where(self.rng.random(shape) < 0.5, low, high)
        elif filling in ("low", "high"):
            values = np.full(shape, low if filling == "low" else high)
        elif filling == "zero":
            values = np.zeros(shape)
        return np.clip(values, low, high).astype(dtype)

    def seen(self, n: int, n_pixels: int, *, own: bool = False) -> dict[str, Any]:
        """Weights from the image; with `own` of each neuron's pixel alone."""
        shape = n if own else (n, n_pixels)
        weight = self.array(-(2**15), 2**15 - 1, shape, np.int16)
        return {"weight": weight, "drive_exp": self.draw(st.integers(-24, 14))}

    def make_input(self, n: int, source: int, n_in: int) -> dict[str, Any]:
        """Synapses from a layer."""
        return {
            "weight_rec": self.array(-128, 127, (n, n_in), np.int8),
            "weight_exp": self.draw(st.integers(-8, 14)),
            "source": source,
            "sign": self.draw(SIGNS),
        }

    def bias(self, n: int, scale: int) -> np.ndarray:
        """Constant drive, up to some octaves more often than to its limit."""
        most = self.draw(st.sampled_from([0, 2000 * scale, 20000 * scale, TERM_MAX]))
        return self.array(-most, most, n, np.int32)

    def poisson(self, k: int, *, memory: bool, **parts: Any) -> PoissonLayer:
        """Layer of Poisson neurons."""
        draw, bits = self.draw, self.draw(st.integers(12, 16))
        scale = 1 << (bits - 12)
        # Rates between 1/8 and 8 more often than all that can be.
        low = draw(st.sampled_from([-12288, -1, LOG_RATE_MIN])) * scale
        high = draw(st.sampled_from([12288, 1, LOG_RATE_MAX])) * scale
        own = draw(st.sampled_from([0, 3000 * scale, SELF_MAX])) if memory else 0
        return PoissonLayer(
            bias=self.bias(k, scale),
            self_weight=self.array(0, own, k, np.int32),
            u_init=self.array(low, high, k, np.int32),
            u_min=low,
            u_max=high,
            du_min=-draw(up_to(CHANGE_MAX)),
            du_max=draw(up_to(CHANGE_MAX)),
            payload_bits=draw(st.integers(1, 23)),
            frac_bits=bits,
            memory=memory,
            ceiling=not memory and bits == 16 and draw(st.booleans()),
            **parts,
        )

    def start(self, layer: PoissonLayer, n_pixels: int) -> PoissonLayer:
        """The same layer, with log-rates at reset that depend on the image."""
        scale = 1 << layer.finer_bits
        return replace(
            layer,
            start=AffineStart(
                weight=self.array(-(2**15), 2**15 - 1, (layer.n_neurons, n_pixels), np.int16),
                bias=self.bias(layer.n_neurons, scale),
                exponent=self.draw(st.integers(-24, 14)),
                threshold=self.draw(st.sampled_from([0, -5000 * scale, CHANGE_MAX, -CHANGE_MAX])),
                margin=self.draw(up_to(CHANGE_MAX)),
            ),
        )

    def graded(self, n: int, *, memory: bool, **parts: Any) -> GradedLayer:
        """Layer of graded neurons."""
        draw = self.draw
        return GradedLayer(
            bias=self.bias(n, 1),
            z_min=-draw(up_to(STATE_MAX)),
            z_max=draw(up_to(STATE_MAX)),
            leak=draw(st.integers(1, 15)) if memory else 0,
            threshold=draw(st.just(0) | up_to(TERM_MAX)),
            shift=draw(st.integers(0, 20)),
            activation=draw(st.sampled_from(NAMES)),
            **parts,
        )


@st.composite
def networks(draw: st.DrawFn) -> IntNetwork:
    """Network of 0 to 2 hidden layers, with or without a loop, and of 0 to 2 read-outs."""
    make, n_hidden, loop = Maker(draw), draw(st.integers(0, 2)), draw(st.booleans())
    k, m, code = draw(SIZES), draw(SIZES), n_hidden + 1
    hidden: list[GradedLayer] = []
    for number in range(1, code):
        own = draw(st.booleans())
        n = m if own else draw(SIZES)
        parts: dict[str, Any] = {"source": NOTHING}
        if number > 1 or loop:
            source = number - 1 if number > 1 else code
            parts = make.make_input(n, source, hidden[-1].n_neurons if hidden else k)
        if number == 1 or draw(st.booleans()):
            parts |= make.seen(n, m, own=own)
        hidden.append(make.graded(n, memory=False, **parts))
    parts = {"source": NOTHING}
    if loop or hidden:
        parts = make.make_input(k, n_hidden or 1, hidden[-1].n_neurons if hidden else k)
    if not hidden or draw(st.booleans()):
        parts |= make.seen(k, m)
    kind = draw(st.sampled_from([make.poisson, make.poisson, make.graded]))
    readouts = [
        make.graded(n, memory=draw(st.booleans()), **make.make_input(n, code, k))
        for n in draw(st.lists(SIZES, max_size=2))
    ]
    low = draw(st.integers(-PIXEL_LIMIT, PIXEL_LIMIT - 2))
    high = draw(st.integers(low + 1, PIXEL_LIMIT - 1))
    n_images = draw(st.integers(1, 2))
    layer = kind(k, memory=loop, **parts)
    if isinstance(layer, PoissonLayer) and loop and draw(st.booleans()):
        layer = make.start(layer, m)
    return safe(
        IntNetwork(
            input=InputFormat(low, high, 1.0, (1, m)),
            layer=layer,
            decoder=np.zeros((m, k), np.float32),
            test_images=make.array(low, high, (n_images, m), np.int16),
            test_labels=np.full(n_images, -1, np.int16),
            hidden=tuple(hidden),
            readouts=tuple(readouts),
        )
    )


def safe(network: IntNetwork) -> IntNetwork:
    """Halve the limits of all messages until no variable may leave its range."""
    while not all(bound.holds for bound in bounds(network)):
        network = replace(
            network,
            layer=narrower(network.layer),
            hidden=tuple(narrower(layer) for layer in network.hidden),
        )
    return network


def narrower(layer: Any) -> Any:
    """The same layer with messages of one bit less, of Poisson neurons at least one."""
    if isinstance(layer, PoissonLayer):
        return replace(layer, payload_bits=max(1, layer.payload_bits - 1))
    return replace(layer, z_min=-(-layer.z_min // 2), z_max=layer.z_max // 2)


def agree_on_examples(agree: Any, n_examples: int, **backends: bool) -> list[bool]:
    """Let backends agree on a number of networks.

    Parameters
    ----------
    agree : Agreement
        Of tests/support/agreement.py.
    n_examples : int
    backends : with_lava, with_oracle

    Returns
    -------
    list of bool
        For each network, whether its code sent different things.
    """
    alive: list[bool] = []

    @settings(
        max_examples=n_examples,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(networks(), st.integers(1, 12), st.integers(0, 2**48 - 1))
    def check(network: IntNetwork, n_steps: int, seed: int) -> None:
        trace = agree(network, n_steps, seed, **backends)
        alive.append(len(np.unique(trace.stacked(network.code, "z"))) > 1)

    check()
    return alive
