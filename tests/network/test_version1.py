"""A file of version 1 and its trace, made once: they load and run alike for ever."""

import hashlib
from pathlib import Path

from ipvae.emulator import run
from ipvae.network.file import checksum, read_network
from ipvae.network.trace import compare, read_trace

FILES = Path(__file__).parent / "files"
NETWORK_SHA256 = "7ddea6ffc650851c207a8567b163bc8ba49b7269b5ef07883ba2c9be5606e63f"
CHECKSUM = "d70a48ba421f75c90651646b3e3548d5db7a2f3e2d0ad437696a916fe1ae1afb"


def test_the_file_is_still_the_one_that_was_made():
    found = hashlib.sha256((FILES / "version1.net.h5").read_bytes()).hexdigest()
    assert found == NETWORK_SHA256


def test_it_loads_and_gives_its_trace():
    network = read_network(FILES / "version1.net.h5")
    assert checksum(network) == CHECKSUM
    expected = read_trace(FILES / "version1.trace.h5")
    assert expected.checksum == CHECKSUM
    found = run(network, network.test_images, expected.steps, expected.seed)
    comparison = compare(expected, found)
    assert comparison.first_divergence is None
    assert comparison.compared_values == 2 * 21 * 3 * 5
