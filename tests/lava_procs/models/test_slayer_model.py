"""The Poisson block inside a lava-dl model: trained with it, exported with it, run bit for bit."""

from dataclasses import replace
from typing import Any

import h5py
import numpy as np
import pytest

from ipvae.emulator import recording
from ipvae.lava_procs.importing import import_lava_dl
from ipvae.lava_procs.runner import run
from ipvae.network.io.network_file import write_network
from ipvae.network.traces.trace import compare

pytestmark = pytest.mark.lava()

STEPS, CLASSES = 8, 2
CUBA = {
    "threshold": 1.0,
    "current_decay": 1.0,
    "voltage_decay": 0.2,
    "scale_grad": 1.0,
    "requires_grad": False,
}


@pytest.fixture
def model(make_network):
    """A lava-dl model as its tutorials write them: blocks in a list, one after another."""
    import_lava_dl()
    import torch
    from lava.lib.dl import slayer

    from ipvae.lava_procs.slayer_block import PoissonRecurrent

    network = make_network(
        k=12, m=6, weight_exp=2, payload_bits=6, u_init=np.full(12, -4000, np.int32)
    )

    class Model(torch.nn.Module):
        def __init__(self):
            super().__init__()
            cuba: Any = slayer.block.cuba.Dense
            self.network = network
            self.blocks = torch.nn.ModuleList(
                [
                    PoissonRecurrent(network.layer, temperature=0.5, max_arrivals=32),
                    cuba(CUBA, 12, CLASSES, weight_scale=4),
                ]
            )

        def forward(self, x):
            for block in self.blocks:
                x = block(x)
            return x

        def export_hdf5(self, path):
            with h5py.File(path, "w") as f:
                layers = f.create_group("layer")
                for number, block in enumerate(self.blocks, start=1):
                    block.export_hdf5(layers.create_group(str(number)))  # pyright: ignore

    torch.manual_seed(0)
    torch.set_num_threads(1)
    return Model()


def train(model, rng):
    """Two classes of images; losses of each pass."""
    import torch

    labels = torch.arange(16) % CLASSES
    pixels = torch.from_numpy(rng.integers(0, 60, (16, 6, 1)).astype(np.float32))
    pixels[labels == 1, :3] += 150
    pixels[labels == 0, 3:] += 150
    x = pixels.expand(-1, -1, STEPS)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    losses = []
    for _ in range(40):
        rates = model(x).mean(dim=-1)
        loss = torch.nn.functional.cross_entropy(4 * rates, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def test_a_lava_dl_model_trains_through_the_block_and_exports_it(tmp_path, model, rng):
    poisson = model.blocks[0]
    before = {name: value.detach().clone() for name, value in poisson.named_parameters()}
    losses = train(model, rng)
    assert np.mean(losses[-5:]) < 0.8 * np.mean(losses[:5])
    changed = {n for n, value in poisson.named_parameters() if (value != before[n]).any()}
    assert changed >= {"neuron.bias", "input_synapse.weight", "recurrent_synapse.weight"}
    model.export_hdf5(tmp_path / "model.net")
    with h5py.File(tmp_path / "model.net") as f:
        group: Any = f["layer/1"]
        assert group["type"][()][0] == b"dense_rec" and group["neuron/type"][()][0] == b"POISSON"
        assert f["layer/2/neuron/type"][()] == b"CUBA"  # type: ignore[index]
        layer = replace(
            model.network.layer,
            weight=group["weight"][()],
            weight_rec=group["weight_rec"][()],
            bias=group["bias"][()],
            u_init=group["neuron/uInit"][()],
            self_weight=group["neuron/selfWeight"][()],
        )
    trained = replace(model.network, layer=layer)
    assert (layer.weight_rec != model.network.layer.weight_rec).any()
    write_network(tmp_path / "net.h5", trained)
    expected = recording.run(trained, trained.test_images, STEPS, 1)
    found = run(trained, trained.test_images, STEPS, 1)
    comparison = compare(expected, found)
    assert comparison.first_divergence is None
    assert expected.stacked("1", "z").any()
