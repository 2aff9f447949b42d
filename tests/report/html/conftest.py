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
    """Open the page at a size; texts on its console and requests are refused afterwards."""
    texts, asked, pages = [], [], []

    def opening(size=(1280, 900), **options):
        tab = browser.new_page(viewport={"width": size[0], "height": size[1]}, **options)
        pages.append(tab)
        tab.on("console", lambda message: texts.append(message.text))
        tab.on("pageerror", lambda error: texts.append(str(error)))
        tab.on("request", lambda request: asked.append(request.url))
        tab.goto(address)
        return tab

    yield opening
    for tab in pages:
        tab.close()
    assert texts == []
    assert [url for url in asked if not url.startswith("data:")] == [address] * len(pages)


PHONE = (360, 740)


@pytest.fixture
def fits_a_phone(opened):
    """Check of the opened page at a phone's size: no sideways scrolling, no tiny text."""

    def check():
        tab = opened(PHONE)
        for summary in tab.locator("summary").all():
            summary.click()
        assert tab.evaluate("document.documentElement.scrollWidth") == PHONE[0]
        boxes = tab.locator(".scroll").all()
        wide = [b for b in boxes if b.evaluate("e => e.scrollWidth > e.clientWidth + 1")]
        assert wide and all(b.get_attribute("tabindex") == "0" for b in wide)
        small = tab.evaluate(
            "() => [...document.querySelectorAll('figure svg text')].filter("
            "e => e.getBoundingClientRect().height < 8).map(e => e.textContent)"
        )
        assert small == []

    return check
