"""Version 3 against networks.py beside this, a program from the documents alone."""

import hashlib
import importlib.util
from pathlib import Path

import h5py
import numpy as np
import pytest

import ipvae

FILES = Path(__file__).parents[1] / "files"
FAMILIES = (("CUBA",), ("SDNN",), ("CUBA", "SDNN"))
CONNECTION = "ipvae/connections/"


@pytest.fixture(scope="module")
def second():
    """The oracle as a module."""
    path = Path(__file__).with_name("networks.py")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def contents():
    """Every dataset of the file of version 3."""
    found = {}
    with h5py.File(FILES / "version3.net.h5", "r") as file:
        file.visititems(
            lambda name, x: found.update({name: x[...]} if isinstance(x, h5py.Dataset) else {})
        )
    return found


def pack(path, arrays, version=3):
    """Write datasets with a checksum and a seal that fit them."""
    digest = hashlib.sha256(b"ipvae-network/3\0")
    with h5py.File(path, "w", userblock_size=512) as file:
        for name in sorted(arrays):
            values = np.asarray(arrays[name])
            dtype = values.dtype.str.lstrip("|") if values.dtype.kind == "S" else values.dtype.str
            shape = ",".join(map(str, values.shape))
            digest.update(f"{name}\0{dtype}\0{shape}\0".encode() + values.tobytes())
            file.create_dataset(name, data=values)
        file["ipvae"].attrs["format_version"] = np.int64(version)
        file["ipvae"].attrs["checksum"] = np.bytes_(digest.hexdigest())
    seal(path)


def seal(path):
    body = path.read_bytes()[512:]
    head = f"ipvae-loihi network\nsha256:{hashlib.sha256(body).hexdigest()}\n".encode()
    path.write_bytes(head.ljust(512, b"\0") + body)


def equal_values(expected, found):
    """Number of values of two traces, which are equal in every layer, variable and row."""
    compared = 0
    assert len(expected) == len(found)
    for one, other in zip(expected, found, strict=True):
        assert set(one) == set(other)
        for layer in one:
            assert set(one[layer]) == set(other[layer]), layer
            for variable, values in one[layer].items():
                where = f"{layer}/{variable}"
                np.testing.assert_array_equal(values, other[layer][variable], where)
                compared += np.size(values)
    return compared


def refused(second, path):
    """Both readers refuse a file; what they say."""
    with pytest.raises(ValueError, match=".") as by_oracle:
        second.load(path)
    with pytest.raises(ipvae.IpvaeError) as by_ipvae:
        ipvae.load_network(path)
    return str(by_oracle.value), str(by_ipvae.value)


def test_the_file_of_version_3_gives_its_trace(second):
    network = second.load(FILES / "version3.net.h5")
    with h5py.File(FILES / "version3.trace.h5", "r") as file:
        samples = [{}, {}]
        for path, data in second.datasets_of(file).items():
            _, index, layer, variable = path.split("/")
            samples[int(index)].setdefault(layer, {})[variable] = data[...]
        assert file.attrs["steps"] == 11
    assert equal_values(samples, second.run(network, network.images, 12)) == 14472


@pytest.mark.parametrize("seed", range(10))
def test_random_networks_run_alike(second, network_oracle, tmp_path, seed):
    rng = np.random.default_rng(seed)
    network = network_oracle.random_network(rng, FAMILIES[seed % 3])
    images = np.stack([network_oracle.random_messages(rng, network, 7) for _ in range(2)])
    network.save(tmp_path / "net.h5")
    expected = ipvae.run(network, images, steps=7, record="all").trace
    assert expected is not None
    found = second.run(second.load(tmp_path / "net.h5"), images, 7)
    assert equal_values(expected.samples, found) > 0


def test_conv_from_a_flat_source_runs_alike(second, contents, tmp_path):
    """inShape alone says how a source (n) is read; Lava and network_oracle.py do so too."""
    path = tmp_path / "net.h5"
    pack(path, {**contents, "layer/0/shape": np.array([84])})
    network = ipvae.load_network(path)
    found = second.run(second.load(path), network.test_images, 12)
    expected = ipvae.run(network, network.test_images, steps=12, record="all").trace
    assert expected is not None
    assert equal_values(expected.samples, found) == 14472


def test_a_changed_byte_is_refused(second, tmp_path):
    content, path = (FILES / "version3.net.h5").read_bytes(), tmp_path / "net.h5"
    for place in [0, 30, 600, *np.random.default_rng(0).integers(512, len(content), 5)]:
        changed = bytearray(content)
        changed[place] ^= 1
        path.write_bytes(changed)
        assert refused(second, path)[0].startswith("seal")


