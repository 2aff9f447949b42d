"""The report's page in a browser: Debian's Chromium, headless, from a file."""

import pytest

api = pytest.importorskip("playwright.sync_api", reason="no browser: playwright is not installed")

DESK, PHONE = (1280, 900), (360, 740)


@pytest.fixture(scope="module")
def address(whole, tmp_path_factory):
    """A report with every key that a page can show, as a file."""
    home = tmp_path_factory.mktemp("page")
    (home / "index.html").write_bytes(whole["index.html"])
    return (home / "index.html").as_uri()


def visible(tab):
    return [
        row.get_attribute("data-said") for row in tab.locator(".step").all() if row.is_visible()
    ]


def test_the_slider_changes_the_picture_by_pointer_and_by_keyboard(opened):
    tab = opened()
    steps = tab.locator(".step").count()
    assert visible(tab) == ["after 24 steps"]
    pictures = [tab.locator(".step:visible img").first.get_attribute("src")]
    slider = tab.locator("#step")
    slider.focus()
    tab.keyboard.press("ArrowLeft")
    assert visible(tab) == ["after 16 steps"]
    pictures.append(tab.locator(".step:visible img").first.get_attribute("src"))
    tab.keyboard.press("Home")
    assert visible(tab) == ["after 1 step"]
    assert slider.get_attribute("aria-valuetext") == "after 1 step"
    slider.scroll_into_view_if_needed()
    box = slider.bounding_box()
    tab.mouse.click(box["x"] + box["width"] - 4, box["y"] + box["height"] / 2)
    assert visible(tab) == ["after 24 steps"]
    assert tab.locator("#step-now").inner_text() == "after 24 steps"
    assert pictures[0] != pictures[1] and steps == 6


def test_points_of_curves_state_their_values_on_hover_and_on_focus(opened, result):
    tab = opened()
    tip, point = tab.locator("#tip"), tab.locator("#figure-convergence .point").first
    assert not tip.is_visible()
    point.scroll_into_view_if_needed()
    point.hover()
    first = result["curve"][0]
    assert tip.inner_text() == f"step 1: R² {first['r2']:.4f}"
    tab.mouse.move(0, 0)
    assert not tip.is_visible()
    point.focus()
    assert tip.is_visible()
    tab.keyboard.press("ArrowRight")
    assert tip.inner_text().startswith(f"step {result['curve'][1]['step']}: R²")
    tab.keyboard.press("End")
    assert tip.inner_text().startswith("step 24: R²")
    tab.keyboard.press("Escape")
    assert not tip.is_visible()
    assert tab.locator("#figure-convergence .point[tabindex='0']").count() == 3


def test_all_can_be_reached_by_keyboard_and_focus_is_seen(opened):
    tab = opened()
    reached = []
    for _ in range(60):
        tab.keyboard.press("Tab")
        reached.append(
            tab.evaluate(
                "() => { const e = document.activeElement, s = getComputedStyle(e);"
                " const seen = s.outlineStyle !== 'none' || s.stroke !== 'none';"
                " return [e.className.baseVal ?? e.className, e.id || e.tagName, seen]; }"
            )
        )
    assert reached[0][0] == "skip"
    assert {"step", "SUMMARY", "A"} <= {name for _, name, _ in reached}
    assert "point" in {of for of, _, _ in reached}
    assert all(seen for _, name, seen in reached if name != "BODY")


def test_a_phone_shows_all_without_scrolling_sideways(fits_a_phone):
    fits_a_phone()


def test_tables_and_figures_are_there(opened):
    tab = opened()
    assert tab.locator("table:visible").count() > 10
    assert tab.locator("figure svg:visible").count() == 8
    broken = tab.evaluate("() => [...document.images].filter(e => !e.naturalWidth).length")
    assert broken == 0 and tab.locator("img").count() > 8
    for figure in tab.locator("figure svg").all():
        box = figure.bounding_box()
        assert box["width"] > 200 and box["height"] > 100


def test_paper_gets_every_step_and_nothing_that_needs_a_pointer(opened):
    tab = opened((680, 900))
    tab.emulate_media(media="print")
    assert len(visible(tab)) == tab.locator(".step").count()
    assert not tab.locator("#stepper").is_visible() and not tab.locator("nav").is_visible()
    assert tab.evaluate("document.documentElement.scrollWidth") == 680
    ends = "() => [...document.querySelectorAll('.scroll, .tiles i, figure svg')].map("
    assert max(tab.evaluate(ends + "(e) => e.getBoundingClientRect().right)")) <= 680
    assert tab.pdf(format="A4").startswith(b"%PDF")


def test_without_scripts_every_step_is_shown(opened):
    tab = opened(java_script_enabled=False)
    assert len(visible(tab)) == tab.locator(".step").count()
    assert not tab.locator("#stepper").is_visible()


