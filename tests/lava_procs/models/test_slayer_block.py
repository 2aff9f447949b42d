"""lava-dl's own export writes the same dense_rec group as our writer."""

from typing import Any

import h5py
import numpy as np
import pytest

from ipvae.lava_procs.importing import import_lava_dl
from ipvae.network.io.fields import FIELDS_1 as FIELDS
from ipvae.network.io.network_file import write_network

pytestmark = pytest.mark.lava()


@pytest.fixture
def block_of():
    import_lava_dl()
    from ipvae.lava_procs.slayer_block import PoissonRecurrent

    return lambda network, **options: PoissonRecurrent(network.layer, **options)


def datasets(group):
    found = {}
    group.visititems(
        lambda name, item: found.update({name: item} if isinstance(item, h5py.Dataset) else {})
    )
    return found


@pytest.mark.parametrize("seed", range(3))
def test_inherited_export_writes_our_group_dataset_by_dataset(
    tmp_path, make_network, block_of, seed
):
    from lava.lib.dl.slayer.block import base

    network = make_network(seed=seed, weight_exp=[4, -3, 9][seed], drive_exp=[-9, 2, -12][seed])
    block = block_of(network)
    assert type(block).export_hdf5 is base.AbstractRecurrent.export_hdf5
    write_network(tmp_path / "ours.h5", network)
    with h5py.File(tmp_path / "theirs.h5", "w") as f:
        block.export_hdf5(f.create_group("layer/1"))
    with h5py.File(tmp_path / "ours.h5") as a, h5py.File(tmp_path / "theirs.h5") as b:
        ours, theirs = datasets(a["layer/1"]), datasets(b["layer/1"])
        assert set(theirs) == set(ours)
        for name, dataset in ours.items():
            assert theirs[name].dtype == dataset.dtype, name
            assert theirs[name].shape == dataset.shape, name
            np.testing.assert_array_equal(theirs[name][()], dataset[()], err_msg=name)


def test_export_keeps_16_fraction_bits(tmp_path, kinds, block_of):
    network = kinds.networks(0)["recurrent, 16 bits"]
    write_network(tmp_path / "ours.h5", network)
    with h5py.File(tmp_path / "theirs.h5", "w") as f:
        block_of(network).export_hdf5(f.create_group("layer/1"))
    with h5py.File(tmp_path / "ours.h5") as a, h5py.File(tmp_path / "theirs.h5") as b:
        ours, theirs = datasets(a["layer/1"]), datasets(b["layer/1"])
        assert set(theirs) == set(ours)
        for name, dataset in ours.items():
            np.testing.assert_array_equal(theirs[name][()], dataset[()], err_msg=name)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("errors", "weights from the image: none"),
        ("feed-forward", "receives layer 0"),
        ("one hidden", r"receives layer 1, with recurrent weights \(7, 8\)"),
        ("recurrent, added", "sign 1"),
        ("feed-forward, ceiling", "receives layer 0"),
    ],
)
def test_other_layers_are_refused(kinds, block_of, name, message):
    with pytest.raises(ValueError, match=message):
        block_of(kinds.networks(0)[name])


def test_lava_dl_walks_our_file(tmp_path, make_network):
    import_lava_dl()
    from lava.lib.dl.netx.utils import NetDict

    network = make_network()
    write_network(tmp_path / "net.h5", network)
    walked = NetDict(str(tmp_path / "net.h5"))
    layers = walked["layer"]
    assert len(layers) == 2
    assert layers[1]["type"] == "dense_rec"
    assert layers[1]["neuron"]["type"] == "POISSON"
    np.testing.assert_array_equal(layers[1]["weight_rec"], network.layer.weight_rec)
    np.testing.assert_array_equal(layers[1]["bias"], network.layer.bias)
    file: Any = walked.f
    file.close()


def test_exported_group_covers_our_table():
    names = [path for path in FIELDS if path.startswith("layer/1/")]
    assert len(names) == 17


def test_block_trains_and_stays_on_the_grid(make_network, block_of):
    import torch

    torch.manual_seed(0)
    torch.set_num_threads(1)
    network = make_network(k=4, m=3, weight_exp=2, u_init=np.full(4, -2000, np.int32))
    block = block_of(network, temperature=0.5, max_arrivals=32)
    x = torch.zeros(6, 3, 5)
    optimizer = torch.optim.Adam(block.parameters(), lr=0.02)
    losses = []
    for _ in range(30):
        loss = ((block(x).mean(dim=(0, 2)) - 0.5) ** 2).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert np.mean(losses[-5:]) < 0.5 * np.mean(losses[:5])
    integers = block.recurrent_synapse.pre_hook_fx(block.recurrent_synapse.weight, descale=True)
    assert integers.dtype == torch.int8


def test_mean_counts_of_the_block_follow_the_integers(make_network, block_of):
    """Without inhibition and drive the mean count is the rate; bound: 5 standard errors."""
    import torch

    torch.manual_seed(1)
    network = make_network(
        k=2,
        m=3,
        weight_rec=np.zeros((2, 2), np.int8),
        self_weight=np.zeros(2, np.int32),
        bias=np.zeros(2, np.int32),
        u_init=np.array([0, 4096], np.int32),
    )
    counts = block_of(network, temperature=0.01)(torch.zeros(2000, 3, 1))[..., 0]
    for mean, rate in zip(counts.mean(dim=0).tolist(), (1.0, 2.0), strict=True):
        assert abs(mean - rate) < 5 * (rate / 2000) ** 0.5 + 0.01
