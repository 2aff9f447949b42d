"""Pictures beside the figures: greys of images and tiles, words and lines of `--pictures`."""

import base64
import io

import numpy as np
import pytest
from matplotlib.image import imread

from ipvae.report.pictures import curves, reconstructions, thumbnails, tiles


def grey(address):
    """Pixels (height, width) from 0 to 255 of an image that is an address."""
    data = base64.b64decode(address.removeprefix("data:image/png;base64,"))
    pixels = imread(io.BytesIO(data))
    assert (pixels[..., 0] == pixels[..., 1]).all() and (pixels[..., 0] == pixels[..., 2]).all()
    return np.rint(255 * pixels[..., 0]).astype(int)


def test_thumbnails_are_grey_on_the_scale_of_the_images():
    images = np.array([[0.0, 1.0, 2.0, 4.0, 3.0, 0.5]])
    others = [images / 2, 3 * images]
    inputs, rows = thumbnails.thumbnails(images, others, (2, 3), signed=False)
    np.testing.assert_allclose(grey(inputs[0]), images.reshape(2, 3) / 4 * 255, atol=1)
    np.testing.assert_allclose(grey(rows[0][0]), images.reshape(2, 3) / 8 * 255, atol=1)
    np.testing.assert_allclose(
        grey(rows[1][0]), np.minimum(3 * images.reshape(2, 3) / 4, 1) * 255, atol=1
    )


def test_signed_thumbnails_have_nothing_in_the_middle():
    images = np.array([[-4.0, -2.0, 0.0, 2.0]])
    inputs, _ = thumbnails.thumbnails(images, [], (1, 4), signed=True)
    np.testing.assert_allclose(grey(inputs[0])[0], [0, 64, 128, 191], atol=1)


def test_the_dictionary_of_the_page_is_sorted_by_use_on_one_scale():
    phi = np.array([[1.0, -1.0, 0.5], [1.0, -1.0, 0.5]])
    address, about = thumbnails.dictionary_tiles(phi, (2, 1), np.array([[0, -5, 1], [1, 3, 1]]))
    assert about == {"tiles": 3, "end": 1.0, "columns": 3, "shape": (2, 1), "sprite": (4, 7)}
    found = grey(address)
    assert found.shape == (4, 7)
    np.testing.assert_allclose(found[1], [255, 0, 255, 191, 255, 255, 255], atol=1)
    np.testing.assert_array_equal(found[1], found[2])


@pytest.fixture
def saved(monkeypatch):
    """What a picture holds when it is saved: words, and lines of each of its axes."""
    kept = {}

    def keep(figure, path):
        figure.canvas.draw()
        kept["words"] = [text.get_text() for text in figure.texts]
        kept["axes"] = figure.axes
        kept["lines"] = [
            [tuple(map(list, line.get_data())) for line in axes.lines] for axes in figure.axes
        ]
        kept["titles"] = [(a.get_title(loc="left"), a.get_title(loc="right")) for a in figure.axes]
        kept["ticks"] = [
            [(tick.get_loc(), tick.label1.get_text()) for tick in axes.yaxis.get_major_ticks()]
            for axes in figure.axes
        ]

    for module in (curves, reconstructions, tiles):
        monkeypatch.setattr(module, "save", keep)
    return kept


def test_convergence_shows_r2_and_zeros_against_steps(saved, tmp_path):
    points = [
        {"step": t, "r2": r, "zeros": z}
        for t, r, z in ((1, 0.1, 0.9), (4, 0.75, 0.8), (16, 0.795, 0.7), (64, 0.8, 0.6125))
    ]
    curves.convergence(tmp_path / "a.png", points, "a model", 12, trained=16)
    steps = [1, 4, 16, 64]
    upper, lower = saved["lines"]
    assert upper[0] == (steps, [0.1, 0.75, 0.795, 0.8])
    assert lower[0] == (steps, [0.9, 0.8, 0.7, 0.6125])
    assert upper[1][0] == lower[1][0] == [16, 16]
    assert saved["titles"] == [
        ("R²: explained variance of an image", "0.800 at step 64"),
        ("zeros: latents without a spike at a step", "61.3%"),
    ]
    assert saved["words"] == [
        "Convergence of a model",
        "mean over 12 images; 99% of the last R² by step 16; dashed: 16 steps unrolled in training",
    ]
    assert [axes.get_ylim() for axes in saved["axes"]] == [(0, 1), (0, 1)]
    assert saved["axes"][1].get_xlabel() == "step"
    assert [t.get_text() for t in saved["axes"][1].get_xticklabels()] == [
        "1", "2", "4", "8", "16", "32", "64",
    ]  # fmt: skip


