"""The page of a network of any kind in a browser: Debian's Chromium, headless, from a file."""

import itertools

import numpy as np
import pytest

import ipvae

api = pytest.importorskip("playwright.sync_api", reason="no browser: playwright is not installed")

DESK, PHONE = (1280, 900), (360, 740)
LIGHTNESS = """(selector) => {
  const e = document.querySelector(selector);
  const c = getComputedStyle(e)[e.closest('svg') ? 'stroke' : 'backgroundColor'].match(/[\\d.]+/g);
  return (0.299 * c[0] + 0.587 * c[1] + 0.114 * c[2]) / 255;
}"""


@pytest.fixture(scope="module")
def address(tmp_path_factory, plain_nets):
    """A report of five layers and pictures in colour, as a file."""
    home = tmp_path_factory.mktemp("page")
    p, rng, shape = plain_nets, np.random.default_rng(1), (3, 33, 100)
    layers = [
        p.entry(shape, p.cuba(25)),
        p.conv(rng.integers(-9, 20, (2, 3, 3, 3)), shape, p.cuba(6), stride=4),
    ]
    layers.append(p.flatten(int(np.prod(layers[1]["shape"]))))
    sizes = (int(np.prod(layers[1]["shape"])), 6, 5, 4)
    for n_in, n_out in itertools.pairwise(sizes):
        layers.append(p.dense(rng.integers(-9, 12, (n_out, n_in)), p.cuba(9)))
    path = p.write(home / "x.net", layers)
    images = rng.integers(0, 60, (3, *shape))
    return ipvae.make_report(path, images, [0, 1, 2], steps=12).save(home / "rep").as_uri()


def test_a_phone_shows_all_without_scrolling_sideways(fits_a_phone):
    fits_a_phone()


@pytest.mark.parametrize("size", [DESK, PHONE])
def test_pictures_and_figures_are_there(opened, size):
    tab = opened(size)
    broken = tab.evaluate("() => [...document.images].filter(e => !e.naturalWidth).length")
    assert broken == 0 and tab.locator("img").count() == 3
    for image in tab.locator("img").all():
        box = image.bounding_box()
        assert box["width"] >= 100 and box["x"] + box["width"] <= size[0]
    assert tab.locator("figure svg:visible").count() == 3


def test_points_of_layers_report_their_messages(opened):
    tab = opened()
    point = tab.locator("#figure-by-step .point").first
    point.scroll_into_view_if_needed()
    point.hover()
    assert tab.locator("#tip").inner_text().startswith("step 0: ")
    assert tab.locator("#tip").inner_text().endswith("messages, input")


def test_on_a_dark_screen_page_and_curves_are_dark(opened):
    dark, light = opened(color_scheme="dark"), opened()
    curve = "#figure-by-step path[style*='--blue']"
    assert dark.evaluate(LIGHTNESS, "body") < 0.2 and dark.evaluate(LIGHTNESS, curve) > 0.45
    assert light.evaluate(LIGHTNESS, "body") == 1 and light.evaluate(LIGHTNESS, curve) < 0.5
