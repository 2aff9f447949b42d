"""lava-dl's networks on Lava: golden outputs, an oracle, netx, repairs, state."""

import warnings
from typing import Any

import numpy as np
import pytest

from ipvae.lava_procs import network_run
from ipvae.lava_procs.importing import import_lava
from ipvae.lava_procs.network_run import run_network
from ipvae.network.io.lava_dl_file import read_plain
from ipvae.network.rules.input_messages import messages

pytestmark = pytest.mark.lava()


@pytest.fixture(scope="module", autouse=True)
def _lava():
    import_lava()


def golden(plain_nets, name):
    """A golden array of lava-dl's wheel, (W, H, C, T) or (n, T), as (T, n) in (C, H, W) order."""
    array = np.load(plain_nets.wheel_folder() / "gts" / name)
    return array.T.reshape(array.shape[-1], -1).astype(np.int64)


def image(plain_nets, name):
    array = np.load(plain_nets.wheel_folder() / "gts" / name)
    return array.reshape(array.shape[:3]).T.reshape(1, -1).astype(np.int64)


def test_tinynet_equals_lava_dls_golden_outputs_in_every_layer(plain_nets):
    folder = plain_nets.wheel_folder()
    network = read_plain(folder / "tiny.net")
    sent = messages(network.input, image(plain_nets, "tinynet/input_bias.npy"), 15)

    def slayer(name):  # (1, C, H, W, T), one step late
        return np.load(folder / "gts/tinynet" / name)[0][..., 1:].reshape(-1, 15).T

    np.testing.assert_array_equal(sent, slayer("input.npy"))
    (record,) = run_network(network, [sent], 15, 1)
    np.testing.assert_array_equal(record["1"]["z"], slayer("layer1.npy"))
    np.testing.assert_array_equal(record["2"]["z"], slayer("output.npy"))
    assert record["2"]["z"].sum() == 92


@pytest.mark.parametrize(
    ("n_steps", "stock"),
    [
        *((3, False), (2, True)),
        *(pytest.param(16, stock, marks=pytest.mark.long) for stock in (False, True)),
    ],
)
def test_pilotnet_lif_equals_lava_dls_golden_outputs_in_every_layer(plain_nets, n_steps, stock):
    """The golden arrays are aligned to the chip: layer l has its first row at l."""
    network = read_plain(plain_nets.wheel_folder() / "gts/pilotnet_lif/network.net")
    sent = messages(network.input, image(plain_nets, "pilotnet_lif/image.npy"), n_steps)
    np.testing.assert_array_equal(sent, golden(plain_nets, "pilotnet_lif/input-s.npy")[:n_steps])
    (record,) = run_network(network, [sent], n_steps, 1, stock=stock)
    names = [f"conv-{i}" for i in range(5)] + [f"fc-{i}" for i in range(3)] + ["fc-3-s"]
    assert len(names) == len(record)
    for depth, (name, found) in enumerate(zip(names, record.values(), strict=True), 1):
        expected = golden(plain_nets, f"pilotnet_lif/{name}.npy")[depth : depth + n_steps]
        np.testing.assert_array_equal(found["z"][: len(expected)], expected, err_msg=name)
    assert record["1"]["z"].sum() > 5000


@pytest.mark.parametrize("stock", [False, True])
def test_pilotnet_sdnn_equals_lava_dls_golden_outputs(plain_nets, stock):
    network = read_plain(plain_nets.wheel_folder() / "gts/pilotnet_sdnn/network.net")
    sent = messages(network.input, image(plain_nets, "pilotnet_sdnn/input.npy"), 1)
    first = golden(plain_nets, "pilotnet_sdnn/act0.npy")
    np.testing.assert_array_equal(sent, first[:1])
    (record,) = run_network(network, [sent], 1, 1, stock=stock)
    expected = golden(plain_nets, "pilotnet_sdnn/output.npy")
    assert record["9"]["z"].shape == (9, 1)
    np.testing.assert_array_equal(record["9"]["z"], expected)


