"""Files of version 2 that somebody changed, checksum and seal renewed: refused in one line."""

import random
from typing import Any

import h5py
import numpy as np
import pytest

from ipvae.errors import FormatError
from ipvae.network.io import network_file
from ipvae.network.io.fields import to_fields
from ipvae.network.io.network_file import checksum, read_network, write_network
from ipvae.network.io.seal import write_seal


@pytest.fixture(scope="module")
def networks(layered):
    return layered(3)


@pytest.fixture
def saved(tmp_path, networks):
    """Function: the file of a kind of network."""

    def save(kind):
        path = tmp_path / "net.h5"
        write_network(path, networks[kind])
        return path

    return save


def rewrite(path, change, child=False):
    """Apply `change` to the open file, then renew checksum and seal.

    It is then read like a file of this process, unless a child process is asked for.
    """
    datasets = {}
    with h5py.File(path, "r+") as file:
        f: Any = file
        change(f)
        f.visititems(lambda n, x: datasets.update({n: x[...]} if hasattr(x, "dtype") else {}))
        version = int(f["ipvae"].attrs["format_version"])
        try:
            renewed = network_file._content_checksum(datasets, version)
        except (KeyError, ValueError):
            renewed = "0" * 64  # a dtype that has no name in the checksum
        f["ipvae"].attrs["checksum"] = np.array(renewed, dtype="S64")
    seal = write_seal(path)
    if not child:
        network_file._written.add(seal)


def put(**values):
    """Change that replaces datasets; `__` replaces a slash, None deletes."""

    def change(f):
        for key, value in values.items():
            name = key.replace("__", "/")
            dtype = f[name].dtype if name in f else None
            if name in f:
                del f[name]
            if value is None:
                continue
            array = np.asarray(value)
            keep = dtype is not None and array.dtype.kind in "iS"
            f[name] = array.astype(dtype) if keep else array

    return change


def refused(path, message, oracle=None):
    """The reader says why, in one line; so does the oracle, where it checks that."""
    with pytest.raises(FormatError, match=message) as caught:
        read_network(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)
    if oracle is not None:
        with pytest.raises((ValueError, KeyError)):
            oracle.load(path)


def renumbered(old, new):
    def change(f):
        f.move(f"layer/{old}", f"layer/{new}")
        f.move(f"ipvae/layers/{old}", f"ipvae/layers/{new}")

    return change


def copied(old, new):
    """One more layer, with all its datasets."""

    def change(f):
        f.copy(f"layer/{old}", f"layer/{new}")
        f.copy(f"ipvae/layers/{old}", f"ipvae/layers/{new}")

    return change


def seventeen(f):
    for new in range(4, 18):
        copied(3, new)(f)


def all_of(*changes):
    def change(f):
        for one in changes:
            one(f)

    return change


