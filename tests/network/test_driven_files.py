"""Files of version 3 with Poisson and graded layers: contents, conditions, refusals."""

from typing import Any

import numpy as np
import pytest

import ipvae
from ipvae.errors import FormatError
from ipvae.network.connections import Connection, Convolution, Dense, Drive
from ipvae.network.conversion.from_dense import as_network
from ipvae.network.io import network_file
from ipvae.network.io.format3 import to_fields
from ipvae.network.kinds import CubaNeuron, GradedNeuron, PoissonNeuron
from ipvae.network.network import Input, Layer, Network, Pixels

NEW = (
    *("layer/1/neuron/uInit", "layer/3/neuron/keyLayer", "layer/2/neuron/unit"),
    *(f"ipvae/layers/1/drive/{name}" for name in ("exponent", "weight", "groups")),
    *("ipvae/random", "ipvae/sampler/thresholds", "ipvae/tables/swish", "ipvae/input/scale"),
)


@pytest.fixture(scope="module")
def network():
    """Maps driven by a convolution, a graded layer with tables, and a CUBA read-out."""
    rng = np.random.default_rng(0)
    image = (2, 7, 6)
    seen = Convolution(rng.integers(-900, 901, (4, 1, 3, 2)), image, (2, 1), (1, 0), (1, 2), 2)
    loop = Convolution(rng.integers(-9, 30, (4, 4, 3, 3)), seen.shape, padding=(1, 1))
    n = int(np.prod(seen.shape))
    neuron = PoissonNeuron(
        *(-(2**17), 2**17),
        u_init=rng.integers(-999, 999, 4),
        self_weight=rng.integers(0, 99, n),
        frac_bits=16,
    )
    bent = PoissonNeuron(
        -(2**17), 2**17, frac_bits=16, memory=False, ceiling=True, key_layer=9, weight_exp=2
    )
    layers = (
        Layer("1", neuron, (Connection("1", loop, delay=1),), np.arange(4), drive=Drive(seen, -8)),
        Layer(
            "2",
            GradedNeuron(-9, 90, shift=3, activation="swish", unit=0.25),
            (Connection("1", Dense(rng.integers(-9, 9, (5, n)))),),
        ),
        Layer("3", bent, (Connection("2", Dense(rng.integers(-9, 9, (5, 5)))),)),
        Layer("7", CubaNeuron(9, 100, 100), (Connection("3", Dense(np.ones((2, 5), int))),)),
    )
    entry = Input(image, graded=True, pixels=Pixels(-20, 255, 1 / 255))
    images = rng.integers(-20, 256, (3, 84))
    return Network(entry, layers, images, provenance={"made": "for a test"})


def written(path, fields):
    """A file with these datasets, sealed, of this format's version."""
    digest = network_file._content_checksum(fields, 3)
    path.write_bytes(network_file._hdf5_image(fields, (3, 0), digest))
    network_file.write_seal(path)
    return path


def test_a_network_comes_back_with_the_same_numbers(network, tmp_path):
    network.save(tmp_path / "n.h5")
    network_file._written.clear()
    found: Any = ipvae.load_network(tmp_path / "n.h5")
    assert network_file.checksum(found) == network_file.checksum(network)
    assert found.input == network.input
    assert [layer.neuron for layer in found.layers] == [layer.neuron for layer in network.layers]
    runs: list[Any] = [ipvae.run(n, steps=6, seed=3, record="all") for n in (network, found)]
    for name in ("1", "2", "3", "7"):
        for variable in runs[0].trace.samples[0][name]:
            values = [run.trace.stacked(name, variable) for run in runs]
            np.testing.assert_array_equal(*values)
    assert runs[0].trace.stacked("1", "z").max() > 1


def test_integer_networks_come_back(kinds, built_kind, tmp_path):
    network = as_network(kinds.networks(1)[built_kind])
    network.save(tmp_path / "n.h5")
    network_file._written.clear()
    found: Any = ipvae.load_network(tmp_path / "n.h5")
    assert network_file.checksum(found) == network_file.checksum(network)


def test_datasets_are_there_if_their_conditions_hold(network, kinds):
    paths = set(to_fields(network))
    drive = {p.rpartition("/")[2] for p in paths if p.startswith("ipvae/layers/1/drive/")}
    geometry = {"inShape", "stride", "padding", "dilation", "groups"}
    assert drive == {"kind", "weight", "exponent", *geometry}
    assert not any("layers/2/drive" in path for path in paths)
    shared = {"ipvae/random", "ipvae/sampler/name", "ipvae/sampler/thresholds"}
    tables = {"ipvae/tables/swish", "ipvae/tables/ceiling"}
    pixels = {f"ipvae/input/{name}" for name in ("minimum", "maximum", "scale")}
    assert shared | tables | pixels <= paths
    graded = set(to_fields(as_network(kinds.networks(1)["lca"])))
    assert not graded & (shared | tables) and pixels <= graded
    fields = to_fields(network)
    assert fields["layer/1/neuron/uInit"].shape == (4,)
    assert fields["layer/3/neuron/uInit"].shape == ()
    assert fields["layer/3/neuron/keyLayer"] == 9


def test_a_file_without_one_of_its_datasets_is_refused_in_one_line(network, tmp_path):
    fields = to_fields(network)
    for path in NEW:
        rest = {name: value for name, value in fields.items() if name != path}
        with pytest.raises(FormatError) as error:
            network_file.read_network(written(tmp_path / "n.h5", rest))
        assert "\n" not in str(error.value)
        assert path.split("/")[-1] in str(error.value) or "together" in str(error.value), path


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("ipvae/random", np.array("mix24/3", "S32"), "random"),
        ("ipvae/sampler/thresholds", np.zeros((481, 27), "<i4"), "thresholds"),
        ("ipvae/tables/swish", np.zeros(257, "<i4"), "swish"),
        ("ipvae/input/maximum", np.int64(2**15), "a limit of the pixels is 32768"),
        ("ipvae/input/scale", np.float64(0), "scale 0.0 is not a positive number"),
        ("layer/1/neuron/uInit", np.zeros(3, "<i4"), "u_init has shape"),
        ("layer/1/neuron/memory", np.int64(2), "memory is 2, allowed 0..1"),
        ("layer/3/neuron/keyLayer", np.int64(1), "needs its own"),
        ("layer/2/neuron/activation", np.array(["tanh"], "S10"), "activation 'tanh'"),
        ("layer/2/neuron/zMin", np.int64(4), "z_min = 4 is outside"),
        ("ipvae/layers/1/drive/exponent", np.int64(15), "exponent is 15, allowed -24..14"),
        ("ipvae/layers/1/drive/kind", np.array("dense", "S10"), "4 dimensions of weight"),
        ("ipvae/layers/7/drive/kind", np.array("dense", "S10"), "drive"),
    ],
)
def test_values_that_cannot_be_are_refused_in_one_line(network, tmp_path, path, value, words):
    fields = {**to_fields(network), path: np.asarray(value)}
    with pytest.raises(FormatError, match=words) as error:
        network_file.read_network(written(tmp_path / "n.h5", fields))
    assert "\n" not in str(error.value)
