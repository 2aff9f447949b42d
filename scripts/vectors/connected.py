"""Networks of connections for docs/vectors/networks/: one to five for each level of the suite.

Each has images of one vector, or of one vector for each row. Together they reach both rounding
directions, wraps of currents and of sums, delays, loops, lead-in rows and every kind of weights.
"""

from collections.abc import Callable

import numpy as np

from ipvae.network.connections import Connection, Convolution, Dense, Diagonal, Drive
from ipvae.network.kinds import (
    CubaNeuron,
    DeltaNeuron,
    GradedNeuron,
    PoissonNeuron,
    SigmaDeltaNeuron,
    SigmaNeuron,
)
from ipvae.network.network import Input, Layer, Network
from ipvae.network.pixels import Pixels
from vectors import lif

SEED, STEPS = 20261201, 24
Made = tuple[Network, np.ndarray]
"""A network and its images: (n, inputs), or (n, STEPS, inputs)."""
Random = np.random.Generator


def networks() -> dict[str, Made]:
    """Return every network with its images, by name; the part before the dash is its level."""
    return {
        name: make(np.random.default_rng(number)) for number, (name, make) in enumerate(ALL.items())
    }


def _dense(rng: Random, n_out: int, n_in: int, low: int = -60, high: int = 90) -> Dense:
    return Dense(rng.integers(low, high, (n_out, n_in)).astype(np.int16))


def _spikes(rng: Random, n: int) -> np.ndarray:
    return rng.integers(0, 2, (2, STEPS, n)).astype(np.int16)


def cuba_dense(rng: Random) -> Made:
    """Two layers with decays, biases and a read-out that integrates."""
    first = Layer(
        "1",
        CubaNeuron(30, 700, 333),
        (Connection("0", _dense(rng, 5, 4)),),
        rng.integers(-9, 20, 5),
    )
    second = Layer("2", CubaNeuron(60, 1, 4095), (Connection("1", _dense(rng, 3, 5), 1),))
    return Network(Input((4,)), (first, second)), _spikes(rng, 4)


def cuba_input(rng: Random) -> Made:
    """Input neurons, whose bias is the image; no decay, and a decay of everything."""
    first = Layer("1", CubaNeuron(90, 4096, 0), (Connection("0", _dense(rng, 6, 5), -1),))
    second = Layer("2", CubaNeuron(8, 0, 4096), (Connection("1", _dense(rng, 2, 6), 0, 1),))
    images = np.array([[-4096, -1, 0, 700, 4095], [60, 61, 62, 63, 64]], np.int16)
    return Network(Input((5,), CubaNeuron(40, 4096, 128)), (first, second)), images


def cuba_wraps(rng: Random) -> Made:
    """Currents that wrap at 24 bits, and sums that wrap at 32."""
    weights = np.full((4, 3), 254, np.int16)
    weights[1], weights[3] = -256, (254, -256, 2)
    first = Layer("1", CubaNeuron(2**18, 0, 9), (Connection("0", Dense(weights), 8),))
    second = Layer("2", CubaNeuron(2**10, 5, 4096), (Connection("0", Dense(weights), 14),))
    third = Layer("3", CubaNeuron(0, 4096, 4096), (Connection("2", _dense(rng, 2, 4)),))
    return Network(Input((3,)), (first, second, third)), _spikes(rng, 3)


def cuba_delays(rng: Random) -> Made:
    """One delay for each receiver, loops, diagonal weights, and ids that do not follow another."""
    own = Diagonal(rng.integers(-60, 20, 4).astype(np.int16))
    first = Layer(
        "3",
        CubaNeuron(25, 500, 900),
        (
            Connection("0", _dense(rng, 4, 4), delay=np.array([0, 1, 2, 7])),
            Connection("3", own, 1, 2),
            Connection("10", _dense(rng, 4, 3), -2, 3),
        ),
        rng.integers(-5, 9, 4),
    )
    late, soon = Connection("3", _dense(rng, 3, 4), 0, 62), Connection("3", _dense(rng, 3, 4))
    second = Layer("10", CubaNeuron(15, 4096, 700), (late, soon))
    return Network(Input((4,)), (first, second)), _spikes(rng, 4)