CHANGES = [
    ("errors/1", put(layer__1__bias=None), "/layer/1/bias is missing"),
    ("errors/1", put(ipvae__period=None), "/ipvae/period is missing"),
    ("errors/1", put(ipvae__layers__2__lag=None), "/ipvae/layers/2/lag is missing"),
    ("errors/1", put(layer__3__neuron__leak=None), "/layer/3/neuron/leak is missing"),
    ("errors/1", put(layer__2__neuron__memory=None), "/layer/2/neuron/memory is missing"),
    ("errors/1", put(ipvae__sampler__thresholds=None), "thresholds is missing"),
    ("errors/1", put(layer__1__weight=None), "/layer/1/weight is missing"),
    ("errors/1", put(ipvae__layers__4__role=b"readout"), "/ipvae/layers/4/role does not belong"),
    ("errors/1", put(ipvae__drive_exp=np.int64(1)), "/ipvae/drive_exp does not belong"),
    ("errors/1", put(layer__1__neuron__uMin=np.int64(0)), "uMin does not belong"),
    ("errors/1", put(layer__2__neuron__shift=np.int64(0)), "shift does not belong"),
    ("sparse/0", put(ipvae__random=np.array(b"mix24/2", "S32")), "random does not belong"),
    ("errors/1", renumbered(3, 4), "without a gap"),
    ("errors/1", renumbered(1, 17), "without a gap"),
    ("errors/1", seventeen, "found 17, allowed are up to 16"),
    ("errors/1", copied(3, 100), "/layer/100/bias does not belong|does not belong"),
    ("errors/1", copied(2, 4), "Poisson neurons outside the code|roles"),
    ("errors/1", put(ipvae__layers__3__role=b"code"), "allowed one code"),
    ("errors/1", put(ipvae__layers__2__role=b"hidden"), "allowed one code"),
    ("errors/1", put(ipvae__layers__3__role=b"hidden"), "role"),
    ("errors/1", put(ipvae__layers__1__role=b"readout"), "role"),
    ("errors/1", put(ipvae__layers__3__role=b""), "role"),
    ("errors/1", put(ipvae__layers__1__source=0), "source = 0 with weight_rec"),
    ("errors/1", put(ipvae__layers__1__source=1), "source 1, allowed 0 or 2"),
    ("errors/1", put(ipvae__layers__1__source=-1), "source = -1 is outside"),
    ("errors/1", put(ipvae__layers__2__source=2), "source 2, allowed 1"),
    ("errors/1", put(ipvae__layers__3__source=1), "source 1, allowed 2"),
    ("errors/1", put(ipvae__layers__3__source=17), "source = 17 is outside"),
    ("forward/0", put(ipvae__layers__1__source=1), "source = 1 without weight_rec"),
    ("errors/1", put(ipvae__layers__1__sign=0), "sign = 0"),
    ("errors/1", put(ipvae__layers__3__sign=-2), "sign = -2"),
    ("errors/1", put(layer__2__neuron__memory=0, layer__2__neuron__selfWeight=np.zeros(6, int)),
     "layer 2: found no memory"),
    ("errors/1", put(layer__2__neuron__memory=0), "self_weight without memory"),
    ("errors/1", put(layer__2__neuron__memory=2), "memory = 2"),
    ("errors/1", put(layer__1__neuron__leak=1), "layer 1: found memory"),
    ("sparse/0", put(layer__1__neuron__leak=0), "layer 1: found no memory"),
    ("forward/0", put(layer__1__neuron__memory=1), "layer 1: found memory"),
    ("forward1/0", put(layer__2__neuron__memory=1), "ceiling with memory"),
    ("errors/1", put(layer__2__neuron__ceiling=1), "ceiling with memory"),
    ("forward/0", put(layer__1__neuron__ceiling=3), "ceiling = 3"),
    ("forward/0", put(layer__1__neuron__ceiling=1), "/ipvae/tables/ceiling is missing"),
    ("forward_ceiling/0", put(ipvae__tables__ceiling=None), "/ipvae/tables/ceiling is missing"),
    ("forward_ceiling/0", put(layer__1__neuron__ceiling=0), "/ipvae/tables/ceiling has no use"),
    ("forward1/0", put(ipvae__tables__swish=None), "/ipvae/tables/swish is missing"),
    ("forward1/0", put(ipvae__tables__swish=np.arange(257)), "/ipvae/tables/swish holds"),
    ("forward1/0", put(ipvae__tables__ceiling=np.arange(257)), "/ipvae/tables/ceiling holds"),
    ("forward1/0", put(ipvae__tables__swish=np.arange(256)), "/ipvae/tables/swish holds"),
    ("errors/1", put(ipvae__tables__swish=np.zeros(257, "<i4")), "swish has no use"),
    ("errors/1", put(ipvae__tables__other=np.zeros(257, "<i4")), "other does not belong"),
    ("errors/1", put(ipvae__sampler__thresholds=np.zeros((481, 27), int)), "thresholds holds"),
    ("errors/1", put(ipvae__period=1), "/ipvae/period holds 1, allowed 2"),
    ("errors/1", put(ipvae__layers__1__phase=0), "/ipvae/layers/1/phase holds 0, allowed 1"),
    ("errors/1", put(ipvae__layers__3__phase=2), "/ipvae/layers/3/phase holds 2, allowed 1"),
    ("errors/1", put(ipvae__layers__2__lag=0), "/ipvae/layers/2/lag holds 0, allowed 1"),
    ("errors/1", put(ipvae__layers__1__lag=1), "/ipvae/layers/1/lag holds 1, allowed 0"),
    ("errors/1", put(ipvae__latency=2), "latency holds 2, allowed 1"),
    ("errors/1", put(layer__1__type=[b"dense"]), "/layer/1/type holds 'dense'"),
    ("errors/1", put(layer__2__type=[b"dense_rec"]), "/layer/2/type holds 'dense_rec'"),
    ("errors/1", put(layer__1__neuron__type=[b"POISSON"]), "neuron/type holds 'POISSON'"),
    ("errors/1", put(layer__2__neuron__type=[b"GRADED"]), "neuron/type holds 'GRADED'"),
    ("errors/1", put(layer__1__neuron__activation=[b"relu"]), "activation 'relu'"),
    ("errors/1", put(layer__1__neuron__activation=[b"swish"]), "tables/swish is missing"),
    ("errors/1", put(layer__1__neuron__unit=np.nan), "unit nan"),
    ("errors/1", put(layer__1__neuron__zMin=1), "z_min = 1 is outside"),
    ("errors/1", put(layer__1__neuron__shift=21), "shift = 21 is outside"),
    ("errors/1", put(layer__1__neuron__leak=16), "leak = 16 is outside"),
    ("errors/1", put(layer__1__neuron__threshold=-1), "threshold = -1 is outside"),
    ("errors/1", put(layer__2__neuron__fracBits=17), "frac_bits = 17 is outside"),
    ("errors/1", put(layer__2__neuron__fracBits=2**62), "frac_bits = .* is outside"),
    ("errors/1", put(layer__2__neuron__fracBits=-3), "frac_bits = -3 is outside"),
    ("errors/1", put(layer__3__inFeatures=5), "/layer/3/inFeatures holds 5, allowed 6"),
    ("errors/1", put(layer__3__shape=[4]), "/layer/3/shape holds"),
    ("errors/1", put(layer__3__shape=np.zeros((0,), int)), "/layer/3/shape holds"),
    ("errors/1", put(layer__3__weight=np.zeros((5, 5), np.int8)), "layer 2 has 6 neurons"),
    ("errors/1", put(layer__1__weight=np.zeros(4, int)), "weight has shape"),
    ("errors/1", put(layer__1__weight=np.zeros((5, 5, 1), int)), "/layer/1/weight is int16 of 3"),
    ("errors/1", put(layer__1__weight=np.float32(1)), "/layer/1/weight is"),
    ("errors/1", put(layer__1__neuron__leak=np.float64(1)), "/layer/1/neuron/leak is float64"),
    ("recurrent16/0", put(layer__1__weight=np.zeros((6, 4), int)), "has 5 pixels"),
    ("errors/1", put(ipvae__decoder=np.zeros((5, 5), "<f4")), "decoder: shape"),
    ("errors/1", put(layer__1__neuron__activation=np.zeros(0, "S6")), "activation has shape"),
    ("errors/1", put(ipvae__layers__2__role=np.zeros(0, "S4")), "role is"),
]  # fmt: skip


