"""A user's own images: every form that is taken, and a line for each that is not."""

import logging

import numpy as np
import pytest
from PIL import Image

import ipvae
from ipvae.network.description import InputFormat
from ipvae.workflows.image_input.images import given_images
from ipvae.workflows.image_input.own_images import read_images

FORMAT = InputFormat(0, 255, 1 / 255, (5, 7))
SIGNED = InputFormat(-127, 127, 1 / 64, (5, 7))
LEVELS = np.random.default_rng(0).integers(0, 256, (3, 35))


@pytest.fixture(autouse=True)
def messages(caplog):
    caplog.set_level(logging.INFO, logger="ipvae")
    return caplog


@pytest.mark.parametrize("shape", [(35,), (5, 7), (1, 5, 7), (5, 7, 1)])
@pytest.mark.parametrize("suffix", ["array", ".npy", ".npz"])
def test_every_shape_of_every_form_gives_the_same_pixels(tmp_path, shape, suffix):
    images = LEVELS.reshape(3, *shape)
    path = tmp_path / f"x{suffix}"
    if suffix == ".npy":
        np.save(path, images)
    elif suffix == ".npz":
        np.savez(path, images=images, labels=[4, 5, 6])
    source = images if suffix == "array" else path
    found = given_images(source, FORMAT)
    assert found.pixels.dtype == np.int16 and (found.pixels == LEVELS).all()
    assert found.labels.tolist() == ([4, 5, 6] if suffix == ".npz" else [-1, -1, -1])


@pytest.mark.parametrize(
    "shape",
    [(7, 5), (1, 7, 5), (7, 5, 1), (7, 1, 5), (5, 1, 7), (1, 35), (35, 1), (1, 1, 35), (5, 7, 3)],
)
@pytest.mark.parametrize("form", ["array", "file"])
def test_any_other_shape_is_refused_with_the_order_wanted(tmp_path, shape, form):
    images = np.zeros((3, *shape), np.uint8)
    source = images
    if form == "file":
        source = tmp_path / "x.npy"
        np.save(source, images)
    with pytest.raises(ipvae.IpvaeError, match=r"allowed \(n, 35\), \(n, 5, 7\), \(n, 1, 5, 7\)"):
        given_images(source, FORMAT)


def test_one_image_gets_advice_on_its_shape():
    with pytest.raises(ipvae.IpvaeError, match=r"one image.*images\[None\]"):
        given_images(np.zeros((5, 7)), FORMAT)
    with pytest.raises(ipvae.IpvaeError, match=r"one image.*images\[None\]"):
        given_images(np.zeros(35), FORMAT)


@pytest.mark.parametrize(
    ("shape", "advice"),
    [((5, 7), r"one image.*images\[None\]"), ((5, 7, 30), r"np.moveaxis\(images, -1, 0\)")],
)
def test_a_wrong_shape_is_shown_whole_although_some_images_are_run(shape, advice):
    """--samples reads the first images; the message has the shape that the user knows."""
    text = rf"found shape \({', '.join(map(str, shape))}\), allowed .*{advice}"
    with pytest.raises(ipvae.IpvaeError, match=text):
        given_images(np.zeros(shape), FORMAT, first=2)


@pytest.mark.parametrize(
    ("labels", "remedy"),
    [
        (np.arange(3) * 0.5, r"labels.astype\(int\)"),
        (np.eye(3), r"labels.argmax\(axis=1\)"),
        (np.arange(2), "a label for each image, -1 where it is unknown"),
    ],
)
def test_labels_that_do_not_fit_have_a_remedy(labels, remedy):
    with pytest.raises(ipvae.IpvaeError, match=rf"allowed integers of shape \(3,\).*{remedy}"):
        given_images(LEVELS, FORMAT, labels)


def test_labels_in_text_are_refused_once(tmp_path):
    np.save(tmp_path / "y.npy", np.array(["a", "b", "c"]))
    with pytest.raises(ipvae.IpvaeError, match=r"^labels: .*y.npy: not .* with numpy.save\.$"):
        given_images(LEVELS, FORMAT, tmp_path / "y.npy")


