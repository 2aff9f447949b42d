"""Plain lava-dl files: what is read, and one clear error for everything else."""

import dataclasses

import h5py
import numpy as np
import pytest

from ipvae.errors import DescriptionError, FormatError
from ipvae.network.io.hdf5 import read_datasets
from ipvae.network.io.lava_dl_file import is_plain, read_plain
from ipvae.network.io.network_file import write_network
from ipvae.network.lava_dl_network import (
    ACCUMULATOR,
    ConvSynapses,
    CubaNeuron,
    DenseSynapses,
    PlainInput,
    PlainLayer,
    PlainNetwork,
    SigmaDeltaNeuron,
)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "x.net"


@pytest.fixture
def small(plain_nets):
    """Layers of a small valid network: input, conv, flatten, dense, dense."""
    rng = np.random.default_rng(0)
    p = plain_nets
    shape = (2, 5, 4)
    kernel = rng.integers(-9, 10, (3, 2, 3, 2, 1))
    first = p.conv(kernel, shape, p.cuba(wgtExp=0, theta=7, tauRho=0.5), [1, -2, 3], (2, 1), (1, 0))
    n = int(np.prod(first["shape"]))
    return [
        p.entry(shape, p.cuba(25), weight=np.array([36.0]), bias=np.float32(34)),
        first,
        p.flatten(n),
        p.dense(rng.integers(-9, 10, (6, n)), p.cuba(type="LOIHI")),
        p.dense(rng.integers(-9, 10, (1, 6))[0][None], bias=[5]),
    ]


def test_every_part_of_a_file_is_read(plain_nets, path, small):
    network = read_plain(plain_nets.write(path, small))
    assert network.input == PlainInput((2, 5, 4), CubaNeuron(25, 4096, 512), 36.0, 34.0)
    first, second, third = network.layers
    assert [layer.name for layer in network.layers] == ["1", "3", "4"]
    assert isinstance(first.synapses, ConvSynapses) and isinstance(second.synapses, DenseSynapses)
    assert first.synapses.in_shape == (2, 5, 4) and first.shape == tuple(small[1]["shape"])
    assert (first.synapses.stride, first.synapses.padding) == ((2, 1), (1, 0))
    np.testing.assert_array_equal(first.synapses.weight, small[1]["weight"][..., 0])
    assert first.bias is not None and first.bias.tolist() == [1, -2, 3]
    assert first.neuron == CubaNeuron(40, 4096, 512)
    assert second.bias is None and third.neuron == ACCUMULATOR
    assert not first.synapses.weight.flags.writeable
    assert network.depth == 3 and not network.sigma_delta
    assert network.n_neurons == 40 + first.n_neurons + 6 + 1


def test_an_input_without_a_transform_has_that_of_lava_dl(plain_nets, path, small):
    """64 of a pixel, the input's shift of 2^6, and no bias."""
    del small[0]["weight"], small[0]["bias"]
    entry = read_plain(plain_nets.write(path, small)).input
    assert (entry.weight, entry.bias) == (64.0, 0.0)


def test_sigma_delta_networks_are_read(plain_nets, path):
    p = plain_nets
    layers = [
        p.entry((4,), p.sdnn(3)),
        p.dense(np.eye(4), p.sdnn(7)),
        p.dense(np.ones((1, 4)), p.sdnn(sigma_output=True)),
    ]
    network = read_plain(p.write(path, layers))
    assert network.sigma_delta and network.input.neuron == SigmaDeltaNeuron(3)
    assert [layer.neuron for layer in network.layers] == [
        SigmaDeltaNeuron(7),
        SigmaDeltaNeuron(1, sums=True),
    ]


def test_a_file_without_an_input_layer_takes_as_many_messages_as_it_has_weights_for(
    plain_nets, path
):
    network = read_plain(plain_nets.write(path, [plain_nets.dense(np.ones((2, 5)))]))
    assert network.input == PlainInput((5,))


