"""Files whose contents break one rule, and runs that are refused."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

ONE, LOOP, CEILING, MAPS, SOFT = "odd", "errors", "bent", "driven-maps", "driven-soft"
SPIKES, DELAYS, CHAIN, LIMITS = "conv-spikes", "cuba-delays", "sigma-chain", "driven-limits"
"""Networks of the suite that are changed."""
L, S = 2**21 - 1, 2**22 - 1


class Change(NamedTuple):
    """A file that differs from a network of the suite in some datasets.

    Attributes
    ----------
    name, rule, base : str
    fields : dict of path -> value
        As `fields.changed` takes them.
    accepted : bool
        Whether an implementation must read the file and run it.
    run : dict
        Arguments of the run that differ: `seed`, `first_image`, `steps`, `pixel`.
    version : int or None
        Format version, if another one than the network's.
    """

    name: str
    rule: str
    base: str
    fields: dict[str, Any]
    accepted: bool = False
    run: Mapping[str, int] = MappingProxyType({})
    version: int | None = None


def _bytes(text: bytes) -> np.ndarray:
    return np.frombuffer(text, np.uint8)


def _text(*words: str) -> np.ndarray:
    return np.array(words, "S10")


def _nested(depth: int) -> bytes:
    return b'{"a": ' * depth + b"1" + b"}" * depth


PROVENANCE = "ipvae/provenance"
VERSION_1 = (
    Change(
        "provenance of 2^20 + 1 bytes", "R16", ONE, {PROVENANCE: _bytes(b" " * 2**20 + b"{}")[1:]}
    ),
    Change("scale not a number", "R20", ONE, {"ipvae/input/scale": np.nan}),
    Change("infinite scale", "R20", ONE, {"ipvae/input/scale": np.inf}),
    Change("decoder not a number", "R20", ONE, {"ipvae/decoder": np.nan}),
    Change("one bias too few", "R21", ONE, {"layer/1/bias": np.zeros(2, np.int32)}),
    Change("one start too many", "R21", ONE, {"layer/1/neuron/uInit": np.zeros(4, np.int32)}),
    Change("weights of fewer pixels", "R21", ONE, {"layer/1/weight": np.zeros((3, 3), np.int16)}),
    Change("weights not square", "R21", ONE, {"layer/1/weight_rec": np.zeros((3, 4), np.int8)}),
    Change("decoder of fewer neurons", "R21", ONE, {"ipvae/decoder": np.zeros((4, 2), np.float32)}),
    Change("image of another shape", "R21", ONE, {"ipvae/input/shape": np.array([2, 3])}),
    Change("one label too many", "R31", ONE, {"ipvae/test/labels": np.zeros(4, np.int16)}),
    Change("images of fewer pixels", "R31", ONE, {"ipvae/test/images": np.zeros((3, 3), np.int16)}),
    Change("graded neurons in version 1", "R19", ONE, {"layer/1/neuron/type": b"GRADED"}),
    Change("dense in version 1", "R19", ONE, {"layer/1/type": b"dense"}),
    Change("another random source", "R33", ONE, {"ipvae/random": b"mix24/1"}),
    Change("another sampler", "R33", ONE, {"ipvae/sampler/name": b"poisson-thresholds-32/2"}),
    Change("provenance is a list", "R32", ONE, {PROVENANCE: _bytes(b"[]")}),
    Change("provenance with NaN", "R32", ONE, {PROVENANCE: _bytes(b'{"a": NaN}')}),
    Change("provenance with 1e999", "R32", ONE, {PROVENANCE: _bytes(b'{"a": 1e999}')}),
    Change("provenance not UTF-8", "R32", ONE, {PROVENANCE: _bytes(b'{"a": "\xff"}')}),
    Change("provenance and more", "R32", ONE, {PROVENANCE: _bytes(b"{} x")}),
    Change("provenance 65 deep", "R32", ONE, {PROVENANCE: _bytes(_nested(65))}),
    Change("provenance 64 deep", "R32", ONE, {PROVENANCE: _bytes(_nested(64))}, accepted=True),
    Change("a name twice", "R32", ONE, {PROVENANCE: _bytes(b'{"a": 1, "a": 2}')}, accepted=True),
    Change("version 1 as version 2", "R13", ONE, {}, version=2),
)
VERSION_2 = (
    Change("without a role", "R13", LOOP, {"ipvae/layers/4/role": None}),
    Change("an unknown role", "R19", LOOP, {"ipvae/layers/4/role": b"other"}),
    Change("two codes", "R22", LOOP, {"ipvae/layers/3/role": b"code"}),
    Change("no code", "R22", LOOP, {"ipvae/layers/2/role": b"hidden"}),
    Change("a read-out of the hidden layer", "R22", LOOP, {"ipvae/layers/4/source": 1}),
    Change("a source that does not exist", "R20", LOOP, {"ipvae/layers/4/source": 9}),
    Change("a code that receives a read-out", "R22", LOOP, {"ipvae/layers/2/source": 3}),
    Change("synapses without a source", "R22", LOOP, {"ipvae/layers/3/source": 0}),
    Change(
        "no memory in a loop",
        "R24",
        LOOP,
        {"layer/2/neuron/memory": 0, "layer/2/neuron/selfWeight": np.zeros(6, np.int32)},
    ),
    Change("a leak in a hidden layer", "R24", LOOP, {"layer/1/neuron/leak": 1}),
    Change("a ceiling with memory", "R24", SOFT, {"layer/2/neuron/memory": 1}),
    Change(
        "memory outside a loop",
        "R24",
        CEILING,
        {
            "layer/1/neuron/memory": 1,
            "layer/1/neuron/ceiling": 0,
            "ipvae/tables/ceiling": None,
        },
    ),
    Change("a self-inhibition without memory", "R24", CEILING, {"layer/1/neuron/selfWeight": 1}),
    Change(
        "F = 15 under a ceiling",
        "R24",
        CEILING,
        {
            "layer/1/neuron/fracBits": 15,
            "layer/1/neuron/uMin": 0,
            "layer/1/neuron/uMax": 0,
            "layer/1/neuron/uInit": np.zeros(6, np.int32),
        },
    ),
    Change("another ceiling", "R33", CEILING, {"ipvae/tables/ceiling": 1}),
    Change("a table without use", "R14", LOOP, {"ipvae/tables/swish": np.zeros(257, np.int32)}),
    Change("another phase", "R34", LOOP, {"ipvae/layers/1/phase": 0}),
    Change("another lag", "R34", LOOP, {"ipvae/layers/1/lag": 1}),
    Change("another period", "R34", LOOP, {"ipvae/period": 1}),
    Change("another number of inputs", "R34", LOOP, {"layer/3/inFeatures": 5}),
    Change("sign 0", "R20", LOOP, {"ipvae/layers/1/sign": 0}),
    Change("unit 0", "R20", LOOP, {"layer/1/neuron/unit": 0.0}),
    Change("F = 17", "R20", LOOP, {"layer/2/neuron/fracBits": 17}),
    Change("leak 16", "R20", LOOP, {"layer/4/neuron/leak": 16}),
    Change("shift 21", "R20", LOOP, {"layer/4/neuron/shift": 21}),
    Change("threshold 2^21", "R20", LOOP, {"layer/4/neuron/threshold": 2**21}),
    Change("zMin 1", "R20", LOOP, {"layer/4/neuron/zMin": 1}),
    Change("memory 2", "R20", LOOP, {"layer/2/neuron/memory": 2}),
    Change("an unknown activation", "R19", LOOP, {"layer/4/neuron/activation": b"relu"}),
    Change(
        "a read-out that receives the image",
        "R23",
        LOOP,
        {
            "layer/4/type": b"dense_rec",
            "layer/4/inFeatures": 5,
            "layer/4/weight": np.zeros((3, 5), np.int16),
            "layer/4/weight_rec": np.zeros((3, 6), np.int8),
        },
    ),
    Change(
        "version 1 could hold it",
        "R35",
        ONE,
        {
            "ipvae/drive_exp": None,
            "ipvae/layers/1/drive_exp": np.int64(-9),
            "ipvae/period": np.int64(1),
            "ipvae/layers/1/role": _text("code").reshape(()),
            "ipvae/layers/1/source": np.int64(1),
            "ipvae/layers/1/sign": np.int64(-1),
            "ipvae/layers/1/phase": np.int64(0),
            "ipvae/layers/1/lag": np.int64(1),
            "layer/1/neuron/memory": np.int64(1),
            "layer/1/neuron/ceiling": np.int64(0),
        },
        version=2,
    ),
    Change("synapses of fewer senders", "R21", LOOP, {"layer/4/weight": np.zeros((3, 5), np.int8)}),
)
FIRST, SECOND, THIRD = (f"ipvae/connections/{number}" for number in range(3))
VERSION_3 = (
    Change(
        "a gap of connections",
        "R18",
        SPIKES,
        {
            **{
                f"{THIRD}/{name}": None
                for name in ("source", "target", "kind", "exponent", "delay")
            },
            f"{THIRD}/weight": None,
            "ipvae/connections/3/source": _text("2")[0:1].reshape(()),
            "ipvae/connections/3/target": _text("3").reshape(()),
            "ipvae/connections/3/delay": np.int64(0),
            "ipvae/connections/3/kind": _text("dense").reshape(()),
            "ipvae/connections/3/exponent": np.int64(0),
            "ipvae/connections/3/weight": np.zeros((2, 60), np.int16),
        },
    ),
    Change(
        "connections not in the order of targets",
        "R18",
        DELAYS,
        {
            f"{THIRD}/source": b"3",
            f"{THIRD}/target": b"10",
            f"{THIRD}/exponent": 0,
            f"{THIRD}/delay": 62,
            f"{THIRD}/weight": np.zeros((3, 4), np.int16),
            "ipvae/connections/3/source": b"10",
            "ipvae/connections/3/target": b"3",
            "ipvae/connections/3/exponent": -2,
            "ipvae/connections/3/delay": 3,
            "ipvae/connections/3/weight": np.zeros((4, 3), np.int16),
        },
    ),
    Change(
        "a layer that receives nothing",
        "R23",
        SPIKES,
        {
            f"{THIRD}/{name}": None
            for name in ("source", "target", "kind", "exponent", "delay", "weight")
        },
    ),
    Change("an unknown kind of neurons", "R19", SPIKES, {"layer/1/neuron/type": b"OTHER"}),
    Change("an unknown kind of weights", "R19", SPIKES, {f"{THIRD}/kind": b"sparse"}),
    Change("an unknown purpose", "R19", SPIKES, {"ipvae/layers/1/purpose": b"code"}),
    Change(
        "an unknown activation of changes", "R19", CHAIN, {"layer/1/neuron/activation": b"swish"}
    ),
    Change("threshold 2^18 + 1", "R20", SPIKES, {"layer/1/neuron/vThMant": 2**18 + 1}),
    Change("threshold 2^18", "R20", SPIKES, {"layer/1/neuron/vThMant": 2**18}, accepted=True),
    Change("decay 4097", "R20", SPIKES, {"layer/1/neuron/iDecay": 4097}),
    Change("bias 4096", "R20", SPIKES, {"layer/1/bias": 4096}),
    Change("exponent 15", "R20", SPIKES, {f"{FIRST}/exponent": 15}),
    Change("exponent -9", "R20", SPIKES, {f"{FIRST}/exponent": -9}),
    Change("delay 63", "R20", SPIKES, {f"{SECOND}/delay": 63}),
    Change("delay 62", "R20", SPIKES, {f"{SECOND}/delay": 62}, accepted=True),
    Change("delay -1 of one receiver", "R20", DELAYS, {f"{FIRST}/delay": -1}),
    Change("padding 64", "R20", SPIKES, {f"{FIRST}/padding": 64}),
    Change("stride 0", "R20", SPIKES, {f"{FIRST}/stride": 0}),
    Change("a change threshold of 2048", "R20", CHAIN, {"layer/1/neuron/vThMant": 2048}),
    Change("a change bias of 2048", "R20", CHAIN, {"layer/1/bias": 2048}),
    Change("keyLayer 0", "R20", MAPS, {"layer/1/neuron/keyLayer": 0}),
    Change("keyLayer 65536", "R20", MAPS, {"layer/1/neuron/keyLayer": 65536}),
    Change("a start above uMax", "R20", MAPS, {"layer/1/neuron/uInit": 30001}),
    Change(
        "sigma-delta neurons of the input",
        "R19",
        CHAIN,
        {
            "layer/0/neuron/type": _text("SDNN"),
            "layer/0/neuron/activation": _text("relu"),
        },
    ),
    Change("no pixel range", "R20", MAPS, {"ipvae/input/maximum": 0}),
    Change("graded with input neurons", "R20", CHAIN, {"ipvae/input/graded": 1}),
    Change("a bias too many", "R21", SPIKES, {"layer/1/bias": np.zeros(5, np.int32)}),
    Change(
        "weights of fewer senders", "R21", SPIKES, {f"{THIRD}/weight": np.zeros((2, 59), np.int16)}
    ),
    Change("delays of fewer receivers", "R21", DELAYS, {f"{FIRST}/delay": np.array([0, 1])}),
    Change(
        "a self-inhibition without memory, version 3", "R24", MAPS, {"layer/2/neuron/memory": 0}
    ),
    Change(
        "weights of two ranges",
        "R25",
        SPIKES,
        {f"{THIRD}/weight": np.array([[-1] + [0] * 58 + [255]] * 2, np.int16)},
    ),
    Change("weight 256", "R25", SPIKES, {f"{THIRD}/weight": 256}),
    Change(
        "weights 255",
        "R25",
        SPIKES,
        {f"{THIRD}/weight": np.full((2, 60), 255, np.int16)},
        accepted=True,
    ),
    Change("3 groups of 2 channels", "R26", SPIKES, {f"{FIRST}/groups": 3}),
    Change("maps of another source", "R26", SPIKES, {f"{FIRST}/inShape": np.array([2, 5, 6])}),
    Change("a kernel above its source", "R26", SPIKES, {f"{FIRST}/dilation": np.array([9, 2])}),
    Change("a source that is no layer", "R27", SPIKES, {f"{THIRD}/source": b"9"}),
    Change("a target that is no layer", "R27", SPIKES, {f"{THIRD}/target": b"9"}),
    Change("a loop without delay", "R28", DELAYS, {f"{THIRD}/delay": 0}),
    Change("itself without delay", "R28", DELAYS, {f"{SECOND}/delay": 0}),
    Change("one key for two layers", "R29", MAPS, {"layer/1/neuron/keyLayer": 2}),
    Change("a bias of sigma neurons", "R30", CHAIN, {"layer/3/bias": np.zeros(2, np.int32)}),
    Change(
        "a drive of CUBA neurons",
        "R30",
        SPIKES,
        {
            "ipvae/layers/3/drive/kind": _text("dense").reshape(()),
            "ipvae/layers/3/drive/exponent": np.int64(0),
            "ipvae/layers/3/drive/weight": np.zeros((2, 60), np.int16),
        },
    ),
    Change(
        "a test image above its range",
        "R31",
        SPIKES,
        {
            "ipvae/test/images": np.full((1, 60), 2, np.int32),
            "ipvae/test/labels": np.zeros(1, np.int64),
        },
    ),
    Change(
        "a label of -2",
        "R31",
        SPIKES,
        {
            "ipvae/test/images": np.zeros((1, 60), np.int32),
            "ipvae/test/labels": np.full(1, -2, np.int64),
        },
    ),
    Change("another shape of a layer", "R34", SPIKES, {"layer/3/shape": np.array([1, 1, 2])}),
    Change("another kind of a layer", "R34", SPIKES, {"layer/3/type": b"conv"}),
    Change("equal delays as an array", "R36", DELAYS, {f"{FIRST}/delay": np.full(4, 2)}),
    Change("an array of delays of conv", "R36", SPIKES, {f"{SECOND}/delay": np.arange(60)}),
    Change(
        "a decoder of no layer",
        "R37",
        SPIKES,
        {
            "ipvae/decoder/layer": _text("9").reshape(()),
            "ipvae/decoder/stride": np.array([1, 1]),
            "ipvae/decoder/crop": np.array([0, 0]),
            "ipvae/decoder/weight": np.zeros((4, 2, 3, 3), np.float32),
        },
    ),
)
CHANGES = (*VERSION_1, *VERSION_2, *VERSION_3)
