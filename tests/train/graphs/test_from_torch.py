# pyright: reportArgumentType=false
"""Modules of PyTorch read as graphs: equal outputs, folded normalization, refusals by name."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

import ipvae
from ipvae.errors import InputError
from ipvae.workflows.graphs.imported import load_graph

OUTPUT_BOUND = 1e-5
"""Relative difference of two float32 computations of sums of up to 200 terms."""


def normed(module, shape, seed=0):
    """A module whose running moments and factors are not the initial ones."""
    torch.manual_seed(seed)
    module.train()
    for _ in range(3):
        module(torch.randn(16, *shape) * 2 + 1)
    for part in module.modules():
        if isinstance(part, (nn.BatchNorm1d, nn.BatchNorm2d)):
            nn.init.uniform_(part.weight, 0.5, 2)
            nn.init.uniform_(part.bias, -1, 1)
    return module


def sequential():
    return nn.Sequential(
        nn.Conv2d(2, 4, 3, padding="same", bias=False),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.AvgPool2d(2, padding=1),
        nn.Conv2d(4, 6, 3, stride=2, groups=2, dilation=2, padding=(2, 1)),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(6, 5, bias=False),
        nn.BatchNorm1d(5),
        nn.Dropout(0.5),
        nn.ReLU(),
        nn.Identity(),
        nn.Linear(5, 3),
    )


class Skips(nn.Module):
    """Normalization first and after a ReLU, skip connections, functions, one ReLU used twice."""

    def __init__(self):
        super().__init__()
        self.first = nn.BatchNorm2d(2)
        self.a = nn.Conv2d(2, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.b = nn.Conv2d(4, 4, 3, padding=1)
        self.output = nn.ReLU()
        self.fc = nn.Linear(4 * 36, 3)

    def forward(self, x):
        y = self.norm(self.output(self.a(self.first(x))))
        z = self.output(self.b(y) + y)
        z = torch.relu(self.b(z) + y + z)
        return self.fc(nn.functional.dropout(z, 0.1, self.training).view(z.shape[0], -1))


@pytest.mark.parametrize("make", [sequential, Skips])
def test_graph_computes_the_outputs_of_the_module(make, tmp_path):
    module = normed(make(), (2, 6, 6))
    before = copy.deepcopy(module.state_dict())
    model = ipvae.import_torch(module, (2, 6, 6))
    assert module.training
    assert all((value == before[key]).all() for key, value in module.state_dict().items())
    images = np.random.default_rng(1).normal(size=(7, 2, 6, 6)).astype(np.float32)
    with torch.no_grad():
        wanted = module.eval()(torch.from_numpy(images)).numpy()
    found = model.run(images, steps=1).outputs[:, 0]
    assert np.abs(found - wanted).max() <= OUTPUT_BOUND * np.abs(wanted).max()
    read = load_graph(model.save(tmp_path / "run"))
    assert (read.run(images, steps=1).outputs[:, 0] == found).all()
    assert read.description() == model.description()


def test_normalization_is_folded_where_it_follows_weights():
    graph = ipvae.import_torch(normed(sequential(), (2, 6, 6)), (2, 6, 6)).model.graph
    assert {"1", "9", "10", "12"}.isdisjoint(graph.nodes)
    assert graph.nodes["0"].kind == "Conv2d" and graph.nodes["8"].kind == "Affine"


REFUSED = {
    "MaxPool2d": (nn.MaxPool2d(2), "module 1 .MaxPool2d.: .*AvgPool2d, or a Conv2d with a stride"),
    "GELU": (nn.GELU(), "module 1 .GELU.: .*use ReLU in its place"),
    "Softmax": (nn.Softmax(1), "does not change which output is largest, omit it"),
    "reflected": (nn.Conv2d(2, 2, 3, padding=1, padding_mode="reflect"), "'reflect', allowed"),
    "ceiled": (nn.AvgPool2d(4, ceil_mode=True), "ceil_mode"),
    "uneven": (nn.AdaptiveAvgPool2d(4), "allowed are equal windows"),
    "moments": (nn.BatchNorm2d(2, track_running_stats=False), "no running moments"),
    "LSTM": (nn.LSTM(6, 6), "module 1 .LSTM."),
    "unflattened": (nn.Linear(6, 2), "add a Flatten before it"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_modules_that_cannot_be_kept_are_refused_by_name(name):
    part, text = REFUSED[name]
    with pytest.raises(InputError, match=text):
        ipvae.import_torch(nn.Sequential(nn.ReLU(), part), (2, 6, 6))


class Conditional(nn.Module):
    def forward(self, x):
        return x if x.sum() > 0 else -x


class Scaled(nn.Module):
    def forward(self, x):
        return x * 2


class Doubled(nn.Module):
    def forward(self, x):
        return x + x


class Offset(nn.Module):
    def forward(self, x):
        return x + 1.0


@pytest.mark.parametrize(
    ("module", "text"),
    [
        (Conditional, "torch.fx cannot trace"),
        (Scaled, "mul"),
        (Doubled, "the same value twice"),
        (Offset, "a value that no node computes"),
    ],
)
def test_forwards_that_cannot_be_read_are_refused(module, text):
    with pytest.raises(InputError, match=text):
        ipvae.import_torch(module(), (2, 6, 6))


@pytest.mark.parametrize("shape", [(2, 6), (), "2x6x6", (0, 6, 6), (1.5, 2, 2)])
def test_shapes_of_images_are_checked(shape):
    with pytest.raises(InputError, match="input_shape: found"):
        ipvae.import_torch(nn.Sequential(nn.ReLU()), shape)
