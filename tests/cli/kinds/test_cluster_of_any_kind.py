"""Runs of networks of any kind in shards on a Dask cluster: the numbers of one process."""

import importlib.util
import json

import numpy as np
import pytest

from ipvae.network.connections import Connection, Dense
from ipvae.network.conversion.from_dense import as_network
from ipvae.network.kinds import CubaNeuron, SigmaDeltaNeuron
from ipvae.network.network import Input, Layer, Network
from ipvae.workflows import cluster as scale
from ipvae.workflows.running import network_shards as sharding

IMAGES = 2 * scale.IMAGES + 5

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("distributed") is None, reason=f"needs Dask: {scale.INSTALL}"
)


@pytest.fixture(scope="module")
def cluster():
    with scale.local_cluster(2) as started:
        yield started


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A network with delays in a file, images of several frames, and their classes."""
    home, rng = tmp_path_factory.mktemp("shards"), np.random.default_rng(4)
    first = Connection("0", Dense(rng.integers(-9, 20, (7, 6))), 0, 2)
    layers = (
        Layer("1", CubaNeuron(8, 900, 300), (first,)),
        Layer("2", SigmaDeltaNeuron(0), (Connection("1", Dense(rng.integers(-9, 20, (3, 7))), 6),)),
    )
    entry = Input((6,), CubaNeuron(40, 4096, 200), weight=30.0)
    Network(entry, layers).save(home / "net.h5")
    np.save(home / "x.npy", rng.integers(0, 60, (IMAGES, 8, 6)))
    np.save(home / "y.npy", rng.integers(0, 3, IMAGES))
    return home


@pytest.mark.parametrize(
    "words", ["evaluate --steps 3,8", "compare --steps 3,8", "report --steps 8"]
)
@pytest.mark.usefixtures("without_page")
def test_shards_give_the_same_numbers(command, folder, cluster, tmp_path, monkeypatch, words):
    name, *more = words.split()
    given = (name, folder / "net.h5", "--images", folder / "x.npy", "--labels", folder / "y.npy")
    more += ["--samples", IMAGES, "--json", "-"]
    more += [] if name == "evaluate" else ["--out", tmp_path / "out"]
    status, expected, _ = command(*given, *more)
    assert status == 0
    shards, on_shards = [], scale.on_shards

    def seen(act, images, *others):
        shards.extend(len(shard.pixels) for shard in scale.shards_of(images))
        return on_shards(act, images, *others)

    monkeypatch.setattr(scale, "on_shards", seen)
    status, found, err = command(*given, *more, "--scheduler", cluster.scheduler_address)
    assert status == 0, err
    assert shards == [scale.IMAGES, scale.IMAGES, 5]
    for result in (expected, found):
        result.get("run", {}).pop("command", None)
    assert json.dumps(found) == json.dumps(expected)


def test_totals_of_every_layer_are_the_same_to_the_bit(folder, cluster):
    from ipvae.network.io.network_file import read_network

    network = read_network(folder / "net.h5")
    frames = np.load(folder / "x.npy").astype(np.int32)
    here = sharding.totals_at(network, frames, (2, 8), "none")
    there = sharding.totals_at(network, frames, (2, 8), cluster.scheduler_address)
    assert here.keys() == there.keys() == {2, 8}
    for step, totals in here.items():
        for name, sums in totals.layers.items():
            for field, value in vars(sums).items():
                np.testing.assert_array_equal(value, getattr(there[step].layers[name], field))
        for field in ("images", "steps", "outputs", "last", "potentials"):
            np.testing.assert_array_equal(getattr(totals, field), getattr(there[step], field))
    assert here[8].layers["2"].messages.sum() > 100


def test_neurons_that_draw_draw_the_same_in_shards(make_network, cluster):
    """Draws depend on the number of an image in the run, not in its shard."""
    network = as_network(make_network(n_images=1))
    rng = np.random.default_rng(5)
    low, high = network.input.value_range
    size = network.input.size
    frames = rng.integers(max(low, 0), min(high, 255) + 1, (IMAGES, 1, size)).astype(np.int32)
    here = sharding.totals_at(network, frames, (6,), None, seed=3)[6]
    there = sharding.totals_at(network, frames, (6,), cluster.scheduler_address, seed=3)[6]
    np.testing.assert_array_equal(here.outputs, there.outputs)
    np.testing.assert_array_equal(here.last, there.last)
    assert len(np.unique(here.outputs)) > 5


def test_a_wrong_address_is_one_line(command, folder):
    words = ("evaluate", folder / "net.h5", "--images", folder / "x.npy", "--steps", 2)
    status, out, err = command(*words, "--scheduler", "nowhere")
    assert (status, out) == (2, "") and "no Dask scheduler answers at 'nowhere'" in err
