# pyright: reportArgumentType=false
"""`ipvae.draw_film`: an animated PNG with a frame for each frame of the film."""

import numpy as np
import pytest

import ipvae
from ipvae.network.conversion.from_dense import as_network
from ipvae.outputs import is_picture

image = pytest.importorskip("PIL.Image")
pytest.importorskip("matplotlib")


@pytest.fixture(scope="module")
def net(kinds):
    return kinds.networks(3)["recurrent"]


@pytest.fixture(scope="module")
def film():
    return np.random.default_rng(5).integers(-100, 100, (3, 6))


def test_a_picture_has_a_frame_for_each_frame(net, film, tmp_path):
    path = tmp_path / "film.png"
    ipvae.draw_film(net, film, path, steps=4, milliseconds=50)
    assert is_picture(path)
    with image.open(path) as picture:
        assert picture.n_frames == 3 and picture.size == (720, 440)
        shown = []
        for f in range(3):
            picture.seek(f)
            assert picture.info["duration"] == 50
            shown.append(np.asarray(picture.convert("RGB")))
    assert len({frame.tobytes() for frame in shown}) == 3
    first = path.read_bytes()
    ipvae.draw_film(net, film, path, steps=4, milliseconds=50)  # replaces it
    assert path.read_bytes() == first
    ipvae.draw_film(net, film, path, steps=4, milliseconds=50, reset=True)
    assert path.read_bytes() != first


def test_codes_that_are_not_drawn_have_pictures_too(kinds, film, tmp_path):
    ipvae.draw_film(kinds.networks(3)["lca"], film[:2], tmp_path / "film.png", steps=2)
    assert is_picture(tmp_path / "film.png")


def test_wrong_arguments_are_refused(net, film, tmp_path):
    path = tmp_path / "film.png"
    path.write_text("mine")
    for wrong, words in (
        ({}, "path: .*film.png already exists and is not a picture of ipvae"),
        ({"path": tmp_path / "film.gif"}, r"path: found .*film\.gif, allowed a name"),
        ({"network": as_network(net)}, "allowed an integer network"),
        ({"film": film[0], "path": tmp_path / "x.png"}, r"film: found shape \(6,\), allowed"),
        ({"milliseconds": 0}, "milliseconds: found 0, allowed 1 and above"),
    ):
        with pytest.raises(ipvae.IpvaeError, match=words):
            ipvae.draw_film(**{"network": net, "film": film, "path": path} | wrong)
    assert path.read_text() == "mine"
    assert not (tmp_path / "x.png").exists()