def _name(value):
    return value.__name__ if callable(value) else value[:40]


ONLY_OURS = ("unit", "outside", "100", "decoder", "float64", "role", "of 3")
"""What the oracle, which checks no single field's range, may let pass."""


@pytest.mark.parametrize(("kind", "change", "message"), CHANGES, ids=_name)
def test_a_changed_file_is_refused_in_one_line(saved, oracle, kind, change, message):
    path = saved(kind)
    rewrite(path, change)
    lenient = any(word in message for word in ONLY_OURS)
    refused(path, message, None if lenient else oracle)


def receives_the_image(f):
    k = f["layer/3/bias"].shape[0]
    f.move("layer/3/weight", "layer/3/weight_rec")
    f["layer/3/weight"] = np.ones((k, 5), "<i2")
    put(layer__3__type=[b"dense_rec"], layer__3__inFeatures=5)(f)


def test_a_read_out_that_receives_the_image_is_refused(saved, oracle):
    path = saved("errors/1")
    rewrite(path, receives_the_image)
    refused(path, "a read-out has weights from the image", oracle)


def test_a_network_that_no_image_reaches_is_refused(saved, oracle):
    def blind(f):
        del f["layer/1/weight"]
        f.move("layer/1/weight_rec", "layer/1/weight")
        put(layer__1__type=[b"dense"], layer__1__inFeatures=6)(f)

    path = saved("errors/1")
    rewrite(path, blind)
    refused(path, "none has weights from the image", oracle)