def test_a_change_without_a_new_checksum_is_refused(second, contents, tmp_path):
    path = tmp_path / "net.h5"
    pack(path, contents)
    changed = contents["layer/12/neuron/vThMant"] + 1
    with h5py.File(path, "r+") as file:
        del file["layer/12/neuron/vThMant"]
        file["layer/12/neuron/vThMant"] = changed
    seal(path)
    assert refused(second, path)[0].startswith("checksum")


def test_a_file_of_the_same_contents_is_accepted(second, contents, tmp_path):
    pack(tmp_path / "net.h5", contents)
    network = ipvae.load_network(tmp_path / "net.h5")
    found = second.load(tmp_path / "net.h5")
    np.testing.assert_array_equal(found.images, network.test_images)


def text(value, *shape):
    return np.full(shape, value.encode(), "S10")


def of_bytes(value):
    return np.frombuffer(value.encode(), np.uint8)


CHANGES = {
    "layer/0/shape": np.zeros(3, np.int64),
    "layer/0/weight": np.float64("nan"),
    "layer/0/neuron/type": text("SDNN", 1),
    "layer/0/neuron/vThMant": np.int64(2048),
    "layer/1/neuron/activation": text("swish", 1),
    "layer/1/type": text("dense", 1),
    "layer/2/bias": np.full(4, 4096, np.int32),
    "layer/2/weight": np.int16(1),
    "layer/12/shape": np.array([5, 1, 1]),
    "layer/12/neuron/iDecay": np.int64(4097),
    "layer/12/neuron/vThMant": np.int32(5),
    "layer/12/neuron/vDecay": None,
    "layer/20/bias": np.zeros(3, np.int32),
    "layer/20/neuron/type": text("DELTA", 1),
    "layer/030/shape": np.ones(1, np.int64),
    f"{CONNECTION}0/groups": np.int64(3),
    f"{CONNECTION}0/inShape": np.array([7, 3, 4]),
    f"{CONNECTION}0/stride": np.array([1, 128]),
    f"{CONNECTION}0/padding": np.array([1, 5]),
    f"{CONNECTION}1/weight": np.array([[-1, 254, 1, 1, 1]] * 32, np.int16),
    f"{CONNECTION}2/delay": np.array([0, 1] * 6),
    f"{CONNECTION}3/delay": np.int64(63),
    f"{CONNECTION}4/delay": np.ones(6, np.int64),
    f"{CONNECTION}5/weight": np.ones(5, np.int16),
    f"{CONNECTION}6/exponent": np.int64(15),
    f"{CONNECTION}7/source": text("4"),
    f"{CONNECTION}7/target": text("0"),
    f"{CONNECTION}8/target": text("12"),
    f"{CONNECTION}10/delay": np.int64(0),
    "ipvae/input/graded": np.int64(1),
    "ipvae/layers/1/purpose": text("code"),
    "ipvae/test/images": np.full((2, 84), 2048, np.int32),
    "ipvae/test/labels": np.array([0, -2]),
    "ipvae/provenance": of_bytes("[]"),
}
PROVENANCE = {
    "nan": '{"a": NaN}',
    "float": '{"a": 1e999}',
    "twice": '{"a": 1e999, "a": 1}',
    "cut": '{"a": [1',
    "deep": f'{{"a": {"[" * 64}{"]" * 64}}}',
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_changed_dataset_is_refused(second, contents, tmp_path, name):
    changed = {**contents, name: CHANGES[name]}
    pack(tmp_path / "net.h5", {k: v for k, v in changed.items() if v is not None})
    refused(second, tmp_path / "net.h5")


@pytest.mark.parametrize("name", PROVENANCE)
def test_changed_provenance_is_refused(second, contents, tmp_path, name):
    pack(tmp_path / "net.h5", {**contents, "ipvae/provenance": of_bytes(PROVENANCE[name])})
    refused(second, tmp_path / "net.h5")


def test_another_version_is_refused(second, contents, tmp_path):
    pack(tmp_path / "net.h5", contents, version=4)
    by_oracle, by_ipvae = refused(second, tmp_path / "net.h5")
    assert "version" in by_oracle and "version" in by_ipvae


def test_a_loop_without_delay_is_refused(second, contents, tmp_path):
    """Connection 5 leads from layer 3 to itself."""
    assert contents[f"{CONNECTION}5/source"] == contents[f"{CONNECTION}5/target"]
    pack(tmp_path / "net.h5", {**contents, f"{CONNECTION}5/delay": np.int64(0)})
    by_oracle, by_ipvae = refused(second, tmp_path / "net.h5")
    assert "loop" in by_oracle and "loop" in by_ipvae
