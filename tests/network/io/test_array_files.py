"""Array files are read as NumPy reads them, and no further than their bytes go."""

import struct
import tracemalloc
import zipfile

import numpy as np
import pytest

from ipvae.errors import InputError
from ipvae.network.description import InputFormat
from ipvae.network.io.array_files import read_npy, read_npz
from ipvae.workflows.image_input.images import given_images


@pytest.mark.parametrize(
    "shape", ["(-1, 64)", "(4, -6)", "(4, 6.0)", "(True, 24)", "4, 6", "(1,) * 9"]
)
def test_shapes_that_are_none(tmp_path, shape):
    header = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}".encode()
    content = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + bytes(24)
    (tmp_path / "x.npy").write_bytes(content)
    with pytest.raises(InputError, match="x.npy: not an .npy file of numbers"):
        read_npy(tmp_path / "x.npy")


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["?", "i1", ">i2", "<u4", "<f2", ">f4", "f8"])
@pytest.mark.parametrize("shape", [(), (0,), (3,), (0, 4), (2, 3, 4)])
def test_arrays_are_read_as_numpy_reads_them(tmp_path, rng, shape, dtype, order):
    array = np.asarray(rng.integers(0, 2, shape).astype(dtype), order=order)
    np.save(tmp_path / "x.npy", array)
    np.savez_compressed(tmp_path / "x.npz", x=array)
    for found in (read_npy(tmp_path / "x.npy"), read_npz(tmp_path / "x.npz", list)["x"]):
        assert found.dtype == array.dtype.newbyteorder("=") and found.shape == array.shape
        np.testing.assert_array_equal(found, array)


def test_an_archive_that_expands_to_more_than_is_allowed(tmp_path):
    np.savez_compressed(tmp_path / "x.npz", images=np.zeros((1000, 1000), np.uint8))
    assert (tmp_path / "x.npz").stat().st_size < 5000
    with pytest.raises(InputError, match="arrays have 1000128 bytes, allowed are up to 1000000"):
        read_npz(tmp_path / "x.npz", list, most=10**6)


def test_an_archive_that_is_longer_than_it_declares(tmp_path):
    """The list of members says 100 bytes; 1000 lie in them."""
    np.savez(tmp_path / "x.npz", images=np.zeros(1000, np.uint8))
    content = bytearray((tmp_path / "x.npz").read_bytes())
    at = content.rindex(b"PK\x01\x02")
    content[at + 20 : at + 28] = struct.pack("<II", 228, 228)
    (tmp_path / "x.npz").write_bytes(bytes(content))
    with pytest.raises(InputError, match="not an .npz file of numbers"):
        read_npz(tmp_path / "x.npz", list)


def test_two_arrays_of_one_name(tmp_path):
    np.savez(tmp_path / "x.npz", a=np.zeros(3))
    with (
        zipfile.ZipFile(tmp_path / "x.npz", "a") as archive,
        pytest.warns(UserWarning, match="Duplicate name"),
    ):
        archive.writestr("a.npy", b"")
    with pytest.raises(InputError, match="two arrays of the name 'a'"):
        read_npz(tmp_path / "x.npz", list)


def test_of_a_file_of_six_gigabytes_only_the_images_asked_for_are_read(tmp_path):
    path, fmt = tmp_path / "x.npy", InputFormat(0, 255, 1 / 255, (20, 30))
    header = b"{'descr': '|u1', 'fortran_order': False, 'shape': (10000000, 20, 30), }"
    start = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header
    with path.open("wb") as file:
        file.write(start + bytes(range(200)) * 6)
        file.truncate(len(start) + 6 * 10**9)
    tracemalloc.start()
    found = given_images(path, fmt, first=2)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found.pixels.shape == (2, 600) and found.pixels[0, 199] == 199
    assert peak < 100e6  # labels of all images are 80 MB


def test_a_link_to_nothing_and_a_name_with_a_null_character(tmp_path):
    (tmp_path / "x.npy").symlink_to(tmp_path / "none")
    for path in (tmp_path / "x.npy", "a\0b.npy", tmp_path / ("x" * 300)):
        with pytest.raises(InputError, match="cannot be read"):
            read_npy(path)
