"""Pictures: what their pixels show, the same bytes for the same input, whole or not at all."""

import subprocess
import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest

from ipvae.errors import InputError
from ipvae.report.pictures import curves, tiles
from ipvae.report.pictures.canvas import read_rgb
from ipvae.report.pictures.reconstructions import HEAD, LABEL, TILE, UNDER, reconstructions

ROOT = Path(__file__).resolve().parents[3]
SHAPE = (6, 5)


def draw_dictionary(path, rng):
    counts = rng.poisson(np.linspace(0.1, 2, 12), (20, 12))
    tiles.dictionary(path, rng.normal(size=(30, 12)), SHAPE, counts, "a model")


def draw_samples(path, rng):
    tiles.samples(path, rng.normal(size=(7, 30)), SHAPE, "a model", signed=True)


def draw_reconstructions(path, rng):
    x = rng.random((4, 30))
    reconstructions(path, x, {1: 0.5 * x, 16: x}, SHAPE, "a model", signed=False)


def draw_convergence(path, rng):
    points = [{"step": t, "r2": 1 - 1 / t, "zeros": 0.5} for t in (1, 2, 7, 1000)]
    curves.convergence(path, points, "a model", 12, trained=4)


def draw_training(path, rng):
    curves.training(path, [{"epoch": i, "loss": 1 / i, "nll": None} for i in (1, 2, 3)], "a model")


DRAWN = [draw_dictionary, draw_samples, draw_reconstructions, draw_convergence, draw_training]


@pytest.mark.parametrize("draw", DRAWN)
def test_the_same_input_gives_the_same_bytes_whatever_the_users_settings_are(draw, tmp_path):
    draw(tmp_path / "a.png", np.random.default_rng(1))
    with mpl.rc_context({"font.size": 30, "axes.grid": False, "savefig.dpi": 20}):
        before = dict(mpl.rcParams)
        draw(tmp_path / "b.png", np.random.default_rng(1))
        assert dict(mpl.rcParams) == before
    first = (tmp_path / "a.png").read_bytes()
    assert first == (tmp_path / "b.png").read_bytes()
    assert first.startswith(b"\x89PNG")
    assert b"Software" not in first and b"Creation" not in first and b"tIME" not in first
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.png", "b.png"]


def test_pyplot_is_not_touched(tmp_path):
    program = (
        "import sys, numpy as np; from ipvae.report.pictures import tiles; "
        f"tiles.samples({str(tmp_path / 'a.png')!r}, np.ones((2, 4)), (2, 2), 'x', signed=False); "
        "sys.exit('matplotlib.pyplot' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False).returncode == 0
    assert (tmp_path / "a.png").exists()


@pytest.mark.parametrize("draw", DRAWN)
def test_what_cannot_be_written_is_one_clear_error_and_keeps_what_was_there(draw, tmp_path, rng):
    with pytest.raises(InputError, match="cannot write there"):
        draw(tmp_path / "none" / "a.png", rng)
    (tmp_path / "a.png").mkdir()
    with pytest.raises(InputError, match="cannot write there"):
        draw(tmp_path / "a.png", rng)
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"]


def test_mosaic_lays_tiles_out_row_by_row():
    laid = tiles.mosaic(np.arange(5 * 6).reshape(5, 6), (2, 3), columns=2)
    assert laid.shape == (3 * 3 + 1, 2 * 4 + 1)
    np.testing.assert_array_equal(laid[1:3, 1:4], np.arange(6).reshape(2, 3))
    np.testing.assert_array_equal(laid[1:3, 5:8], np.arange(6, 12).reshape(2, 3))
    np.testing.assert_array_equal(laid[7:9, 1:4], np.arange(24, 30).reshape(2, 3))
    edges = np.isnan(laid)
    assert edges[::3].all() and edges[:, ::4].all()
    assert edges[7:9, 5:8].all()
    assert np.count_nonzero(~edges) == 30


def colour_of(path, colour, tolerance=12):
    """Where a picture has a colour: rows and columns."""
    away = np.abs(read_rgb(path).astype(int) - np.array(colour))
    return np.argwhere(away.max(axis=2) <= tolerance)


def test_dictionary_is_sorted_by_use_and_signed(tmp_path):
    """One latent adds, the other takes away; the more used one is first."""
    phi = np.stack([np.full(30, 1.0), np.full(30, -1.0)], axis=1)
    red, blue = (np.array(mpl.colormaps["RdBu_r"](end)[:3]) * 255 for end in (1.0, 0.0))
    for counts, red_first in (([[2, 1]], True), ([[1, 2]], False)):
        path = tmp_path / f"{red_first}.png"
        tiles.dictionary(path, phi, SHAPE, np.array(counts), "x")
        left = {name: colour_of(path, c)[:, 1].min() for name, c in (("red", red), ("blue", blue))}
        assert (left["red"] < left["blue"]) == red_first


def test_reconstructions_share_the_scale_of_the_images(tmp_path):
    """Brightness of a tile's middle: full, half, and cut where it exceeds the image's."""
    x = np.ones((1, 30))
    reconstructions(tmp_path / "a.png", x, {1: x / 2, 4: 4 * x, 9: -x}, SHAPE, "x", signed=False)
    picture = read_rgb(tmp_path / "a.png")
    tall = TILE * SHAPE[0] / SHAPE[1]
    middles = [round(HEAD + row * (tall + UNDER) + tall / 2) for row in range(4)]
    found = [int(picture[y, LABEL + TILE // 2, 0]) for y in middles]
    assert found[0] == found[2] == 255
    assert found[1] == pytest.approx(128, abs=2)
    assert found[3] == 0


def test_names_may_hold_any_sign(tmp_path):
    for name in ("$x_{", "日本", "a\\b"):
        tiles.samples(tmp_path / "a.png", np.ones((2, 30)), SHAPE, name, signed=False)


def test_values_that_are_not_numbers_leave_gaps(tmp_path):
    points = [{"step": t, "r2": float("nan"), "zeros": 1.0} for t in (1, 2)]
    curves.convergence(tmp_path / "a.png", points, "x", 1)
    tiles.dictionary(tmp_path / "a.png", np.zeros((30, 3)), SHAPE, np.zeros((2, 3)), "x")
    curves.training(tmp_path / "a.png", [{"epoch": 1}], "x")


def test_arrays_that_do_not_fit_are_refused(tmp_path):
    path = tmp_path / "a.png"
    with pytest.raises(ValueError, match=r"tiles: found \(2, 7\), allowed \(N, 30\)"):
        tiles.samples(path, np.zeros((2, 7)), SHAPE, "x", signed=False)
    with pytest.raises(ValueError, match=r"phi: found \(30, 2\) and counts \(4, 3\)"):
        tiles.dictionary(path, np.zeros((30, 2)), SHAPE, np.zeros((4, 3)), "x")
    with pytest.raises(ValueError, match=r"\(1, 30\), \(2, 30\).*allowed one \(N, 30\)"):
        reconstructions(path, np.zeros((1, 30)), {1: np.zeros((2, 30))}, SHAPE, "x", signed=False)
    with pytest.raises(ValueError, match="each 1 or above"):
        curves.convergence(path, [{"step": 0, "r2": 0, "zeros": 0}], "x", 1)
    with pytest.raises(ValueError, match="history: found no epoch"):
        curves.training(path, [], "x")
    assert not path.exists()