CONTRAST = """() => {
  const rgb = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = (c) => c.slice(0, 3).map((v) => v / 255)
    .map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const under = (e) => {
    for (; e; e = e.parentElement) {
      const c = rgb(getComputedStyle(e).backgroundColor);
      if (c.length < 4 || c[3] > 0) return c;
    }
    return [255, 255, 255];
  };
  const found = [];
  for (const e of document.querySelectorAll('body *')) {
    const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    if (!own || ['SCRIPT', 'STYLE', 'style'].includes(e.tagName)) continue;
    const style = getComputedStyle(e);
    const colour = e.closest('svg') ? style.fill : style.color;
    const [a, b] = [light(rgb(colour)), light(under(e))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5 && !e.closest('#core-map-figure_1')) found.push([e.textContent, ratio]);
  }
  return found;
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_stand_out_from_what_is_behind_them(opened, scheme):
    """WCAG AA: 4.5 to 1. Words in the core map's cells lie on separate colours."""
    assert opened(color_scheme=scheme).evaluate(CONTRAST) == []


LIGHTNESS = """(selector) => {
  const e = document.querySelector(selector);
  const c = getComputedStyle(e)[e.closest('svg') ? 'stroke' : 'backgroundColor'].match(/[\\d.]+/g);
  return (0.299 * c[0] + 0.587 * c[1] + 0.114 * c[2]) / 255;
}"""


def test_on_a_dark_screen_page_and_figures_are_dark(opened):
    """Curves are lighter than the page there, and darker than it in the light and on paper."""
    curve = "#figure-convergence path[style*='--blue']"
    dark, light = opened(color_scheme="dark"), opened()

    def lightness(tab):
        return tab.evaluate(LIGHTNESS, "body"), tab.evaluate(LIGHTNESS, curve)

    page, line = lightness(dark)
    assert page < 0.2 and line > 0.45
    page, line = lightness(light)
    assert page == 1 and line < 0.5
    dark.emulate_media(media="print", color_scheme="dark")
    assert lightness(dark) == (page, line)


@pytest.mark.parametrize("size", [DESK, PHONE])
def test_the_navigation_stays_and_marks_what_is_read(opened, size):
    tab = opened(size, reduced_motion="reduce")
    for name in ("energy", "quality"):
        tab.locator(f"nav a[href='#{name}']").click()
        api.expect(tab.locator("nav a[aria-current]")).to_have_attribute("href", f"#{name}")
        bar, head = (tab.locator(of).bounding_box() for of in ("nav", f"#{name}"))
        assert bar["y"] == 0 and bar["height"] < 60
        assert bar["height"] <= head["y"] < 150
    current = tab.locator("nav a[aria-current]")
    assert current.count() == 1
    box = current.bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= size[0]


@pytest.mark.parametrize(("size", "verdicts"), [((1400, 900), 99), (PHONE, 5)])
def test_the_first_screen_has_the_verdicts(opened, size, verdicts):
    """All of them on a desk; on a phone those that are asked first."""
    tab = opened(size)
    boxes = [one.bounding_box() for one in tab.locator(".verdicts li").all()[:verdicts]]
    assert len(boxes) >= 5
    assert all(box["y"] + box["height"] <= size[1] for box in boxes)


@pytest.mark.parametrize("width", [360, 411, 768, 1024, 1280, 1400, 1920])
def test_pixels_of_images_are_whole_pixels_of_the_screen(opened, width):
    """At any width: no moire in the dictionary, all tiles of one size, within the page."""
    tab = opened((width, 800))
    sizes = tab.evaluate(
        "() => [...document.querySelectorAll('.tiles i, .strip img')].filter("
        "(e) => e.checkVisibility()).map((e) => ["
        "e.clientWidth, e.clientHeight,"
        "getComputedStyle(e).getPropertyValue('--w'), getComputedStyle(e).getPropertyValue('--h'),"
        "getComputedStyle(e).imageRendering, e.getBoundingClientRect().right])"
    )
    assert len(sizes) >= 50
    for across, down, w, h, rendering, right in sizes:
        assert across % int(w) == 0 and across // int(w) == down // int(h) >= 1
        assert rendering == "pixelated" and right <= width
    sheet = tab.locator(".tiles i").first.evaluate(
        "e => [getComputedStyle(e).backgroundSize, getComputedStyle(e).backgroundPosition,"
        " e.clientWidth / 8]"
    )
    zoom = int(sheet[2])
    assert sheet[:2] == [f"{82 * zoom}px {36 * zoom}px", f"-{zoom}px -{zoom}px"]


def test_a_wide_table_states_that_it_scrolls(opened):
    tab = opened(PHONE)
    message = tab.evaluate(
        "() => [...document.querySelectorAll('.scroll')].filter((e) => e.clientWidth).map((e) => ["
        "e.scrollWidth > e.clientWidth, getComputedStyle(e, '::before').content])"
    )
    assert {wide for wide, _ in message} == {True, False}
    assert all(("scroll sideways" in text) == wide for wide, text in message)
    for caption in tab.locator("caption span:visible").all():
        box = caption.bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= PHONE[0]


def test_every_figure_has_a_title_and_a_caption(opened):
    titles = opened().evaluate(
        "() => [...document.querySelectorAll('figure')].map((e) => ["
        "e.querySelector('figcaption strong').textContent,"
        "e.querySelector('figcaption').textContent.length])"
    )
    names = [name for name, _ in titles]
    assert len(names) == len({*names}) == 9 and all(length > 40 for _, length in titles)