def test_what_version_1_could_hold_is_refused_in_version_2(tmp_path, make_network, oracle):
    path, network = tmp_path / "net.h5", make_network()
    write_network(path, network)

    def newer(f):
        for group in ("layer", "ipvae"):
            del f[group]
        for name, array in to_fields(network, 2).items():
            f[name] = array
        f["ipvae"].attrs["format_version"] = np.int64(2)
        f["ipvae"].attrs["checksum"] = np.array("0" * 64, dtype="S64")

    rewrite(path, newer)
    refused(path, "format version 2, allowed 1, the oldest", oracle)


@pytest.mark.parametrize("kind", ["errors/1", "forward1/0", "sparse/2"])
def test_version_2_called_otherwise_is_refused(saved, kind, oracle):
    for version, message in (
        (1, "missing|does not belong"),
        (3, "missing|does not belong"),
        (4, "reads 1, 2, 3"),
    ):
        path = saved(kind)
        rewrite(
            path, lambda f, v=version: f["ipvae"].attrs.modify("format_version", np.int64(v)), True
        )
        refused(path, message, oracle)


@pytest.mark.parametrize("seed", range(2))
def test_round_trip_of_every_kind(tmp_path, layered, seed):
    for name, network in layered(seed).items():
        write_network(tmp_path / "net.h5", network)
        again = read_network(tmp_path / "net.h5")
        assert checksum(again) == checksum(network), name
        found = to_fields(again)
        for path, array in to_fields(network).items():
            np.testing.assert_array_equal(array, found[path], path)


NUMBERS = [0, 1, -1, 2, 7, 13, 16, 17, 127, -128, 2**15, 2**23, -(2**31), 2**31, 2**62, -(2**63)]


def mutate(f, chance):
    """Replace, delete, copy or move some datasets."""
    names = []
    f.visititems(lambda n, x: names.append(n) if hasattr(x, "dtype") else None)
    for name in chance.sample(names, chance.choice([1, 1, 2, 3])):
        old, kind = f[name][...], chance.randrange(6)
        if kind <= 2 and old.dtype.kind == "i":
            reach = np.iinfo(old.dtype)
            number = min(max(chance.choice(NUMBERS), int(reach.min)), int(reach.max))
            value = old.copy()
            value.reshape(-1)[: chance.choice([1, value.size])] = number
        elif kind == 3:
            value = np.resize(old, chance.choice([(), (0,), (1,), (5,), (6,), (5, 6), (2, 3, 4)]))
        elif kind == 4:
            types = ["<i1", "<i2", "<i4", "<i8", "<u2", ">i4", "<f4", "<f8", "S10", "S3"]
            text = old.dtype.kind == "S"
            value = old.astype("S10") if text else old.astype(chance.choice(types))
        elif kind == 5:
            value = f[chance.choice(names)][...] if chance.random() < 0.5 else None
        else:
            value = np.array(chance.choice([b"code", b"hidden", b"dense", b"POISSON", b""]), "S10")
        del f[name]
        if value is not None:
            f[name] = value
        names = [n for n in names if n in f]


def judge(path):
    """Whether a file is refused in one line; if it is read, it is whole and valid."""
    try:
        network = read_network(path)
    except FormatError as error:
        message = str(error)
        one_line = message.startswith(f"{path}: ") and "\n" not in message
        return "refused" if one_line else message
    again = path.with_suffix(".again")
    write_network(again, network)
    assert checksum(read_network(again)) == checksum(network)
    return "read"


MUTATED = ["errors/1", "forward1/2", "errors2/0", "sparse/1"]


@pytest.mark.parametrize("kind", MUTATED)
def test_mutants_of_version_2_are_refused_or_valid(saved, kind):
    assert_refused_or_valid(saved(kind), 30)


@pytest.mark.long
@pytest.mark.parametrize("kind", MUTATED)
def test_many_mutants_of_version_2_are_refused_or_valid(saved, kind):
    assert_refused_or_valid(saved(kind), 1000)


def assert_refused_or_valid(path, cases):
    """More than half of the mutants are refused, some are read."""
    found = {"refused": 0, "read": 0}
    original = path.read_bytes()
    for case in range(cases):
        path.write_bytes(original)
        rewrite(path, lambda f, c=case: mutate(f, random.Random(c)))
        found[judge(path)] += 1
    assert found["refused"] > cases / 2
    assert found["read"] > 0
