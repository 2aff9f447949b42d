# pyright: reportAttributeAccessIssue=false, reportOptionalMemberAccess=false
# pyright: reportOptionalSubscript=false, reportArgumentType=false
"""Decoder of a network of maps: its images, its datasets (version 3.1), its refusals."""

from dataclasses import replace
from typing import Any

import h5py
import numpy as np
import pytest

import ipvae
from ipvae.errors import DescriptionError, FormatError
from ipvae.network.connections import Connection, Convolution, Drive
from ipvae.network.convolutional.decoder import Decoder
from ipvae.network.io import network_file
from ipvae.network.io.decoder_fields import DECODER
from ipvae.network.kinds import PoissonNeuron
from ipvae.network.network import Input, Layer, Network, Pixels

IMAGE, STRIDE, CROP = (2, 9, 8), (3, 2), (2, 1)


@pytest.fixture(scope="module")
def network():
    """Three maps of 4 x 4 places, driven by kernels of 4 x 3."""
    rng = np.random.default_rng(0)
    seen = Convolution(rng.integers(-300, 300, (3, 2, 4, 3)), IMAGE, STRIDE, (2, 1))
    loop = Convolution(rng.integers(-9, 30, (3, 3, 3, 3)), seen.shape, padding=(1, 1))
    neuron = PoissonNeuron(-(2**15), 2**15, weight_exp=3)
    layer = Layer("1", neuron, (Connection("1", loop, delay=1),), drive=Drive(seen, -4))
    decoder = Decoder("1", rng.normal(size=(3, 2, 4, 3)), STRIDE, CROP)
    entry = Input(IMAGE, graded=True, pixels=Pixels(0, 255, 1 / 255))
    images = rng.integers(0, 256, (2, int(np.prod(IMAGE))))
    return Network(entry, (layer,), images, decoder=decoder)


def test_each_count_adds_its_kernel_at_its_place(network):
    maps, decoder = network.layers[0].shape, network.decoder
    assert maps == (3, 4, 4)
    counts = np.random.default_rng(1).integers(0, 5, (2, *maps))
    canvas = np.zeros((2, 2, 13, 9))
    for n, m, y, x in np.ndindex(counts.shape):
        kernel = counts[n, m, y, x] * decoder.weight[m].astype(np.float64)
        canvas[n, :, 3 * y : 3 * y + 4, 2 * x : 2 * x + 3] += kernel
    expected = canvas[:, :, 2:11, 1:9].reshape(2, -1)
    found = decoder.images(counts.reshape(2, -1), maps, IMAGE)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


def test_a_decoder_is_written_and_read_as_minor_version_1(network, tmp_path, monkeypatch):
    network.save(tmp_path / "n.h5")
    monkeypatch.setattr(network_file, "_written", set())  # read as a foreign file
    found: Any = ipvae.load_network(tmp_path / "n.h5")
    assert network_file.checksum(found) == network_file.checksum(network)
    np.testing.assert_array_equal(found.decoder.weight, network.decoder.weight)
    assert (found.decoder.stride, found.decoder.crop) == (STRIDE, CROP)
    with h5py.File(tmp_path / "n.h5") as file:
        assert file["ipvae"].attrs["format_minor"] == 1
        assert all(path in file for path in DECODER)


def test_a_network_without_a_decoder_is_of_version_3_0(network, tmp_path):
    bare = replace(network, decoder=None)
    bare.save(tmp_path / "n.h5")
    with h5py.File(tmp_path / "n.h5") as file:
        assert "format_minor" not in file["ipvae"].attrs
        assert "ipvae/decoder" not in file
    found: Any = ipvae.load_network(tmp_path / "n.h5")
    assert found.decoder is None
    assert network_file.checksum(bare) != network_file.checksum(network)


def test_a_changed_decoder_judges_and_does_not_run(network):
    other = replace(network, decoder=replace(network.decoder, weight=2 * network.decoder.weight))
    found = ipvae.diff(network, other)
    assert not found.same and found.runs_alike
    assert [d.name for d in found.differences] == ["decoder"]


@pytest.mark.parametrize("path", DECODER)
def test_a_file_without_a_dataset_of_its_decoder_is_refused(network, tmp_path, path):
    fields = network_file.to_fields(network, 3)
    del fields[path]
    network_file.write_fields(tmp_path / "n.h5", fields, 3)
    with pytest.raises(FormatError, match=f"/{path} is missing"):
        ipvae.load_network(tmp_path / "n.h5")


def test_a_file_with_the_wrong_minor_version_is_refused(network, tmp_path):
    fields = network_file.to_fields(network, 3)
    network_file.write_fields(tmp_path / "n.h5", fields, 3)  # without its minor version
    with pytest.raises(FormatError, match="format_minor is 0, allowed 1"):
        ipvae.load_network(tmp_path / "n.h5")


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"layer": "2"}, "decoder: layer 2 does not exist"),
        ({"weight": np.ones((2, 2, 4, 3))}, "receives 2 maps, layer 1 has the shape"),
        ({"weight": np.ones((3, 1, 4, 3))}, "makes images of 1 channels, the input has"),
        ({"crop": (5, 0)}, "canvas has 13 pixels in height, the image needs 9 from 5 on"),
    ],
)
def test_a_decoder_that_does_not_fit_is_refused(network, change, text):
    with pytest.raises(DescriptionError, match=text):
        replace(network, decoder=replace(network.decoder, **change))


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"weight": np.ones((3, 4))}, "found the shape"),
        ({"weight": np.full((3, 2, 4, 3), np.nan)}, "not finite"),
        ({"stride": (0, 1)}, "stride .height. is 0, allowed 1..127"),
        ({"crop": (0, 128)}, "crop .width. is 128, allowed 0..127"),
    ],
)
def test_values_of_a_decoder_are_in_range(network, change, text):
    with pytest.raises(DescriptionError, match=text):
        replace(network.decoder, **change)
