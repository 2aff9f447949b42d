# pyright: reportOptionalMemberAccess=false, reportArgumentType=false
"""`ipvae.film`, and films as the streams of a run: arrays, files and animated pictures."""

from dataclasses import replace

import numpy as np
import pytest

import ipvae
from ipvae.evaluation.motion.frames import cropped, rotated
from ipvae.evaluation.motion.paths import NATURAL, PADDED, angles, places
from ipvae.network.conversion.from_dense import as_network
from ipvae.workflows.image_input.animated_pictures import read_animation

SHAPE = (3, 4)


@pytest.fixture
def net(make_network):
    """A network of images of 3 x 4 pixels."""
    made = make_network(k=16, m=12)
    return replace(made, input=replace(made.input, shape=SHAPE))


@pytest.fixture
def animated(tmp_path, rng):
    """Path of an animated PNG of 5 grey frames, 3 x 4, and the frames."""
    image = pytest.importorskip("PIL.Image")
    frames = rng.integers(0, 256, (5, *SHAPE)).astype(np.uint8)
    pictures = [image.fromarray(frame) for frame in frames]
    path = tmp_path / "walk.png"
    pictures[0].save(path, save_all=True, append_images=pictures[1:])
    return path, frames


def test_images_rotate(rng):
    stills = rng.integers(0, 256, (3, 9, 9))
    found = ipvae.film(stills, motion="rotate", frames=6, seed=4)
    assert found.shape == (3, 6, 9, 9) and found.dtype == stills.dtype
    for i, still in enumerate(stills):
        np.testing.assert_array_equal(found[i], rotated(still, angles(6, 4, i)))
    centre = ipvae.film(stills, motion="rotate", frames=6, seed=4, size=(5, 3))
    np.testing.assert_array_equal(centre, found[:, :, 2:7, 3:6])
    assert ipvae.film(stills, motion="rotate").shape == (3, 32, 9, 9)


def test_images_jitter_within_their_background_or_inside_the_image(rng):
    stills = rng.random((2, 12, 16))
    padded = ipvae.film(stills, motion="jitter", frames=9, seed=2)
    inside = ipvae.film(stills, motion="jitter", frames=200, seed=2, size=(8, 8))
    for i, still in enumerate(stills):
        place = places(9, 2, i, PADDED, (3, 4))
        np.testing.assert_array_equal(padded[i], cropped(still, place, (12, 16)))
        place = places(200, 2, i, NATURAL, (2, 4))
        np.testing.assert_array_equal(inside[i], cropped(still, place, (8, 8)))
    assert inside.min() > 0  # nothing from outside the image
    still = ipvae.film(stills, motion="jitter", frames=9, diffusion=0.0)
    assert (still == stills[:, None]).all()


def test_a_film_depends_neither_on_other_images_nor_on_its_length(rng):
    stills = rng.random((3, 8, 8))
    for motion in ("rotate", "jitter"):
        whole = ipvae.film(stills, motion=motion, frames=8)
        np.testing.assert_array_equal(
            ipvae.film(stills[:2], motion=motion, frames=5), whole[:2, :5]
        )


@pytest.mark.parametrize("shape", [(2, 16), (2, 1, 4, 4), (2, 4, 4, 1)])
def test_shapes_of_stills(rng, shape):
    stills = rng.random(shape)
    expected = ipvae.film(stills.reshape(2, 4, 4), motion="rotate", frames=3)
    np.testing.assert_array_equal(ipvae.film(stills, motion="rotate", frames=3), expected)


def test_files_of_stills_move(rng, tmp_path):
    stills = rng.random((2, 4, 4))
    np.save(tmp_path / "stills.npy", stills)
    found = ipvae.film(tmp_path / "stills.npy", motion="jitter", frames=3)
    np.testing.assert_array_equal(found, ipvae.film(stills, motion="jitter", frames=3))


def test_an_animated_picture_is_read(animated):
    path, frames = animated
    np.testing.assert_array_equal(ipvae.film(path), frames[None])
    np.testing.assert_array_equal(ipvae.film(str(path), frames=2), frames[None, :2])
    assert ipvae.film(path, size=(6, 8)).shape == (1, 5, 6, 8)
    assert ipvae.film(path, motion="rotate", frames=3).shape == (5, 3, *SHAPE)


def test_a_gif_in_colour_is_grey(tmp_path):
    image = pytest.importorskip("PIL.Image")
    red, green = (image.new("RGB", (4, 3), colour) for colour in ("red", "lime"))
    red.save(tmp_path / "x.gif", save_all=True, append_images=[green], duration=50)
    found = read_animation(tmp_path / "x.gif")
    assert found.shape == (2, 3, 4) and found[:, 0, 0].tolist() == [76, 150]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "motion: found none, allowed rotate and jitter"),
        ({"motion": "swim"}, "motion: found 'swim', allowed rotate and jitter"),
        ({"motion": "rotate", "frames": 0}, "frames: found 0, allowed 1 and above"),
        ({"motion": "rotate", "seed": -1}, "seed: found -1, allowed 0 to"),
        ({"motion": "rotate", "size": (9, 1)}, r"size: found \(9, 1\), allowed"),
        ({"motion": "jitter", "pull": 1.5}, "diffusion, pull: found None, 1.5, allowed"),
        ({"motion": "jitter", "diffusion": float("nan")}, "diffusion, pull: found nan"),
    ],
)
def test_wrong_arguments_are_refused(arguments, words):
    with pytest.raises(ipvae.IpvaeError, match=words):
        ipvae.film(np.zeros((2, 4, 4)), **arguments)