def conv_spikes(rng: Random) -> Made:
    """Strides, paddings, dilations and groups, then dense weights."""
    kernel = rng.integers(-20, 60, (4, 1, 3, 2)).astype(np.int16)
    weights = Convolution(kernel, (2, 6, 5), (2, 1), (1, 2), (1, 2), 2)
    first = Layer("1", CubaNeuron(50, 900, 400), (Connection("0", weights),), np.arange(4) - 1)
    shape = weights.shape
    again = Convolution(rng.integers(-9, 20, (3, 4, 2, 3)).astype(np.int16), shape, padding=(1, 0))
    second = Layer("2", CubaNeuron(40, 300, 4096), (Connection("1", again, 0, 1),))
    third = Layer("3", CubaNeuron(30, 0, 0), (Connection("2", _dense(rng, 2, second.n_neurons)),))
    return Network(Input((2, 6, 5)), (first, second, third)), _spikes(rng, 60)


def conv_graded(rng: Random) -> Made:
    """Sums of graded messages that leave 24 bits, and a flat source read as maps."""
    kernel = np.full((2, 2, 2, 2), 127, np.int16)
    kernel[1] = -128
    weights = Convolution(kernel, (2, 3, 3))
    first = Layer("1", SigmaDeltaNeuron(0, "identity"), (Connection("0", weights),))
    flat = Layer("2", SigmaDeltaNeuron(3, "relu"), (Connection("1", _dense(rng, 8, 8), -2),))
    maps = Convolution(rng.integers(-9, 20, (2, 1, 2, 1)).astype(np.int16), (2, 2, 2), groups=2)
    third = Layer("3", SigmaNeuron(), (Connection("2", maps),))
    images = rng.integers(-32768, 32768, (2, STEPS, 18)).astype(np.int16)
    images[0] = 32767
    return Network(Input((18,), graded=True), (first, flat, third)), images


def sigma_chain(rng: Random) -> Made:
    """Delta input, sigma-delta layers with either activation, a sigma read-out: lead-in rows."""
    first = Layer(
        "1", SigmaDeltaNeuron(2, "relu"), (Connection("0", _dense(rng, 5, 4)),),
        rng.integers(-50, 90, 5),
    )  # fmt: skip
    second = Layer(
        "2", SigmaDeltaNeuron(0, "identity"), (Connection("1", _dense(rng, 4, 5), 2),),
        rng.integers(-9, 9, 4),
    )  # fmt: skip
    third = Layer(
        "3",
        SigmaNeuron(),
        (Connection("2", _dense(rng, 2, 4)), Connection("1", _dense(rng, 2, 5), -1, 3)),
    )
    images = rng.integers(-2048, 2048, (2, STEPS, 4)).astype(np.int16)
    images[0] = images[0, 0]
    images[1] %= 7
    return Network(Input((4,), DeltaNeuron(5)), (first, second, third)), images


def sigma_wraps(rng: Random) -> Made:
    """States and sums that wrap at 32 bits, and the change that is never sent."""
    weights = np.array([[255, 255], [0, 3], [254, 1]], np.int16)
    first = Layer("1", SigmaDeltaNeuron(2047, "identity"), (Connection("0", Dense(weights), 14),))
    second = Layer("2", SigmaNeuron(), (Connection("1", _dense(rng, 2, 3), 14),))
    images = rng.choice([-32768, 32767, 0], (2, STEPS, 2)).astype(np.int16)
    return Network(Input((2,), graded=True), (first, second)), images


def sigma_ends(_: Random) -> Made:
    """Sums of exactly 2^31 - 1 and -2^31, which do not wrap, and the next ones, which do."""
    large = Dense(np.array([[4, 0], [-4, 0]], np.int16))
    small = Dense(np.array([[2, 1], [-2, -2]], np.int16))
    parts = (Connection("0", large, 14), Connection("0", small))
    images = np.array([[32767, 1]], np.int16).repeat(STEPS, axis=0)[None]
    images[0, 1:, 1] += np.arange(1, STEPS, dtype=np.int16) % 3
    images[0, 1::2] = 0
    return Network(Input((2,), graded=True), (Layer("1", SigmaNeuron(), parts),)), images