def test_mnist_net_equals_netx_alone(plain_nets, netx_reading):
    """lava-dl brings no outputs for it: netx as it stands, with Lava's own source and sinks."""
    from lava.lib.dl.netx.hdf5 import Network
    from lava.magma.core.run_conditions import RunSteps
    from lava.magma.core.run_configs import Loihi2SimCfg
    from lava.proc.io.sink import RingBuffer as Sink
    from lava.proc.io.source import RingBuffer as Source

    path, n_steps = plain_nets.wheel_folder() / "mnist.net", 20
    network = read_plain(path)
    currents = np.random.default_rng(3).integers(-20, 60, (1, 784))
    sent = messages(network.input, currents, n_steps)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        net: Any = Network(str(path), skip_layers=1)
    sinks = [Sink(shape=layer.out.shape, buffer=n_steps + 3) for layer in net.layers]
    source = Source(data=np.concatenate([sent, np.zeros((3, 784), np.int32)]).T)
    source.s_out.connect(net.inp)
    for layer, sink in zip(net.layers, sinks, strict=True):
        layer.out.connect(sink.a_in)
    net.run(RunSteps(n_steps + 3), run_cfg=Loihi2SimCfg(select_tag="fixed_pt"))
    expected = [sink.data.get().T for sink in sinks]
    net.stop()
    net.net_config.f.close()
    (record,) = run_network(network, [sent], n_steps, 1)
    for depth, (found, netx) in enumerate(zip(record.values(), expected, strict=True), 1):
        np.testing.assert_array_equal(found["z"], netx[depth : depth + n_steps])
    assert [int(of["z"].sum()) > 100 for of in record.values()] == [True, True, False]


@pytest.mark.parametrize("family", ["CUBA", "SDNN"])
@pytest.mark.parametrize(
    ("seed", "stock"),
    [
        *((0, False), (0, True), (1, False)),
        pytest.param(1, True, marks=pytest.mark.long),
        *(
            pytest.param(seed, stock, marks=pytest.mark.long)
            for seed in range(2, 8)
            for stock in (False, True)
        ),
    ],
)
def test_random_networks_equal_the_oracle_at_every_step(
    make_plain, plain_nets, family, seed, stock
):
    rng = np.random.default_rng(seed)
    layers = plain_nets.random_layers(rng, family)
    n_steps, n_inputs = int(rng.integers(1, 9)), int(np.prod(layers[0]["shape"]))
    top = 2 if family == "CUBA" else 4000
    samples = rng.integers(0, top, (3, n_steps, n_inputs)).astype(np.int32)
    found = list(run_network(make_plain(layers), samples, n_steps, 3, stock=stock))
    active = set()
    for sample, record in zip(samples, found, strict=True):
        expected = plain_nets.windows(layers, plain_nets.simulate(layers, sample), n_steps)
        assert record.keys() == expected.keys()
        for name, messages_of_layer in expected.items():
            np.testing.assert_array_equal(record[name]["z"], messages_of_layer, err_msg=name)
            active |= {name} if messages_of_layer.any() else set()
    assert {"1", "2"} <= active


def test_our_convolution_equals_lavas_where_sums_leave_24_bits(make_plain, plain_nets, rng):
    kernel = rng.integers(-128, 128, (4, 2, 3, 2))
    options = {"stride": (2, 1), "padding": (1, 2), "dilation": (2, 1), "groups": 2}
    layer = plain_nets.conv(kernel, (4, 9, 7), plain_nets.sdnn(sigma_output=True), **options)
    network = make_plain([plain_nets.entry((4, 9, 7)), layer])
    sample = rng.choice([-32768, 32767], (3, network.input.size)).astype(np.int32)
    (ours,) = run_network(network, [sample], 3, 1)
    (lavas,) = run_network(network, [sample], 3, 1, stock=True)
    np.testing.assert_array_equal(ours["1"]["z"], lavas["1"]["z"])
    exact = plain_nets.simulate([plain_nets.entry((4, 9, 7)), layer], sample)["1"]
    assert not np.array_equal(exact, ours["1"]["z"])  # Lava wraps a sum of more than 24 bits


