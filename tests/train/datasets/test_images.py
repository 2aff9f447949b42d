"""Images: their split, their units, and files that are missing or damaged."""

import gzip
import os
import struct

import numpy as np
import pytest

from ipvae.errors import DataError, TrainingError
from ipvae.train.datasets.images import load_images


def write_idx(path, array):
    header = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
    path.write_bytes(header + array.astype(np.uint8).tobytes())


@pytest.fixture
def mnist_dir(tmp_path):
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for part, n in (("train", 6), ("t10k", 4)):
        write_idx(raw / f"{part}-images-idx3-ubyte", rng.integers(0, 256, (n, 28, 28)))
        write_idx(raw / f"{part}-labels-idx1-ubyte", rng.integers(0, 10, n))
    return tmp_path


def test_digits_are_whole_split_and_scaled():
    images = load_images("digits")
    assert images.train.shape == (1437, 64)
    assert images.test.shape == (360, 64)
    assert images.train.dtype == np.float32
    assert images.test_pixels.dtype == np.uint8
    assert images.test_pixels.max() == images.pixel_max == 16
    assert np.array_equal(images.test * 16, images.test_pixels)
    assert images.shape == (8, 8)
    assert set(images.test_labels) == set(range(10))
    assert images.info.n_train == 1437


def test_digits_split_is_frozen_and_covers_all():
    images = load_images("digits")
    assert images.test_labels[:12].tolist() == [6, 8, 1, 7, 4, 6, 5, 5, 8, 0, 5, 5]
    total = images.train_pixels.sum(dtype=np.int64) + images.test_pixels.sum(dtype=np.int64)
    assert total == 561718


def test_mnist_reads_torchvisions_layout(mnist_dir):
    images = load_images("mnist", mnist_dir)
    assert images.train_pixels.shape == (6, 784)
    assert images.test.shape == (4, 784)
    assert images.pixel_max == 255
    assert images.train.max() <= 1.0


def test_mnist_reads_gzipped_files(mnist_dir):
    path = mnist_dir / "MNIST" / "raw" / "t10k-images-idx3-ubyte"
    before = load_images("mnist", mnist_dir).test_pixels
    path.with_name(path.name + ".gz").write_bytes(gzip.compress(path.read_bytes()))
    path.unlink()
    assert np.array_equal(load_images("mnist", mnist_dir).test_pixels, before)


def test_unknown_preset_lists_the_allowed_ones():
    with pytest.raises(
        TrainingError, match=r"preset is 'cifar'; allowed are digits, patches, mnist"
    ):
        load_images("cifar")


def test_mnist_without_a_folder_states_what_to_pass():
    with pytest.raises(DataError, match=r"no data folder was given.*data_dir=DIR"):
        load_images("mnist")


def test_mnist_in_a_wrong_folder_names_the_missing_file(tmp_path):
    with pytest.raises(DataError, match=r"train-images-idx3-ubyte .* is missing.*data_dir="):
        load_images("mnist", tmp_path)


@pytest.mark.parametrize("keep", [3, 10, 500])
def test_truncated_mnist_is_refused(mnist_dir, keep):
    path = mnist_dir / "MNIST" / "raw" / "t10k-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(DataError, match=r"t10k-images-idx3-ubyte: .*Fetch it again"):
        load_images("mnist", mnist_dir)


def test_damaged_gzip_is_refused(mnist_dir):
    path = mnist_dir / "MNIST" / "raw" / "t10k-images-idx3-ubyte"
    content = gzip.compress(path.read_bytes())
    path.with_name(path.name + ".gz").write_bytes(content[: len(content) // 2])
    path.unlink()
    with pytest.raises(DataError, match=r"not readable as IDX"):
        load_images("mnist", mnist_dir)


def test_gzip_damaged_in_its_middle_is_refused(mnist_dir):
    path = mnist_dir / "MNIST" / "raw" / "t10k-images-idx3-ubyte"
    random = np.random.default_rng(0).integers(0, 256, (4, 28, 28))
    write_idx(path, random)
    content = bytearray(gzip.compress(path.read_bytes()))
    content[len(content) // 2 : len(content) // 2 + 64] = bytes(64)
    path.with_name(path.name + ".gz").write_bytes(bytes(content))
    path.unlink()
    with pytest.raises(DataError, match=r"idx3-ubyte.gz: not readable as IDX .*Fetch it again"):
        load_images("mnist", mnist_dir)


def header(*shape, kind=8, dims=None):
    dims = len(shape) if dims is None else dims
    return struct.pack(f">HBB{len(shape)}I", 0, kind, dims, *shape)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer, not the file: fetch"),
        (header(0, 28, 28), r"t10k: found images \(0, 28, 28\)"),
        (header(4, 28, 28) + bytes(3135), "needs 3136 bytes, it has 3135"),
        (header(4, 28, 28) + bytes(3137), "needs 3136 bytes, it has more"),
        (header(2**32 - 1, 28, 28) + bytes(9), "declares 3367254359280 bytes, .*more than"),
        (header(*[1] * 255) + b"1", "255 dimensions"),
        (header(4, 28, 28, kind=13) + bytes(4 * 3136), "type 13"),
        (header(4, 784) + bytes(3136), "2 dimensions, allowed are 0, type 8, 3 dimensions"),
    ],
)
@pytest.mark.parametrize("gzipped", [False, True])
def test_images_that_are_none_are_refused(mnist_dir, content, message, gzipped):
    path = mnist_dir / "MNIST" / "raw" / "t10k-images-idx3-ubyte"
    path.unlink()
    if gzipped and content.startswith(bytes(2)):
        path, content = path.with_name(path.name + ".gz"), gzip.compress(content)
    path.write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        load_images("mnist", mnist_dir)
    assert "\n" not in str(caught.value)


def test_sets_without_images_are_refused(mnist_dir):
    for kind, shape in (("images-idx3", (0, 28, 28)), ("labels-idx1", (0,))):
        write_idx(mnist_dir / "MNIST" / "raw" / f"train-{kind}-ubyte", np.zeros(shape))
    with pytest.raises(DataError, match=r"train: found images \(0, 28, 28\).*N above 0"):
        load_images("mnist", mnist_dir)


def test_labels_beyond_the_classes_are_refused(mnist_dir):
    write_idx(mnist_dir / "MNIST" / "raw" / "t10k-labels-idx1-ubyte", np.array([1, 200, 3, 4]))
    with pytest.raises(DataError, match="t10k holds the label 200; allowed are 0 to 9"):
        load_images("mnist", mnist_dir)


def test_mnist_with_other_shapes_is_refused(mnist_dir):
    write_idx(mnist_dir / "MNIST" / "raw" / "t10k-labels-idx1-ubyte", np.zeros(3))
    with pytest.raises(DataError, match=r"t10k: found images \(4, 28, 28\) and labels \(3,\)"):
        load_images("mnist", mnist_dir)


def test_real_mnist():
    root = os.environ.get("IPVAE_DATA")
    if not root:
        pytest.skip("IPVAE_DATA names no folder with MNIST")
    images = load_images("mnist", root)
    assert images.train_pixels.shape == (60000, 784)
    assert images.test_labels[:5].tolist() == [7, 2, 1, 0, 4]
