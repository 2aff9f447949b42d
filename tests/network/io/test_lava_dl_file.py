"""lava-dl files: what is read, and one clear error for everything else."""

import h5py
import numpy as np
import pytest

from ipvae.errors import DescriptionError, FormatError
from ipvae.network.connections import Connection, Convolution, Dense
from ipvae.network.io.hdf5 import read_datasets
from ipvae.network.io.lava_dl_file import is_plain, read_plain
from ipvae.network.io.network_file import write_network
from ipvae.network.kinds import (
    ACCUMULATOR,
    CubaNeuron,
    DeltaNeuron,
    SigmaDeltaNeuron,
    SigmaNeuron,
)
from ipvae.network.network import Input, Layer, Network


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
    assert network.input == Input((2, 5, 4), CubaNeuron(25, 4096, 512), 36.0, 34.0)
    first, second, third = network.layers
    assert [layer.id for layer in network.layers] == ["1", "3", "4"]
    (conv,), (dense,) = first.connections, second.connections
    assert (conv.source, conv.delay, conv.exponent, dense.source) == ("0", 0, 0, "1")
    assert isinstance(conv.weights, Convolution) and isinstance(dense.weights, Dense)
    assert conv.weights.in_shape == (2, 5, 4) and first.shape == tuple(small[1]["shape"])
    assert (conv.weights.stride, conv.weights.padding) == ((2, 1), (1, 0))
    np.testing.assert_array_equal(conv.weights.weight, small[1]["weight"][..., 0])
    assert first.bias is not None and first.bias.tolist() == [1, -2, 3]
    assert first.neuron == CubaNeuron(40, 4096, 512)
    assert second.bias is None and third.neuron == ACCUMULATOR
    assert not conv.weights.weight.flags.writeable
    assert network.schedule.depth == 3 and not network.schedule.free_running
    assert network.n_neurons == 40 + first.n_neurons + 6 + 1


def test_an_input_without_a_transform_has_that_of_lava_dl(plain_nets, path, small):
    """64 of a pixel, the input's shift of 2^6, and no bias."""
    del small[0]["weight"], small[0]["bias"]
    entry = read_plain(plain_nets.write(path, small)).input
    assert (entry.weight, entry.bias) == (64.0, 0.0)


def test_sigma_delta_networks_are_read(plain_nets, path):
    p = plain_nets
    layers = [
        p.entry((4,), p.sdnn(3, activation="tanh")),  # neither of the two has one
        p.dense(np.eye(4), p.sdnn(7)),
        p.dense(np.ones((1, 4)), p.sdnn(sigma_output=True, activation="tanh")),
    ]
    network = read_plain(p.write(path, layers))
    assert network.schedule.free_running and network.input.neuron == DeltaNeuron(3)
    assert [layer.neuron for layer in network.layers] == [
        SigmaDeltaNeuron(7),
        SigmaNeuron(),
    ]


def test_recurrent_layers_delays_and_mixed_kinds_are_read(plain_nets, path):
    p = plain_nets
    own = np.array([[1, -2], [3, 4]])
    layers = [
        p.entry((4,)),
        p.dense(np.ones((2, 4)), p.cuba(), type="dense_rec", weight_rec=own.astype(np.float32)),
        p.dense(np.ones((3, 2)), p.sdnn(7), delay=np.array([0.0, 5.0, 62.0])),
        p.dense(np.ones((1, 3)), p.cuba(), delay=np.array([2.0])),
    ]
    first, second, third = read_plain(p.write(path, layers)).layers
    _, recurrent = first.connections
    assert (recurrent.source, recurrent.delay) == ("1", 1)
    np.testing.assert_array_equal(recurrent.weights.weight, own)
    (delayed,), (late,) = second.connections, third.connections
    np.testing.assert_array_equal(delayed.delay, [0, 5, 62])
    assert late.delay == 2
    assert [layer.neuron.name for layer in (first, second, third)] == [
        "CUBA",
        "sigma-delta",
        "CUBA",
    ]


def test_a_file_without_an_input_layer_takes_as_many_messages_as_it_has_weights_for(
    plain_nets, path
):
    network = read_plain(plain_nets.write(path, [plain_nets.dense(np.ones((2, 5)))]))
    assert network.input == Input((5,))


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
    "recurrent": (change(4, type="dense_rec"), "layer 4: dataset weight_rec is missing"),
    "recurrent weights": (
        change(4, type="dense_rec", weight_rec=np.ones((1, 2))),
        "layer 4: its connections have|layer 4: its weights receive 2 neurons, layer 4 has 1",
    ),
    "conv with delays": (change(1, delay=np.ones(3)), "has delays .*allowed in type 'dense' only"),
    "long delay": (change(3, delay=np.array([63.0])), r"layer 3: delay is 63, allowed 0\.\.62"),
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
        r"layer 1: kernelSize is \(3, 4\), its weights make \(3, \d\); export it again",
    ),
    "conv first": (lambda la: la.pop(0), "layer 0: type 'conv' behind no layer 'input'"),
    "empty": (lambda la: la.__delitem__(slice(1, None)), "holds no dense or convolutional layer"),
    "delay": (
        change(3, delay=np.array([0.0, 3.0])),
        r"delay has shape \(2,\), allowed one",
    ),
    "unknown dataset": (change(3, mask=1), "layer 3: dataset mask has no meaning in type 'dense'"),
    "complex": (change(3, **{"weight/real": 1}, weight=None), "complex weights"),
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
        "layer 3: its weights receive 7 neurons, layer 1 has 27",
    ),
    "shape": (
        change(1, shape=np.array([3, 9, 9])),
        r"layer 1: shape \(3, 9, 9\), its weights make",
    ),
    "input shape": (
        change(0, shape=np.array([2, 20])),
        r"layer 0: shape.* found \(2, 20\)",
    ),
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
    connections = (Connection("0", Dense(np.eye(2))),)
    with pytest.raises(DescriptionError, match="bias must be absent: sigma neurons have none"):
        Layer("1", SigmaNeuron(), connections, np.ones(2))
    with pytest.raises(DescriptionError, match="bias is 2048, allowed -2047..2047"):
        Layer("1", SigmaDeltaNeuron(1), connections, np.array([2048, 0]))


def test_a_network_without_layers_is_none():
    with pytest.raises(DescriptionError, match="holds no dense"):
        Network(Input((3,)), ())


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
    plain_nets.write(damaged, small)
    with h5py.File(damaged, "a") as file:
        file.create_group("layer/9")  # what lava-dl's KWTA layers write
    with pytest.raises(FormatError, match="/layer/9 is an empty group, a layer without data"):
        read_plain(damaged)
    with h5py.File(damaged, "w") as file:
        file["ipvae/x"] = [1]
        file["layer/0/type"] = b"input"
    with pytest.raises(FormatError, match="an ipvae network without its seal"):
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