def sigma_with_spikes(rng: Random) -> Made:
    """CUBA neurons beside sigma-delta ones, which then have lead-in rows too; a loop."""
    first = Layer(
        "1", CubaNeuron(9, 2000, 100), (Connection("0", _dense(rng, 4, 3)),), rng.integers(1, 9, 4)
    )
    exact, back = _dense(rng, 3, 4).weight.copy(), _dense(rng, 3, 2).weight.copy()
    exact[0], back[0] = (64, 0, 0, 0), 0  # changes of the threshold itself
    second = Layer(
        "2",
        SigmaDeltaNeuron(1, "relu"),
        (Connection("1", Dense(exact), 6), Connection("3", Dense(back), -6, 2)),
    )
    third = Layer("3", SigmaDeltaNeuron(0, "relu"), (Connection("2", _dense(rng, 2, 3), -2),))
    return Network(Input((3,)), (first, second, third)), _spikes(rng, 3)


def _poisson(key: int, **given: int | bool | np.ndarray) -> PoissonNeuron:
    usual = {
        "u_min": -40000, "u_max": 30000, "u_init": -2000, "self_weight": 900, "du_min": -9000,
        "du_max": 9000, "payload_bits": 7, "weight_exp": 5, "sign": -1, "key_layer": key,
    }  # fmt: skip
    return PoissonNeuron(**{**usual, **given})  # pyright: ignore[reportArgumentType]


def _pixels(shape: tuple[int, ...]) -> Input:
    return Input(shape, graded=True, pixels=Pixels(0, 255))


def driven_recurrent(rng: Random) -> Made:
    """A recurrent Poisson code and a leaky read-out."""
    code = Layer(
        "1",
        _poisson(1, u_init=rng.integers(-4000, 4000, 6).astype(np.int32)),
        (Connection("1", _dense(rng, 6, 6, -20, 60), delay=1),),
        rng.integers(-400, 400, 6),
        drive=Drive(Dense(rng.integers(-300, 301, (6, 5)).astype(np.int16)), -5),
    )
    shown = Layer("2", GradedNeuron(-900, 900, 2, 30, 3), (Connection("1", _dense(rng, 3, 6)),))
    images = rng.integers(0, 256, (2, 5)).astype(np.int16)
    return Network(_pixels((5,)), (code, shown)), images


def driven_maps(rng: Random) -> Made:
    """Two Poisson layers of maps with different keys, drives by convolution, a diagonal loop."""
    drive = Convolution(
        rng.integers(-90, 120, (2, 1, 3, 3)).astype(np.int16), (1, 4, 5), padding=(1, 1)
    )
    own = Convolution(
        rng.integers(-9, 30, (2, 2, 3, 3)).astype(np.int16), (2, 4, 5), padding=(1, 1)
    )
    first = Layer(
        "1",
        _poisson(65535, u_init=np.array([300, -3000], np.int32), self_weight=0),
        (Connection("1", own, -1, 1),),
        np.array([40, -90], np.int32),
        drive=Drive(drive, -3),
    )
    back = Diagonal(rng.integers(-20, 50, 40).astype(np.int16))
    second = Layer(
        "2",
        _poisson(2, frac_bits=14, u_min=-160000, u_max=120000, du_max=2**22 - 1, sign=1),
        (Connection("1", _dense(rng, 40, 40, -3, 9)), Connection("2", back, 0, 2)),
    )
    images = rng.integers(0, 256, (2, STEPS, 20)).astype(np.int16)
    return Network(_pixels((1, 4, 5)), (first, second)), images


def driven_soft(rng: Random) -> Made:
    """A `swish` layer, Poisson neurons without memory under a ceiling, a threshold read-out."""
    first = Layer(
        "1",
        GradedNeuron(-9000, 9000, 0, 0, 0, "swish"),
        (),
        rng.integers(-4000, 4000, 5),
        drive=Drive(Dense(rng.integers(-300, 300, (5, 4)).astype(np.int16)), -2),
    )
    code = Layer(
        "2",
        _poisson(
            1, frac_bits=16, u_min=-16 * 49152, u_max=16 * 20000, memory=False, ceiling=True,
            sign=1, self_weight=0, du_max=2**22 - 1, du_min=1 - 2**22, weight_exp=1,
        ),
        (Connection("1", _dense(rng, 6, 5), -3),),
    )  # fmt: skip
    shown = Layer(
        "3", GradedNeuron(-50, 60, 0, 40, 2, weight_exp=-1), (Connection("2", _dense(rng, 2, 6)),)
    )
    images = rng.integers(0, 256, (2, 4)).astype(np.int16)
    return Network(_pixels((4,)), (first, code, shown)), images