def test_a_line_states_which_reading_was_taken(messages):
    given_images(LEVELS.astype(np.uint8), FORMAT)
    given_images(LEVELS / 255.0, FORMAT)
    given_images(np.eye(35, dtype=bool), FORMAT)
    message = [record.getMessage() for record in messages.records]
    low, high = LEVELS.min(), LEVELS.max()
    assert message[0] == (
        f"images: 3 of 5 x 7, uint8 read as pixel levels, {low} to {high} (0 to 255 allowed)"
    )
    assert "float64 read as real values" in message[1] and "(0 to 1 allowed)" in message[1]
    assert "bool read as black and white, 0 to 255" in message[2]


def test_true_is_white():
    assert (given_images(np.eye(35, dtype=bool), FORMAT).pixels == 255 * np.eye(35)).all()
    with pytest.raises(ipvae.IpvaeError, match="true and false, and pixels here go from -127"):
        given_images(np.eye(35, dtype=bool), SIGNED)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (
            LEVELS.astype(float),
            "real values: found .*allowed 0 to 1.*or give integers if they",
        ),
        (
            LEVELS * 300,
            "pixel levels: found .*allowed 0 to 255.*or give floating-point numbers",
        ),
        (np.full((1, 35), np.inf), "not finite"),
        (np.full((1, 35), 1j), "found dtype .* allowed real numbers"),
        (np.full((1, 35), None), "found dtype .* allowed real numbers"),
    ],
)
def test_numbers_that_do_not_fit_are_reported_in_the_users_own(images, message):
    with pytest.raises(ipvae.IpvaeError, match=message):
        given_images(images, FORMAT)


def test_images_that_use_almost_nothing_of_the_range_are_warned_of(messages):
    given_images((LEVELS > 100).astype(np.uint8), FORMAT)
    warned = [r.getMessage() for r in messages.records if r.levelno == logging.WARNING]
    assert len(warned) == 1 and "0 to 1 is 0.4% of the range 0 to 255" in warned[0]
    messages.clear()
    given_images(LEVELS, FORMAT)
    assert not [r for r in messages.records if r.levelno == logging.WARNING]


def test_images_unlike_the_networks_own_are_warned_of(messages, make_network):
    network = make_network(k=8, m=12)
    ipvae.run(network, network.test_images, steps=1)
    assert "mean level" not in messages.text
    ipvae.run(network, np.full((2, 12), network.input.maximum), steps=1)
    assert "the mean level is" in messages.text


def test_an_archive_of_several_arrays_names_them(tmp_path):
    np.savez(tmp_path / "x.npz", a=LEVELS, b=LEVELS)
    with pytest.raises(ipvae.IpvaeError, match=r"found the arrays a, b, allowed one, or 'images'"):
        given_images(tmp_path / "x.npz", FORMAT)
    np.savez(tmp_path / "y.npz", a=LEVELS)
    assert (given_images(tmp_path / "y.npz", FORMAT).pixels == LEVELS).all()
    np.savez(tmp_path / "z.npz", images=LEVELS, labels=[1, 2])
    with pytest.raises(ipvae.IpvaeError, match=r"labels: .*allowed integers of shape \(3,\)"):
        given_images(tmp_path / "z.npz", FORMAT)
    (tmp_path / "n.npz").write_bytes(b"no archive")
    with pytest.raises(ipvae.IpvaeError, match=r"n.npz: not an .npz file"):
        given_images(tmp_path / "n.npz", FORMAT)


def pictures(folder, names, mode="L", size=(7, 5)):
    folder.mkdir(parents=True, exist_ok=True)
    found = []
    for i, name in enumerate(names):
        array = LEVELS[i % 3].reshape(5, 7).astype(np.uint8)
        Image.fromarray(array).convert(mode).resize(size, Image.Resampling.NEAREST).save(
            folder / name
        )
        found.append(array.ravel())
    return np.array(found)


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P", "LA"])
def test_a_folder_of_pictures_of_any_mode_is_read_in_the_order_of_names(tmp_path, mode):
    expected = pictures(tmp_path, ["b.png", "a.png", "c.PNG"], mode)[[1, 0, 2]]
    (tmp_path / "notes.txt").write_text("no picture")
    found = given_images(tmp_path, FORMAT)
    assert (found.pixels == expected).all() and (found.labels == -1).all()