@pytest.mark.lava
@pytest.mark.parametrize(
    ("name", "shapes"),
    [
        ("mnist.net", [(512,), (512,), (10,)]),
        ("tiny.net", [(24, 6, 6), (36, 1, 1)]),
        (
            "gts/pilotnet_sdnn/square_network.net",
            [(24, 16, 16), (36, 7, 7), (64, 4, 4), (64, 2, 2)],
        ),
    ],
)
def test_networks_of_lava_dls_wheel_are_read(plain_nets, name, shapes):
    path = plain_nets.wheel_folder() / name
    assert is_plain(path)
    assert [layer.shape for layer in read_plain(path).layers] == shapes


def change(number, **values):
    return lambda layers: layers[number].update(values)


def neuron(number, **values):
    return lambda layers: layers[number]["neuron"].update(values)


def weights(number, value):
    def put(layers):
        layers[number]["weight"][:] = 0
        layers[number]["weight"].reshape(-1)[0] = value
        layers[number]["weight"].reshape(-1)[1] = -1

    return put


WRONG = {
    "pool": (change(2, type="pool"), "layer 2: type 'pool', allowed are input, flatten, dense"),
    "average": (change(4, type="average"), "layer 4: type 'average'.*pooling and averages"),
    "recurrent": (change(4, type="dense_rec"), "layer 4: type 'dense_rec'"),
    "second input": (change(2, type="input"), "layer 2: type 'input', allowed as layer 0 only"),
    "no flatten": (lambda la: la.pop(2), "layer 2: dense behind a convolution without"),
    "conv behind flatten": (
        lambda la: la.insert(1, {**la[2], "shape": la[0]["shape"]}),
        "layer 2: type 'conv' behind a flat",
    ),
    "size of a flatten": (
        change(2, shape=np.array([28, 1, 1])),
        r"layer 2: shape \(28, 1, 1\), allowed are as many values as \(3, 3, 3\) in front of it",
    ),
    "input features": (change(3, inFeatures=26), "inFeatures is 26, its weights make 27; export"),
    "output features": (change(3, outFeatures=7), "outFeatures is 7, its weights make 6; export"),
    "input channels": (change(1, inChannels=3), "layer 1: inChannels is 3, its weights make 2"),
    "output channels": (change(1, outChannels=2), "layer 1: outChannels is 2, its weights make 3"),
    "kernel size": (
        change(1, kernelSize=np.array([3, 4])),
        r"layer 1: kernelSize is \(3, 4\), its weights make \(3, \d\); export it anew",
    ),
    "conv first": (lambda la: la.pop(0), "layer 0: type 'conv' behind no layer 'input'"),
    "empty": (lambda la: la.__delitem__(slice(1, None)), "holds no dense or convolutional layer"),
    "delay": (change(3, delay=np.array([0.0, 3.0])), "layer 3: has delays"),
    "unknown dataset": (change(3, mask=1), "layer 3: dataset mask has no meaning in type 'dense'"),
    "complex": (change(3, **{"weight/real": 1}, weight=None), "dataset weight/real has no meaning"),
    "no weight": (change(3, weight=None), "layer 3: dataset weight is missing"),
    "no conv neuron": (change(1, neuron=None), "layer 1: type 'conv' without a neuron"),
    "fraction": (weights(3, 0.37), "weight holds 0.37, allowed are integers; quantize it"),
    "not finite": (weights(3, np.nan), "layer 3: weight holds what is no finite number"),
    "huge": (weights(3, 1e12), "layer 3: weight holds numbers of more than 32 bits"),
    "nine bits": (weights(3, 129), r"weight holds -1\.\.129, allowed in the chip's 8 bits"),
    "conv nine bits": (weights(1, 200), r"layer 1: weight holds -1\.\.200"),
    "too large": (weights(3, 256), r"weight holds -1\.\.256"),
    "weight shape": (change(3, weight=np.ones((6, 2, 2))), "layer 3: weight has shape"),
    "conv weight shape": (change(1, weight=np.ones((3, 2))), r"allowed \(C_out, C_in, H, W\)"),
    "kernel of depth 2": (
        change(1, weight=np.ones((3, 2, 3, 2, 2))),
        r"layer 1: weight has shape \(3, 2, 3, 2, 2\), allowed \(C_out, C_in, H, W\)",
    ),
    "one bit too large": (weights(3, 2**31), "layer 3: weight holds numbers of more than 32 bits"),
    "inputs": (
        change(3, weight=np.ones((6, 7)), inFeatures=7),
        "its weights hear 7 neurons, allowed",
    ),
    "shape": (
        change(1, shape=np.array([3, 9, 9])),
        r"layer 1: shape \(3, 9, 9\), its weights make",
    ),
    "input shape": (change(0, shape=np.array([2, 20])), r"layer 0: shape \(2, 20\), allowed are"),
    "pixels": (change(0, shape=np.array([2, 2**31, 2**31])), "number of pixels is|more than 32"),
    "too many pixels": (change(0, shape=np.array([2, 2**12, 2**12])), "of pixels is 33554432, all"),
    "groups": (change(1, groups=2), "weight has 3 x 2 channels in 2 groups"),
    "stride": (change(1, stride=np.array([0, 1])), r"layer 1: stride \(height\) is 0, allowed 1"),
    "no stride": (change(1, stride=np.array([1, 0])), r"layer 1: stride \(width\) is 0, allowed 1"),
    "padding": (change(1, padding=64), r"padding \(height\) is 64, allowed 0..63"),
    "span": (change(1, dilation=np.array([64, 1])), "span of the kernel .height. is 129"),
    "kernel": (change(1, dilation=np.array([4, 1])), "kernel spans 9 in height, allowed up to 7"),
    "three strides": (change(1, stride=np.ones(3)), "stride has 3 values, allowed are one or two"),
    "bias shape": (change(1, bias=np.ones(40)), r"layer 1: bias has shape \(40,\), allowed \(3,\)"),
    "bias range": (change(3, bias=np.full(6, 4096)), "bias is 4096, allowed -4096..4095"),
    "threshold": (neuron(3, vThMant=2**18 + 1), "layer 3: vThMant is 262145, allowed 0..262144"),
    "decay": (neuron(3, iDecay=4097), "layer 3: iDecay is 4097, allowed 0..4096"),
    "no decay": (lambda la: la[3]["neuron"].pop("vDecay"), "dataset neuron/vDecay is missing"),
    "refractory": (neuron(3, refDelay=2), "neuron/refDelay is 2, allowed 1"),
    "graded": (neuron(3, gradedSpike=True), "neuron/gradedSpike is 1, allowed 0"),
    "resonator": (neuron(3, type="RF"), "neuron of type 'RF', allowed are CUBA, LOIHI and SDNN"),
    "long text": (neuron(3, type="x" * 500), "neuron of type 'x{64}'"),
    "number as text": (neuron(3, type=3), "layer 3: neuron/type is no text"),
    "text as number": (neuron(3, vDecay="3"), "neuron/vDecay holds what is no finite number"),
    "two values": (neuron(3, vDecay=[1, 2]), "holds neither|has 2 values, allowed is one"),
    "unknown parameter": (neuron(3, reset="hard"), "neuron/reset is nothing that netx obeys"),
    "mixed": (lambda la: la[3].update(neuron={"type": "SDNN", "vThMant": 1}), "mixes CUBA and"),
    "gap": (lambda la: la.insert(3, {}), "layer 3 is missing .found layers 0, 1, 2, 4, 5"),
}