def driven_mixed(rng: Random) -> Made:
    """Spikes and changes into driven layers, and counts into CUBA and sigma-delta ones."""
    layers = (
        Layer("1", SigmaDeltaNeuron(1, "relu"), (Connection("0", _dense(rng, 3, 3)),)),
        Layer("2", CubaNeuron(20, 900, 900), (Connection("0", _dense(rng, 4, 3), -3),)),
        Layer(
            "3",
            _poisson(9, sign=1, weight_exp=-2),
            (Connection("1", _dense(rng, 5, 3), -3, 1), Connection("2", _dense(rng, 5, 4), 4)),
        ),
        Layer("4", GradedNeuron(-99, 99, 3, 0, 1), (Connection("3", _dense(rng, 2, 5)),)),
        Layer("5", CubaNeuron(12, 4096, 500), (Connection("3", _dense(rng, 3, 5), 0, 1),)),
        Layer(
            "6",
            SigmaNeuron(),
            (Connection("4", _dense(rng, 2, 2)), Connection("1", _dense(rng, 2, 3))),
        ),
    )
    images = rng.integers(-300, 301, (2, STEPS, 3)).astype(np.int16)
    return Network(Input((3,), graded=True, pixels=Pixels(-300, 300)), layers), images


def driven_limits(rng: Random) -> Made:
    """Inputs clipped at either sign of the exponent, ends of tables, rates at which draws split."""
    sums = Dense(np.array([[127, 0], [-128, 0], [90, -30]], np.int16))
    wide = (Connection("0", sums, 8),)
    nothing = {n: Drive(Dense(np.zeros((n, 2), np.int16)), 0) for n in (5, 12)}
    ends = np.array([65535, 65536, -65535, -65536, -5000])
    rates = [12288, 12289, 16384, 16385, 20481, 28672, 32768]
    rates += [10683, 12078, 10964, 2222]  # first uniforms of a row at a threshold, or 1 below it
    rates += [2945]  # the same between a threshold and its row's entry
    free = {"du_min": 1 - 2**22, "du_max": 2**22 - 1, "memory": False, "self_weight": 0}
    soft = {"frac_bits": 16, "u_min": -16 * 49152, "u_max": 320000, "ceiling": True}
    still = {
        "u_init": np.array(rates, np.int32),
        "u_max": 32768,
        "du_min": 0,
        "du_max": 0,
        "payload_bits": 10,
    }
    own = {"u_init": 20000, "self_weight": 2**21, "du_min": 1 - 2**22, "du_max": 2**22 - 1}
    low = 320000 - 2**20 + np.array([1, 0, -1, -50000, 2**20], np.int32)
    layers = (
        Layer("1", GradedNeuron(1 - 2**23, 2**23 - 1, weight_exp=3), wide),
        Layer("2", GradedNeuron(1 - 2**23, 2**23 - 1, 1, weight_exp=-1, sign=-1), wide),
        Layer("3", GradedNeuron(1 - 2**23, 2**23 - 1, activation="swish"), (), ends,
              drive=nothing[5]),
        Layer("4", _poisson(1, weight_exp=-1, sign=1, **free), wide),
        Layer("5", _poisson(2, weight_exp=0, **free, **soft), wide),
        Layer("6", _poisson(3, **still), (), drive=nothing[12]),
        Layer("7", _poisson(4, **own), (), np.full(5, 2**21 - 1), drive=nothing[5]),
        Layer("8", _poisson(5, **free, **soft, u_init=low), (), drive=nothing[5]),
    )  # fmt: skip
    return Network(_pixels((2,)), layers), rng.choice([0, 1, 90, 255], (1, STEPS, 2)).astype(
        np.int16
    )


ALL: dict[str, Callable[[Random], Made]] = {
    "cuba-dense": cuba_dense,
    "cuba-input": cuba_input,
    "cuba-wraps": cuba_wraps,
    "cuba-delays": cuba_delays,
    "conv-spikes": conv_spikes,
    "conv-graded": conv_graded,
    "sigma-chain": sigma_chain,
    "sigma-wraps": sigma_wraps,
    "sigma-spikes": sigma_with_spikes,
    "driven-recurrent": driven_recurrent,
    "driven-maps": driven_maps,
    "driven-soft": driven_soft,
    "driven-mixed": driven_mixed,
    "driven-limits": driven_limits,
    "sigma-ends": sigma_ends,
    "lif-resets": lif.resets,
    "lif-limits": lif.limits,
    "lif-maps": lif.maps,
}