def test_sixteen_bits_are_not_cut(tmp_path):
    Image.fromarray((LEVELS[0].reshape(5, 7) * 257).astype(np.uint16)).save(tmp_path / "a.png")
    assert (given_images(tmp_path, FORMAT).pixels == LEVELS[:1]).all()


def test_pictures_have_the_networks_levels(tmp_path):
    expected = pictures(tmp_path, ["a.png"])
    coarse = InputFormat(0, 16, 1 / 16, (5, 7))
    assert (given_images(tmp_path, coarse).pixels == np.rint(expected * (16 / 255))).all()
    with pytest.raises(ipvae.IpvaeError, match="black to white"):
        given_images(tmp_path, SIGNED)


@pytest.mark.parametrize(
    ("names", "labels"), [(("3", "12"), [12, 3]), (("cat", "ant"), [0, 1]), (("1", "x"), [0, 1])]
)
def test_sub_folders_are_classes(tmp_path, names, labels):
    for name in names:
        pictures(tmp_path / name, ["a.png"])
    assert read_images(tmp_path).labels.tolist() == labels


def test_pictures_are_brought_to_the_networks_size_arrays_never(tmp_path):
    pictures(tmp_path, ["a.png"], size=(70, 100))
    assert given_images(tmp_path, FORMAT).pixels.shape == (1, 35)
    pictures(tmp_path, ["b.png"], size=(9, 9))
    with pytest.raises(ipvae.IpvaeError, match=r"found 100 x 70 \(a.png\) and 9 x 9.*one size"):
        read_images(tmp_path)


def test_what_is_no_picture_is_one_line(tmp_path):
    with pytest.raises(ipvae.IpvaeError, match="holds no picture"):
        given_images(tmp_path, FORMAT)
    (tmp_path / "a.png").write_bytes(b"no picture")
    with pytest.raises(ipvae.IpvaeError, match=r"a.png: not a picture that can be read"):
        given_images(tmp_path, FORMAT)


def test_of_a_large_file_the_first_images_suffice():
    found = given_images(LEVELS, FORMAT, np.arange(3), first=2)
    assert (found.pixels == LEVELS[:2]).all() and found.labels.tolist() == [0, 1]


def coloured_classes(folder, classes=("cat", "bird"), n=3, mode="RGB"):
    """Pictures of one colour each in a folder for each class; their grey levels by class."""
    for place, name in enumerate(classes):
        (folder / name).mkdir(parents=True)
        for number in range(n):
            colour = (place * 100, number * 10, 0)[: len(Image.new(mode, (1, 1)).getbands())]
            Image.new(mode, (7, 5), colour).save(folder / name / f"{number}.png")


def test_classes_take_turns_so_that_the_first_images_are_of_all(tmp_path, messages):
    coloured_classes(tmp_path)
    found = read_images(tmp_path)
    assert found.labels.tolist() == [0, 1, 0, 1, 0, 1]
    assert [int(image[0, 0]) for image in found.values[::2]] == [30, 36, 42]
    few = read_images(tmp_path, first=3)
    assert np.array_equal(few.values, found.values[:3]) and few.labels.tolist() == [0, 1, 0]
    text = messages.messages[0]
    assert "6 pictures; 6 in colour made grey" in text and "0 bird, 1 cat" in text


def test_grey_pictures_are_not_called_coloured(tmp_path, messages):
    coloured_classes(tmp_path, mode="L")
    given_images(tmp_path, FORMAT)
    assert "colour" not in messages.text and "pictures read as pixel levels" in messages.text


@pytest.mark.parametrize("shape", [(3, 5, 7, 3), (3, 3, 5, 7), (3, 5, 7, 4)])
def test_arrays_in_colour_get_advice_to_become_grey(shape):
    with pytest.raises(ipvae.IpvaeError, match=r"in colour.*@ \[0.299, 0.587, 0.114\]"):
        given_images(np.zeros(shape), FORMAT)


def test_labels_may_be_a_file(tmp_path):
    np.save(tmp_path / "y.npy", [4, 5, 6])
    assert read_images(LEVELS, tmp_path / "y.npy").labels.tolist() == [4, 5, 6]
    with pytest.raises(ipvae.IpvaeError, match=r"labels: .*none.npy: cannot be read"):
        read_images(LEVELS, tmp_path / "none.npy")