@pytest.mark.usefixtures("read_here")
@pytest.mark.parametrize("what", WRONG)
def test_what_cannot_run_exactly_is_refused_by_name(plain_nets, path, small, what):
    spoil, message = WRONG[what]
    read_plain(plain_nets.write(path, small))  # it is the change that is refused
    spoil(small)
    plain_nets.write(path.with_name("y.net"), small)
    with pytest.raises(FormatError, match=message) as caught:
        read_plain(path.with_name("y.net"))
    assert "y.net: " in str(caught.value)


@pytest.mark.usefixtures("read_here")
@pytest.mark.parametrize(
    ("layer", "message"),
    [
        ({"activation": "tanh"}, "activation 'tanh', allowed is relu"),
        ({"vThMant": 2048}, "vThMant is 2048, allowed 0..2047"),
        ({"cum_error": True}, "neuron/cum_error is nothing that netx obeys"),
        ({"sigma_output": True}, "layer 1: sigma_output, allowed in the last layer only"),
    ],
)
def test_sigma_delta_layers_that_netx_would_run_otherwise_are_refused(
    plain_nets, path, layer, message
):
    p = plain_nets
    layers = [p.entry((2,)), p.dense(np.eye(2), p.sdnn(**layer)), p.dense(np.eye(2), p.sdnn())]
    with pytest.raises(FormatError, match=message):
        read_plain(p.write(path, layers))


