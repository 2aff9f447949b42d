"""Data sets in MNIST's layout: which is read, where it is found, how its pictures lie."""

import gzip
import logging
import struct

import numpy as np
import pytest

from ipvae.errors import DataError
from ipvae.train.datasets.images import load_images

CLASSES = {"letters": 27, "balanced": 47, "byclass": 62, "digits": 10}


def write(path, array, gzipped=False):
    path.parent.mkdir(parents=True, exist_ok=True)
    header = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
    content = header + array.astype(np.uint8).tobytes()
    if gzipped:
        path.with_name(path.name + ".gz").write_bytes(gzip.compress(content))
    else:
        path.write_bytes(content)


def fill(folder, parts=("train", "t10k"), classes=10, seed=0, gzipped=False):
    """Write four files; return the images and labels to train on."""
    rng = np.random.default_rng(seed)
    made = []
    for part, n in zip(parts, (6, 4), strict=True):
        images, labels = rng.integers(0, 256, (n, 28, 28)), rng.integers(0, classes, n)
        labels[0] = classes - 1
        write(folder / f"{part}-images-idx3-ubyte", images, gzipped)
        write(folder / f"{part}-labels-idx1-ubyte", labels, gzipped)
        made += [images, labels]
    return made[0], made[1]


def emnist(home, split, **more):
    parts = (f"emnist-{split}-train", f"emnist-{split}-test")
    return fill(home / "EMNIST" / "raw", parts, CLASSES[split], **more)


@pytest.mark.parametrize("name", ["MNIST", "FashionMNIST", "KMNIST"])
@pytest.mark.parametrize("gzipped", [False, True])
@pytest.mark.parametrize("given", ["", "{}", "{}/raw"])
def test_a_set_is_found_from_any_of_its_folders(tmp_path, caplog, name, gzipped, given):
    pixels, labels = fill(tmp_path / name / "raw", gzipped=gzipped)
    with caplog.at_level(logging.INFO, "ipvae"):
        images = load_images("mnist", tmp_path / given.format(name))
    assert np.array_equal(images.train_pixels, pixels.reshape(6, 784))
    assert np.array_equal(images.train_labels, labels) and len(images.test_pixels) == 4
    assert (f"preset mnist: {name} of" in caplog.text) == (name != "MNIST")


def test_files_may_lie_in_the_folder_itself(tmp_path):
    pixels, _ = fill(tmp_path / "mine")
    found = load_images("mnist", tmp_path / "mine").train_pixels
    assert np.array_equal(found, pixels.reshape(6, 784))


def test_mnist_is_meant_where_it_is_there_and_others_by_their_folder(tmp_path):
    own, _ = fill(tmp_path / "MNIST" / "raw", seed=1)
    other, _ = fill(tmp_path / "KMNIST" / "raw", seed=2)
    for given, pixels in ((tmp_path, own), (tmp_path / "KMNIST", other)):
        assert np.array_equal(load_images("mnist", given).train_pixels, pixels.reshape(6, 784))


def test_several_without_mnist_are_refused(tmp_path):
    for name in ("KMNIST", "FashionMNIST"):
        fill(tmp_path / name / "raw")
    with pytest.raises(DataError, match=r"several data sets and no MNIST.*data_dir=.*KMNIST"):
        load_images("mnist", tmp_path)


@pytest.mark.parametrize("gzipped", [False, True])
def test_emnist_is_turned_upright(tmp_path, caplog, gzipped):
    pixels, labels = emnist(tmp_path, "letters", gzipped=gzipped)
    with caplog.at_level(logging.INFO, "ipvae"):
        images = load_images("mnist", tmp_path)
    upright = pixels.transpose(0, 2, 1).reshape(6, 784)
    assert np.array_equal(images.train_pixels, upright)
    assert np.array_equal(images.train_labels, labels) and labels.max() == 26
    assert "EMNIST letters" in caplog.text and "turned upright" in caplog.text


def test_a_split_of_emnist_is_chosen_by_rule_or_by_name(tmp_path):
    made = {name: emnist(tmp_path, name, seed=n)[1] for n, name in enumerate(CLASSES)}
    assert np.array_equal(load_images("mnist", tmp_path).train_labels, made["balanced"])
    for name, labels in made.items():
        found = load_images("mnist", tmp_path / "EMNIST" / name).train_labels
        assert np.array_equal(found, labels), name


def test_splits_without_the_usual_one_are_refused(tmp_path):
    for name in ("letters", "byclass"):
        emnist(tmp_path, name)
    with pytest.raises(DataError, match=r"several splits. Pass data_dir= with one of .*letters"):
        load_images("mnist", tmp_path)


def test_labels_beyond_a_splits_classes_are_refused(tmp_path):
    emnist(tmp_path, "digits")
    labels = np.array([1, 2, 10, 3])
    write(tmp_path / "EMNIST" / "raw" / "emnist-digits-test-labels-idx1-ubyte", labels)
    with pytest.raises(DataError, match=r"emnist-digits-test holds the label 10.*0 to 9"):
        load_images("mnist", tmp_path)


def test_a_missing_file_of_a_split_is_named(tmp_path):
    emnist(tmp_path, "letters")
    (tmp_path / "EMNIST" / "raw" / "emnist-letters-test-images-idx3-ubyte").unlink()
    with pytest.raises(DataError, match=r"emnist-letters-test-images-idx3-ubyte .*is missing"):
        load_images("mnist", tmp_path)