def test_other_inputs_are_refused(animated, tmp_path):
    with pytest.raises(ipvae.IpvaeError, match=r"images: found shape \(2, 3, 4, 4\), allowed"):
        ipvae.film(np.zeros((2, 3, 4, 4)), motion="rotate")
    with pytest.raises(ipvae.IpvaeError, match=r"frames: found 6, allowed up to 5 \(.*walk.png\)"):
        ipvae.film(animated[0], frames=6)
    (tmp_path / "bad.gif").write_bytes(b"GIF89a no")
    with pytest.raises(ipvae.IpvaeError, match="bad.gif: not a picture that can be read"):
        ipvae.film(tmp_path / "bad.gif")
    with pytest.raises(ipvae.IpvaeError, match=r"none\.gif"):
        ipvae.film(tmp_path / "none.gif")


def last(net, *arguments, **options):
    """Counts after a run of streams of 3 steps a frame."""
    return ipvae.run(net, *arguments, frame_steps=3, **options).outputs[net.code]


def test_a_run_takes_films_from_arrays_and_files(net, rng, tmp_path):
    films = rng.integers(0, 200, (2, 4, 12))
    expected = last(net, films, steps=12)
    np.save(tmp_path / "film.npy", films.reshape(2, 4, *net.input.shape))
    np.testing.assert_array_equal(last(net, tmp_path / "film.npy", steps=12), expected)
    np.testing.assert_array_equal(last(net, films, steps=12, samples=1), expected[:1])
    shorter = last(net, films, steps=9)
    np.testing.assert_array_equal(shorter, last(net, films[:, :3], steps=9))
    with pytest.raises(ipvae.IpvaeError, match="steps: found 13, allowed up to 12: the film"):
        last(net, films, steps=13)


def test_a_run_takes_an_animated_picture(net, animated):
    path, frames = animated
    top = net.input.maximum
    assert net.input.shape == SHAPE
    levels = np.rint(frames * (top / 255)).astype(int)[None]
    expected = last(net, levels, steps=15)
    np.testing.assert_array_equal(last(net, path, steps=15, samples=4), expected)
    with pytest.raises(ipvae.IpvaeError, match="allowed an array of films or an .npy file"):
        ipvae.run(as_network(net), path, steps=4, frame_steps=2)


@pytest.mark.parametrize("motion", ["rotate", "jitter"])
def test_images_of_a_run_move(net, motion):
    stills = net.test_images.reshape(-1, *net.input.shape)
    films = ipvae.film(stills, motion=motion, frames=4, seed=6)
    expected = last(net, films, steps=12, seed=6)
    np.testing.assert_array_equal(last(net, steps=12, seed=6, motion=motion), expected)
    few = last(net, steps=12, seed=6, motion=motion, samples=2)
    np.testing.assert_array_equal(few, expected[:2])


def test_motion_belongs_to_streams_of_images(net):
    with pytest.raises(ipvae.IpvaeError, match="motion: needs frame_steps="):
        ipvae.run(net, steps=4, motion="rotate")
    with pytest.raises(ipvae.IpvaeError, match="motion: needs frame_steps="):
        ipvae.run(as_network(net), steps=4, motion="rotate")


@pytest.mark.parametrize("motion", ["rotate", "jitter"])
def test_images_of_a_network_of_any_kinds_move_in_the_same_way(net, motion):
    network, stills = as_network(net), net.test_images[:2]
    films = ipvae.film(stills.reshape(-1, *net.input.shape), motion=motion, frames=3, seed=4)
    expected = ipvae.run(network, films, steps=6, frame_steps=2, seed=4).outputs
    found = ipvae.run(network, stills, steps=6, frame_steps=2, seed=4, motion=motion).outputs
    np.testing.assert_array_equal(found["1"], expected["1"])
    still = ipvae.run(network, stills, steps=6, seed=4).outputs
    assert not np.array_equal(found["1"], still["1"])


def test_what_cannot_move_is_refused_by_name(net):
    network = as_network(net)
    held = {"steps": 4, "frame_steps": 2, "motion": "rotate"}
    with pytest.raises(ipvae.IpvaeError, match=r"^images: found shape \(2, 3\), allowed with mot"):
        ipvae.run(network, np.ones((2, 3), int), **held)
    flat = replace(network, input=replace(network.input, shape=(net.n_pixels,)))
    with pytest.raises(ipvae.IpvaeError, match=r"^motion: found an input of shape .* one channel"):
        ipvae.run(flat, net.test_images, **held)
    nothing = np.zeros((0, net.n_pixels), np.int32)
    empty = replace(network, test_images=nothing, test_labels=np.zeros(0, np.int64))
    with pytest.raises(ipvae.IpvaeError, match="^motion: the network holds no images"):
        ipvae.run(empty, **held)


@pytest.mark.lava
def test_a_moving_film_is_bit_exact_on_lava(net):
    pytest.importorskip("lava", reason="lava-nc is not installed")
    found = ipvae.verify(net, samples=1, steps=12, frame_steps=3, motion="jitter", seed=4)
    assert found.bit_exact and found.compared_values == 13 * 3 * net.n_neurons