def test_a_sigma_output_with_a_bias_is_refused():
    layer = PlainLayer("1", DenseSynapses(np.eye(2)), SigmaDeltaNeuron(1))
    with pytest.raises(DescriptionError, match="bias, which netx cannot give"):
        dataclasses.replace(layer, neuron=SigmaDeltaNeuron(1, sums=True), bias=np.ones(2))
    with pytest.raises(DescriptionError, match="bias is 2048, allowed -2047..2047"):
        dataclasses.replace(layer, bias=np.array([2048, 0]))


def test_a_network_without_layers_is_none():
    with pytest.raises(DescriptionError, match="holds no dense"):
        PlainNetwork(PlainInput((3,)), ())


def test_foreign_and_damaged_files_are_refused(plain_nets, path, small):
    plain_nets.write(path, small)
    damaged = path.with_name("d.net")
    damaged.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(FormatError, match="d.net: HDF5 cannot read it"):
        read_plain(damaged)
    damaged.write_bytes(b"no HDF5 at all")
    with pytest.raises(FormatError, match="d.net: HDF5 cannot read it"):
        read_plain(damaged)
    with h5py.File(damaged, "w") as file:
        file["model_weights/dense"] = [1]
    with pytest.raises(FormatError, match="no lava-dl network .it has no group /layer"):
        read_plain(damaged)
    with h5py.File(damaged, "w") as file:
        file["ipvae/x"] = [1]
        file["layer/0/type"] = b"input"
    with pytest.raises(FormatError, match="a network of ours without its seal"):
        read_plain(damaged)
    with pytest.raises(FormatError, match="no.net: cannot be read .*check the path"):
        read_plain(path.with_name("no.net"))


def test_links_into_other_files_are_refused(plain_nets, path, small):
    plain_nets.write(path, small)
    with h5py.File(path, "a") as file:
        del file["layer/3/weight"]
        file["layer/3/weight"] = h5py.ExternalLink("/etc/passwd", "/x")
    with pytest.raises(FormatError, match="soft or external link"):
        read_plain(path)


def test_our_files_and_models_are_no_plain_networks(
    plain_nets, path, small, tmp_path, make_network
):
    write_network(tmp_path / "ours.h5", make_network())
    write_network(tmp_path / "ours.net", make_network())
    (tmp_path / "text.h5").write_text("x")
    (tmp_path / "folder.net.d").mkdir()
    plain_nets.write(path, small)
    plain_nets.write(tmp_path / "plain.h5", small)
    found = {file.name: is_plain(file) for file in tmp_path.iterdir()}
    assert found == {
        "ours.h5": False,
        "ours.net": False,
        "text.h5": False,
        "folder.net.d": False,
        "x.net": True,
        "plain.h5": True,
    }
    assert is_plain(tmp_path / "missing.net") and not is_plain(tmp_path / "missing.h5")


def test_single_texts_and_truths_are_read_only_where_they_are_allowed(path):
    with h5py.File(path, "w") as file:
        file["true"], file["text"] = True, "a text"
        file["many"] = np.array([1, 2])
    found = read_datasets(path, lambda *_: None, {}, most=9, singles=True)
    assert (found["true"], found["text"], found["many"].tolist()) == (1, b"a text", [1, 2])
    with pytest.raises(FormatError, match="neither plain numbers nor plain strings"):
        read_datasets(path, lambda *_: None, {}, most=9)
    with h5py.File(path, "w") as file:
        file["truths"] = np.array([True, False])
    with pytest.raises(FormatError, match="neither plain numbers nor plain strings"):
        read_datasets(path, lambda *_: None, {}, most=9, singles=True)