@pytest.mark.parametrize(("family", "top"), [("CUBA", 2), ("SDNN", 4000)])
def test_samples_do_not_depend_on_what_ran_before(make_plain, plain_nets, rng, family, top):
    network = make_plain(plain_nets.random_layers(rng, family))
    samples = rng.integers(0, top, (3, 4, network.input.size)).astype(np.int32)
    forward = list(run_network(network, samples, 4, 3))
    backward = list(run_network(network, samples[::-1], 4, 3))[::-1]
    for one, other in zip(forward, backward, strict=True):
        for name, messages_of_layer in one.items():
            np.testing.assert_array_equal(messages_of_layer["z"], other[name]["z"])


def netx_answer(network, netx_reading, tmp_path, monkeypatch, sample):
    """What netx's own dense block makes of the same network."""
    from ipvae.lava_procs.procs.network import process

    with monkeypatch.context() as patched:
        patched.setattr(process, "LavaNetwork", netx_reading.builder(tmp_path))
        (record,) = run_network(network, [sample], len(sample), 1)
    return record["1"]["z"]


@pytest.mark.parametrize(
    ("weight", "without"),
    [
        ([[0, 0], [0, 0]], OverflowError),
        ([[0, -4], [-8, 0]], [[-4, -6], [-20, -36]]),
        ([[-256, -254], [-2, -4]], [[-508, -6], [-2794, -32]]),
        ([[254, -256], [2, 0]], None),
        ([[127, -128], [1, -1]], None),
        *(
            pytest.param(*case, marks=pytest.mark.long)
            for case in (
                ([[-64, 0], [-1, 0]], [[-64, -1], [-382, -6]]),
                ([[-128, -128], [-128, -128]], [[0, 0], [0, 0]]),
                ([[-255, -1], [-3, -5]], None),
                ([[255, 1], [3, 5]], None),
            )
        ),
    ],
)
def test_dense_layers_multiply_exactly_where_netx_does_not(
    make_plain, plain_nets, netx_reading, tmp_path, monkeypatch, weight, without
):
    """Sums of messages; `without` is what netx's own block makes of them, None if right."""
    layers = [plain_nets.entry((2,)), plain_nets.dense(weight, plain_nets.sdnn(sigma_output=True))]
    network = make_plain(layers)
    sample = np.array([[1, 1], [5, 4]], np.int32)
    expected = np.cumsum(sample @ np.array(weight).T, axis=0).tolist()
    (record,) = run_network(network, [sample], 2, 1)
    assert record["1"]["z"][1:].tolist() == expected
    asked = (network, netx_reading, tmp_path, monkeypatch, sample)
    if without is OverflowError:
        with pytest.raises(OverflowError):
            netx_answer(*asked)
    else:
        assert netx_answer(*asked)[1:].tolist() == (without or expected)
        assert without != expected


def test_graded_messages_into_a_dense_layer_would_become_true_or_false(
    make_plain, plain_nets, monkeypatch
):
    from lava.proc.dense.models import PyDenseModelBitAcc

    from ipvae.lava_procs.models import integer_synapses as models

    layers = [
        plain_nets.entry((2,)),
        plain_nets.dense([[1, 2]], plain_nets.sdnn(sigma_output=True)),
    ]
    network, sample = make_plain(layers), np.array([[7, 0], [0, -9]], np.int32)
    (record,) = run_network(network, [sample], 2, 1)
    assert record["1"]["z"].tolist() == [[0], [7], [-11]]
    monkeypatch.setattr(models, "PyIntegerDense", PyDenseModelBitAcc)
    (record,) = run_network(network, [sample], 2, 1)
    assert record["1"]["z"].tolist() == [[0], [1], [3]]


def test_small_pipes_change_nothing(make_plain, plain_nets, monkeypatch, rng):
    network = make_plain(plain_nets.random_layers(rng, "CUBA"))
    samples = rng.integers(0, 2, (4, 3, network.input.size)).astype(np.int32)
    expected = list(run_network(network, samples, 3, 4))
    monkeypatch.setattr(network_run, "PIPE_MESSAGES", 1)
    for one, other in zip(expected, run_network(network, samples, 3, 4), strict=True):
        for name, messages_of_layer in one.items():
            np.testing.assert_array_equal(messages_of_layer["z"], other[name]["z"])
