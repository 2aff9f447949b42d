"""Pages in a browser: Debian's Chromium, headless, from a file that a module names `address`."""

import os
import shutil

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="module")
def browser():
    chromium = next(filter(None, map(shutil.which, NAMES)), None)
    if chromium is None:
        pytest.skip("no browser: Chromium is not installed")
    api = pytest.importorskip(
        "playwright.sync_api", reason="no browser: playwright is not installed"
    )
    flags = ["--no-sandbox"] if os.geteuid() == 0 else []
    with api.sync_playwright() as driver:
        found = driver.chromium.launch(executable_path=chromium, args=flags)
        yield found
        found.close()


@pytest.fixture
def opened(browser, address):
    """Open the page at a size; what it says on the console and asks for is refused afterwards."""
    expected, asked, pages = [], [], []

    def opening(size=(1280, 900), **options):
        tab = browser.new_page(viewport={"width": size[0], "height": size[1]}, **options)
        pages.append(tab)
        tab.on("console", lambda message: expected.append(message.text))
        tab.on("pageerror", lambda error: expected.append(str(error)))
        tab.on("request", lambda request: asked.append(request.url))
        tab.goto(address)
        return tab

    yield opening
    for tab in pages:
        tab.close()
    assert expected == []
    assert [url for url in asked if not url.startswith("data:")] == [address] * len(pages)
