"""Minor version 2.1: a start in a file, what readers refuse, and what older readers did."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from ipvae.errors import FormatError
from ipvae.network.io import network_file
from ipvae.network.io.fields import expected_fields, minor_of, to_fields, version_of
from ipvae.network.io.network_file import checksum, read_network, write_network
from ipvae.network.io.seal import write_seal
from ipvae.network.io.start_fields import START
from ipvae.network.layers import AffineStart
from ipvae.network.network_difference import differences

NEURON = "layer/1/"


@pytest.fixture
def network(make_network):
    made = make_network(k=4, m=3)
    start = AffineStart(
        weight=np.arange(-6, 6, dtype=np.int16).reshape(4, 3) * 3000,
        bias=np.array([-(2**21 - 1), 2**21 - 1, 0, 7], np.int32),
        exponent=-24,
        threshold=2**22 - 1,
        margin=2**22 - 1,
    )
    return replace(made, layer=replace(made.layer, start=start))


@pytest.fixture
def path(tmp_path, network):
    write_network(tmp_path / "net.h5", network)
    return tmp_path / "net.h5"


def change(path: Path, act) -> None:
    """Change a file, and renew its checksum and its seal."""
    with h5py.File(path, "r+") as file:
        f: Any = file
        act(f)
        fields: dict[str, np.ndarray] = {}
        f.visititems(lambda n, x: fields.update({n: x[...]} if isinstance(x, h5py.Dataset) else {}))
        renewed = network_file._content_checksum(fields, int(f["ipvae"].attrs["format_version"]))
        f["ipvae"].attrs["checksum"] = np.array(renewed, dtype="S64")
    write_seal(path)


def test_a_start_is_written_and_read(path, network, monkeypatch):
    monkeypatch.setattr(network_file, "_written", set())  # read as a foreign file
    found = read_network(path)
    fields = to_fields(network)
    assert set(NEURON + name for name in START) < fields.keys()
    for name, array in to_fields(found).items():
        np.testing.assert_array_equal(array, fields[name], err_msg=name)
    assert (version_of(found), minor_of(found)) == (2, 1)
    assert checksum(found) == checksum(network)
    with h5py.File(path) as f:
        attributes: Any = f["ipvae"].attrs
        assert (attributes["format_version"], attributes["format_minor"]) == (2, 1)


def test_a_network_without_a_start_is_written_as_before(make_network, tmp_path):
    write_network(tmp_path / "one.h5", make_network())
    with h5py.File(tmp_path / "one.h5") as f:
        attributes: Any = f["ipvae"].attrs
        assert attributes["format_version"] == 1 and "format_minor" not in attributes


def test_a_later_minor_version_is_refused_as_newer(path):
    change(path, lambda f: f["ipvae"].attrs.modify("format_minor", np.int64(2)))
    with pytest.raises(FormatError, match=r"format version 2\.2, this program reads .* 2\.1"):
        read_network(path)


@pytest.mark.parametrize("minor", [None, 0])
def test_a_minor_version_that_does_not_fit_is_refused(path, minor):
    def earlier(f):
        del f["ipvae"].attrs["format_minor"]
        if minor is not None:
            f["ipvae"].attrs["format_minor"] = np.int64(minor)

    change(path, earlier)
    with pytest.raises(FormatError, match="format_minor is 0, allowed 1"):
        read_network(path)


def test_a_minor_version_without_a_start_is_refused(make_network, tmp_path):
    made = make_network(frac_bits=13)
    write_network(tmp_path / "two.h5", made)
    change(tmp_path / "two.h5", lambda f: f["ipvae"].attrs.create("format_minor", np.int64(1)))
    with pytest.raises(FormatError, match="format_minor is 1, allowed 0"):
        read_network(tmp_path / "two.h5")


@pytest.mark.parametrize("name", START)
def test_each_dataset_is_required(path, name):
    change(path, lambda f: f.__delitem__(NEURON + name))
    with pytest.raises(FormatError, match=f"dataset /{NEURON}{name} is missing"):
        read_network(path)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("start_exp", -25),
        ("start_exp", 15),
        ("startThreshold", 2**22),
        ("startThreshold", -(2**22)),
        ("startMargin", -1),
        ("startMargin", 2**22),
        ("startBias", np.full(4, 2**21, np.int32)),
        ("startWeight", np.zeros((3, 3), np.int16)),
        ("startWeight", np.zeros((4, 2), np.int16)),
    ],
)
def test_values_out_of_range_are_refused(path, name, value):
    def wrong(f):
        del f[f"{NEURON}neuron/{name}"]
        f[f"{NEURON}neuron/{name}"] = np.asarray(value)

    change(path, wrong)
    with pytest.raises(FormatError, match="start"):
        read_network(path)


def test_a_reader_of_version_2_0_refuses_the_datasets(path):
    """Earlier programs ignored the attribute, but never a dataset that they did not know."""
    with h5py.File(path) as f:
        found: dict[str, tuple] = {}
        f.visititems(
            lambda n, x: found.update(
                {n: (x.dtype, x.shape)} if isinstance(x, h5py.Dataset) else {}
            )
        )
    known = {name for name in found if name.removeprefix(NEURON) not in START}
    earlier = expected_fields(2, {name: found[name] for name in known})
    with pytest.raises(FormatError, match="start.* does not belong in format 2"):
        network_file._check_datasets(path, found, earlier, 2)


def test_differences_name_the_start(network):
    start = network.layer.start
    other = replace(network, layer=replace(network.layer, start=replace(start, margin=5)))
    found = [(d.name, d.first, d.second) for d in differences(network, other)]
    assert found == [("layer 1: margin of the start", 2**22 - 1, 5)]
    without = replace(network, layer=replace(network.layer, start=None))
    names = {d.name for d in differences(network, without)}
    assert "layer 1: weights of the start" in names
