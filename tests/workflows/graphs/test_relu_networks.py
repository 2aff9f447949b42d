# pyright: reportAttributeAccessIssue=false, reportOptionalMemberAccess=false, reportCallIssue=false
# pyright: reportArgumentType=false, reportOptionalSubscript=false, reportOptionalOperand=false
"""ReLU networks as sigma-delta networks: bounds that hold, accuracy kept, bits equal on Lava."""

import functools

import numpy as np
import pytest
import torch
from torch import nn

import ipvae
from ipvae.errors import InputError, LossError, QuantizationError
from ipvae.export.sigma_delta.scales import MOST_UNITS
from ipvae.network.kinds import DeltaNeuron, SigmaDeltaNeuron

FLOAT_BOUND = 1e-5
"""Rounding of the float32 run, relative to the largest activation: sums of up to 200 terms."""
MOST_LOSS = 0.01
"""Accuracy that may be lost at the threshold THRESHOLD."""
THRESHOLD = 0.05


class Skip(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv2d(2, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)
        self.norm, self.pool = nn.BatchNorm2d(4), nn.AvgPool2d(2)
        self.fc = nn.Linear(36, 5)

    def forward(self, x):
        y = torch.relu(self.norm(self.a(x)))
        z = torch.relu(self.b(y) + y)
        return self.fc(torch.flatten(self.pool(z), 1))


def dense():
    return nn.Sequential(
        nn.Flatten(), nn.Linear(72, 20), nn.ReLU(), nn.Linear(20, 12), nn.ReLU(), nn.Linear(12, 5)
    )


def last_relu():
    return nn.Sequential(nn.Conv2d(2, 3, 3, stride=2), nn.ReLU(), nn.Flatten())


MODULES = {"dense": dense, "skip": Skip, "last": last_relu}


@functools.cache
def imported(name):
    torch.manual_seed(3)
    module = MODULES[name]()
    module.train()
    module(torch.rand(16, 2, 6, 6))
    return ipvae.import_torch(module, (2, 6, 6))


def pictures(n, frames, seed):
    """Random images, or frames that change by jumps and by noise."""
    rng = np.random.default_rng(seed)
    first = rng.random((n, 1, 2, 6, 6)) * rng.random((n, 1, 1, 1, 1))
    found = np.clip(first + rng.normal(0, 0.1, (n, frames, 2, 6, 6)), 0, 1)
    found[:, frames // 2 :] = 1 - found[:, frames // 2 :] if frames > 1 else found[:, :1]
    return found.astype(np.float32)[:, 0 if frames == 1 else slice(None)]


@pytest.mark.parametrize("frames", [1, 7])
@pytest.mark.parametrize("bits", [8, 6, 4])
@pytest.mark.parametrize("threshold", [0, 0.01, 0.2])
@pytest.mark.parametrize("name", MODULES)
def test_no_input_exceeds_the_bound(name, threshold, bits, frames):
    """Images of the calibration and others, extremes included; each row, each neuron."""
    model = imported(name)
    made = ipvae.quantize(model, pictures(8, frames, 0), weight_bits=bits, threshold=threshold)
    for one in made.comparison.layers:
        assert one.measured <= one.bound_here + FLOAT_BOUND * one.largest
        assert one.bound_here <= one.bound
    others = pictures(8, frames, 1)
    others[0], others[1] = 0, 1
    others[2] = others[2] > 0.5
    others *= made.network.input.pixels.maximum * made.network.input.pixels.scale
    run = ipvae.run(made.network, others, steps=max(frames, 2), record="all")
    assert not any(sum(of.limits.values()) for of in run.network_totals.layers.values())
    real = model.run(others, steps=max(frames, 2))
    for one, facts in zip(made.comparison.layers, made.layers, strict=True):
        wanted = real.sent.get(one.node, real.outputs)
        wanted = wanted.reshape(*wanted.shape[:2], -1)
        found = run.trace.stacked(one.layer, "reference") * (facts["unit"] / 2**12)
        assert np.abs(found - wanted).max() <= one.bound + FLOAT_BOUND * np.abs(wanted).max()
        assert facts["difference"]["bound"] == one.bound


def test_bound_is_reached_where_it_can_be():
    """One weight on the grid, one threshold: what is kept back is up to the threshold."""
    module = nn.Sequential(nn.Linear(1, 1, bias=False), nn.ReLU(), nn.Linear(1, 1, bias=False))
    nn.init.ones_(module[0].weight)
    nn.init.ones_(module[2].weight)
    model = ipvae.import_torch(module, (1,))
    frames = np.array([[[100.0], [104.0], [108.0], [112.0], [90.0], [89.0]]])
    made = ipvae.quantize(model, frames, threshold={"1": 0.1})
    (first, last), (facts, _) = made.comparison.layers, made.layers
    kept = facts["threshold_real"]
    assert first.measured <= 1e-3 and 0.05 * 112 <= kept <= 0.15 * 112
    assert kept / 3 < last.measured <= last.bound < 1.2 * kept


@functools.cache
def trained(name):
    """A network for digits and its test images: float32, labels."""
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    shape = (64,) if name == "mlp" else (1, 8, 8)
    images = images.reshape(-1, *shape).astype(np.float32)
    torch.manual_seed(0)
    mlp = [nn.Linear(64, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Dropout(0.2), nn.Linear(64, 32)]
    cnn = [nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.AvgPool2d(2)]
    cnn += [nn.Conv2d(8, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.AvgPool2d(2)]
    mlp += [nn.ReLU(), nn.Linear(32, 10)]
    cnn += [nn.Flatten(), nn.Linear(64, 10)]
    net = nn.Sequential(*(mlp if name == "mlp" else cnn))
    optimizer = torch.optim.Adam(net.parameters(), 5e-3)
    x, y = torch.from_numpy(images), torch.from_numpy(labels)
    for _ in range(12):
        for chosen in torch.randperm(1500).split(50):
            optimizer.zero_grad()
            nn.functional.cross_entropy(net(x[chosen]), y[chosen]).backward()
            optimizer.step()
    return ipvae.import_torch(net, shape), images[1500:], labels[1500:]


@pytest.mark.parametrize("bits", [8, 6])
@pytest.mark.parametrize("name", ["mlp", "cnn"])
def test_at_most_a_point_of_accuracy_is_lost_at_the_threshold(name, bits):
    model, images, labels = trained(name)
    made = ipvae.quantize(
        model, images, labels, weight_bits=bits, threshold=THRESHOLD, most_loss=MOST_LOSS
    )
    assert made.comparison.real_accuracy >= 0.88
    assert made.comparison.loss <= MOST_LOSS and made.check.ok


def test_operations_fall_with_the_threshold():
    model, images, labels = trained("cnn")
    noise = np.random.default_rng(0).normal(0, 1, (64, 6, 1, 8, 8))
    frames = np.clip(np.rint(images[:64, None] + noise), 0, 16)
    found = [
        ipvae.quantize(model, frames, labels[:64], threshold=at, most_loss=1).comparison
        for at in (0, 0.05, 0.1)
    ]
    operations = [one.synaptic_ops for one in found]
    assert operations == sorted(operations, reverse=True) and operations[-1] < operations[0] / 2
    assert operations[1] < found[1].macs / 3


@pytest.mark.lava
@pytest.mark.parametrize("name", [*MODULES, "cnn"])
def test_lava_computes_the_same_bits(name):
    frames = pictures(2, 4, 2)
    model = imported(name) if name in MODULES else trained(name)[0]
    if name == "cnn":
        frames = np.rint(16 * pictures(2, 4, 2)[..., :1, :, :].repeat(2, -1).repeat(2, -2))
        frames = frames[..., :8, :8]
    network = ipvae.quantize(model, frames, weight_bits=5, threshold=0.1).network
    verified = ipvae.verify(network, frames, steps=4, backends=("emulator", "lava"))
    assert verified.bit_exact, verified.first_divergence


def test_the_class_counts_biases_where_all_outputs_are_negative():
    """The sum of a last layer without activation has no bias, its value does."""
    module = nn.Sequential(nn.Linear(2, 2))
    with torch.no_grad():
        module[0].weight.copy_(torch.tensor([[-1.0, 0.0], [0.0, -1.0]]))
        module[0].bias.copy_(torch.tensor([-9.0, -1.0]))
    images = np.array([[3.0, 4.0], [1.0, 12.0], [2.0, 2.0]])
    made = ipvae.quantize(ipvae.import_torch(module, (2,)), images, np.array([1, 0, 1]))
    assert made.comparison.integer_accuracy == 1.0


def test_few_bits_keep_few_levels():
    made = ipvae.quantize(imported("skip"), pictures(8, 1, 0), weight_bits=4)
    assert isinstance(made.network.input.neuron, DeltaNeuron)
    for layer in made.network.layers:
        assert isinstance(layer.neuron, SigmaDeltaNeuron)
        for connection in layer.connections:
            levels = np.unique(connection.weights.weight)
            assert len(levels) <= 15
            assert np.gcd.reduce(levels) * 7 >= np.abs(levels).max()
    values = [one["difference"]["largest"] / one["unit"] for one in made.layers]
    assert all(value <= MOST_UNITS + 1 for value in values)


def test_wrong_arguments_are_refused():
    model, images = imported("dense"), pictures(4, 1, 0)
    with pytest.raises(InputError, match="threshold: found node 'x', allowed input, 2, 4"):
        ipvae.quantize(model, images, threshold={"x": 0.1})
    with pytest.raises(InputError, match="found 1.5 for node 'input', allowed is a fraction"):
        ipvae.quantize(model, images, threshold=1.5)
    with pytest.raises(QuantizationError, match="weight_bits: found 3, allowed 4 to 8"):
        ipvae.quantize(model, images, weight_bits=3)
    with pytest.raises(InputError, match="seed: found for a network of another tool"):
        ipvae.quantize(model, images, seed=3)
    with pytest.raises(InputError, match="lava-dl's layout cannot hold"):
        ipvae.quantize(model, images).save("x.net")
    with pytest.raises(InputError, match="one for each node, allowed is a number for LCA"):
        ipvae.quantize("patches", inference="lca", threshold={"a": 1.0})
    digits, pixels, labels = trained("mlp")
    with pytest.raises(LossError, match="a lower threshold"):
        ipvae.quantize(digits, pixels, labels, weight_bits=4, threshold=0.7)
