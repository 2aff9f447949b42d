"""A file of each version and its trace, made once: all later versions run them alike."""

import hashlib
from pathlib import Path

import h5py
import pytest

import ipvae
from ipvae.emulator.recording import run
from ipvae.network.io.fields import minor_of, version_of
from ipvae.network.io.network_file import checksum, read_network, write_network
from ipvae.network.traces.trace import VARIABLES, compare, read_trace

FILES = Path(__file__).parents[1] / "files"
FROZEN = {
    1: (
        "7ddea6ffc650851c207a8567b163bc8ba49b7269b5ef07883ba2c9be5606e63f",
        "d70a48ba421f75c90651646b3e3548d5db7a2f3e2d0ad437696a916fe1ae1afb",
        5,
    ),
    2: (
        "4dd95c9947d7ce6497752c057f9e21586c6d81e63dc69fbc55d4645de441aca5",
        "d1dc9733ccd6ddb4ad95a068e4c0a6132c4f34940e96ac115489d0391ba20cbe",
        6 + 5 + 5,
    ),
    "2_1": (
        "79265a45456af493bd4b06caaf834b7b6f94a3356faa04c591a640dba97d36e0",
        "0b23ca41fab430a1e3a6ec26ae6e437b320a679faebb2913826b987fa3b251f8",
        6 + 5 + 5,
    ),
}
"""Version: SHA-256 of the file, checksum of its contents, neurons of all layers."""


@pytest.mark.parametrize("version", FROZEN)
def test_the_file_is_still_the_one_that_was_made(version):
    content = (FILES / f"version{version}.net.h5").read_bytes()
    assert hashlib.sha256(content).hexdigest() == FROZEN[version][0]


@pytest.mark.parametrize("version", FROZEN)
def test_it_loads_and_gives_its_trace(version):
    _, known, n_neurons = FROZEN[version]
    network = read_network(FILES / f"version{version}.net.h5")
    assert f"{version_of(network)}_{minor_of(network)}".removesuffix("_0") == str(version)
    assert checksum(network) == known
    expected = read_trace(FILES / f"version{version}.trace.h5")
    assert expected.checksum == known
    found = run(network, network.test_images, expected.steps, expected.seed)
    comparison = compare(expected, found)
    assert comparison.first_divergence is None
    assert comparison.compared_values == 2 * 21 * 3 * n_neurons


def places(path):
    """Where each dataset's contents begin in a file."""
    found = {}
    with h5py.File(path, "r") as file:
        file.visititems(
            lambda name, x: found.update({name: x.id.get_offset()} if is_data(x) else {})
        )
    return found


def is_data(x):
    return isinstance(x, h5py.Dataset)


@pytest.mark.parametrize("version", FROZEN)
def test_it_is_written_again_in_the_same_order(version, tmp_path):
    """With the same HDF5 library, then, byte for byte."""
    path = FILES / f"version{version}.net.h5"
    write_network(tmp_path / "again.h5", read_network(path))
    assert places(tmp_path / "again.h5") == places(path)


@pytest.mark.parametrize("version", FROZEN)
def test_the_oracle_gives_its_trace(version, oracle):
    loaded = oracle.load(FILES / f"version{version}.net.h5")
    expected = read_trace(FILES / f"version{version}.trace.h5")
    found = oracle.run(loaded, loaded.images, expected.steps, expected.seed)
    for sample, wanted in zip(expected.samples, found, strict=True):
        layers = wanted if 1 in wanted else {1: wanted}
        assert list(sample) == [str(number) for number in layers]
        for number, variables in layers.items():
            for variable in VARIABLES:
                assert sample[str(number)][variable].tolist() == variables[variable]


FROZEN_3 = (
    "b579749b6898f58552b14c8de645cab84b7dbdbb54061ef7450cb7366c8e7952",
    "3eaafe67cf4bfbbcc83c80a774e7e604ddcffbbd75fabafe604e964cf82f15a5",
)
"""The same of version 3, which holds networks of connections."""


def test_version_3_loads_gives_its_trace_and_is_written_again_in_the_same_order(tmp_path):
    path, (content, known) = FILES / "version3.net.h5", FROZEN_3
    assert hashlib.sha256(path.read_bytes()).hexdigest() == content
    network = read_network(path)
    assert checksum(network) == known
    expected = read_trace(FILES / "version3.trace.h5")
    assert expected.checksum == known and expected.steps == 11
    found = ipvae.run(network, network.test_images, steps=12, record="all").trace
    assert found is not None
    comparison = compare(expected, found)
    assert comparison.first_divergence is None and comparison.compared_values == 14472
    write_network(tmp_path / "again.h5", network)
    assert places(tmp_path / "again.h5") == places(path)