def test_near_is_99_percent_of_the_last_r2(saved, tmp_path):
    points = [{"step": t, "r2": r, "zeros": 0.5} for t, r in ((1, 0.98), (2, 0.991), (4, 1.0))]
    curves.convergence(tmp_path / "a.png", points, "x", 1)
    assert saved["words"][1] == "mean over 1 image; 99% of the last R² by step 2"
    points[-1]["r2"] = -0.5
    curves.convergence(tmp_path / "a.png", points, "x", 1)
    assert saved["words"][1] == "mean over 1 image"
    assert saved["axes"][0].get_ylim() == (pytest.approx(-0.55), 1.0)
    assert len(saved["lines"][0]) == 1


def test_training_shows_each_figure_of_each_epoch(saved, tmp_path):
    keys = ("loss", "nll", "kl", "r2", "zeros", "mse")
    history = [{"epoch": e, **{k: 0.25 + 0.1 * e * i for i, k in enumerate(keys)}} for e in (1, 2)]
    curves.training(tmp_path / "a.png", history, "a model")
    assert [lines[0] for lines in saved["lines"]] == [
        ([1, 2], [record[key] for record in history]) for key in keys
    ]
    names = ("loss", "NLL", "KL", "R²", "zeros", "squared error")
    last = [f"{history[-1][key]:.4g}" for key in keys]
    last[4] = "105.0%"
    assert saved["titles"] == [(n, v) for n, v in zip(names, last, strict=True)]
    units = [axes.get_ylabel() for axes in saved["axes"]]
    assert units == [
        "nats × 256 / pixels", "nats per image", "nats per image", "held-out images",
        "held-out images", "per pixel, held-out images",
    ]  # fmt: skip
    assert saved["words"] == ["Training of a model", "2 epochs"]
    assert len(saved["ticks"][4]) > 2
    for at, text in saved["ticks"][4]:
        assert text.endswith("%") and float(text[:-1]) == pytest.approx(100 * at)


def test_each_reconstruction_has_its_own_r2_below_it(saved, tmp_path):
    rng = np.random.default_rng(3)
    x = rng.random((3, 12))
    read_out = {16: 0.7 * x, 1: 0.25 * x}
    reconstructions.reconstructions(tmp_path / "a.png", x, read_out, (3, 4), "m", signed=False)

    def r2(image, found):
        return 1 - ((image - found) ** 2).sum() / ((image - image.mean()) ** 2).sum()

    message = [
        *("image", "1 step"),
        *(f"{r2(one, 0.25 * one):.2f}" for one in x),
        "16 steps",
        *(f"{r2(one, 0.7 * one):.2f}" for one in x),
    ]
    assert saved["words"][:-2] == message
    assert len({*message}) == len(message)
    shown = [axes.images[0].get_array() for axes in saved["axes"]]
    for i, one in enumerate([*x, *(0.25 * x), *(0.7 * x)]):
        np.testing.assert_array_equal(shown[i], one.reshape(3, 4))
    assert {axes.images[0].get_clim() for axes in saved["axes"]} == {(0.0, x.max())}


def test_the_words_of_a_dictionary_are_of_its_counts(saved, tmp_path):
    phi = np.array([[1.0, -3.0, 0.5, 0.25], [1.0, -1.0, 0.5, 0.25]])
    counts = np.array([[0, 5, 1, 0], [1, 4, 1, 0]])
    tiles.dictionary(tmp_path / "a.png", phi, (1, 2), counts, "a model")
    message = "4 latents: row by row by mean count, 4.5 down to 0 (2 images); 1 never spoke"
    assert saved["words"] == ["Dictionary of a model", message]
    laid = np.array(saved["axes"][0].images[0].get_array().filled(np.nan))
    found = laid[~np.isnan(laid)].reshape(-1, 2)
    np.testing.assert_array_equal(found, phi.T[[1, 2, 0, 3]])
    low, high = saved["axes"][0].images[0].get_clim()
    assert low == -high == pytest.approx(-np.quantile(np.abs(phi), 0.999))
    assert saved["axes"][1].get_ylabel() == "weight: what one spike adds to a pixel"


def test_of_many_latents_the_most_used_are_drawn(saved, tmp_path, monkeypatch):
    monkeypatch.setattr(tiles, "MOST_TILES", 2)
    counts = np.array([[1, 5, 3], [1, 5, 3]])
    tiles.dictionary(tmp_path / "a.png", np.ones((2, 3)), (1, 2), counts, "x")
    message = "the 2 most used of 3 latents: row by row by mean count, 5 down to 3 (2 images)"
    assert saved["words"][1] == f"{message}; 0 never spoke"
    tiles.samples(tmp_path / "a.png", np.ones((5, 2)), (1, 2), "x", signed=False)
    assert saved["words"][0] == "Samples from the prior of x"
    assert saved["words"][1].startswith("2 draws: ")
