"""The report's page: what it loads, how it is built, what it says, and that it is ever the same."""

import base64
import hashlib
import itertools
import json
import re
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from ipvae.errors import InputError
from ipvae.files import atomic_write_all
from ipvae.report.figures.by_step import by_step
from ipvae.report.html.page import files, shown, sources
from ipvae.report.html.page import page as written
from ipvae.report.html.verdicts import verdicts
from ipvae.report.pictures import thumbnails

VOID = {"area", "base", "br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"}
LOADS = {"src", "srcset", "data", "poster", "action", "formaction", "background", "xlink:href"}


class Page(HTMLParser):
    """Elements of a page, in their order, with text; every one must be closed where it belongs."""

    def __init__(self, text):
        super().__init__()
        self.elements, self._open = [], []
        self.feed(text)
        assert self._open == []

    def handle_starttag(self, tag, attrs):
        found = {"tag": tag, "text": "", "within": [e["tag"] for e in self._open], **dict(attrs)}
        self.elements.append(found)
        if tag not in VOID:
            self._open.append(found)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self._open.pop()

    def handle_endtag(self, tag):
        assert self._open.pop()["tag"] == tag

    def handle_data(self, data):
        for element in self._open:
            element["text"] += data

    def all(self, *tags):
        return [e for e in self.elements if e["tag"] in tags]


def page_of(found):
    return Page(found["index.html"].decode())


@pytest.fixture(scope="session")
def page(whole):
    return page_of(whole)


def numbers(data):
    """Every number of JSON data, written as the page writes them."""
    if isinstance(data, dict):
        return {n for value in data.values() for n in numbers(value)}
    if isinstance(data, list):
        return {n for value in data for n in numbers(value)}
    return {json.dumps(data)} if isinstance(data, (int, float)) else set()


def test_the_page_loads_no_address(whole, page):
    for element in page.elements:
        for name in LOADS & element.keys():
            assert element[name].startswith(("data:", "#")), element
        if element["tag"] not in ("a", "link"):
            assert element.get("href", "#").startswith(("data:", "#")), element
    assert not page.all("link", "iframe", "object", "embed", "base")
    text = whole["index.html"].decode()
    assert not re.search(r"@import|url\((?!['\"]?(#|data:))", text)
    outside = [e["href"] for e in page.all("a") if not e["href"].startswith("#")]
    assert {*outside} <= {*whole, "report.json"}


def test_the_page_lets_no_other_script_run(page):
    (policy,) = [e for e in page.all("meta") if e.get("http-equiv") == "Content-Security-Policy"]
    (script,) = page.all("script")
    digest = base64.b64encode(hashlib.sha256(script["text"].encode()).digest()).decode()
    assert "default-src 'none'" in policy["content"]
    assert f"script-src 'sha256-{digest}'" in policy["content"]
    assert not any(name.startswith("on") for e in page.elements for name in e)


def test_every_id_is_unique_and_every_reference_leads_to_one(whole, page):
    ids = [e["id"] for e in page.elements if "id" in e]
    assert [name for name, n in Counter(ids).items() if n > 1] == []
    names = ("href", "xlink:href", "aria-labelledby", "for")
    for element in page.elements:
        for to in (element[n] for n in names if n in element):
            beside = to.startswith("data:") or to.split("/")[0] in ("figures", "report.json")
            assert beside or to.removeprefix("#") in ids
    used = re.findall(r"url\(#([^)]+)\)", whole["index.html"].decode())
    assert {*used} <= {*ids} and used


def test_the_first_line_is_the_status(page, result):
    body = [e for e in page.elements if "body" in e["within"]]
    assert body[0]["text"] == result["status"]
    assert "No Loihi 2 was measured" in body[0]["text"]


def test_pictures_tables_and_headings_can_be_read_aloud(page):
    assert page.all("html")[0]["lang"] == "en"
    assert all(e["alt"].strip() for e in page.all("img")) and len(page.all("img")) > 8
    for svg in page.all("svg"):
        assert svg["aria-label"] and svg["role"] in ("img", "group")
    tables = page.all("table")
    assert len(tables) == len(page.all("caption")) > 12
    assert all(c["text"].strip() for c in page.all("caption"))
    assert all(e.get("scope") in ("row", "col") for e in page.all("th"))
    for tag in ("header", "main", "footer", "nav", "h1"):
        assert len(page.all(tag)) == 1
    levels = [int(e["tag"][1]) for e in page.all("h1", "h2", "h3", "h4")]
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    (skip,) = [e for e in page.all("a") if e.get("class") == "skip"]
    assert skip["href"] == "#verdicts"
    (slider,) = page.all("input")
    assert [e["for"] for e in page.all("label")] == [slider["id"]]


def test_every_figure_of_a_table_is_one_of_the_json(page, result):
    found = [e for e in page.all("data") if "table" in e["within"]]
    assert len(found) > 150
    known = numbers(result)
    assert [e["value"] for e in found if e["value"] not in known] == []
    for cell in page.all("td"):
        if cell.get("class") == "n":
            assert cell["text"].strip() == "–" or re.search(r"\d", cell["text"])
    rows = len([e for e in page.all("data") if e["text"] == shown(json.loads(e["value"]), "r2")])
    assert rows >= 2 * len(result["curve"]) // 2


def test_every_cell_of_figures_states_them_for_programs_too(whole):
    cells = re.findall(r'<td class="n">(.*?)</td>', whole["index.html"].decode())
    assert len(cells) > 150
    assert all(c.startswith('<data value="') or c == "<span>–</span>" for c in cells)


@pytest.mark.parametrize(
    ("value", "form", "text"),
    [
        (1234567, "whole", "1,234,567"),
        (2**63 - 1, "whole", "9,223,372,036,854,775,807"),
        (0.12345, "part", "12.3%"),
        (0.004392, "mse", "4.392e-03"),
        (2.5e-6, "micro", "2.5"),
        (0.25, "micro", "250,000"),
        (None, "r2", "–"),
        (float("nan"), "r2", "–"),
        (10**400, "plain", "–"),
    ],
)
def test_numbers_are_rounded_for_people(value, form, text):
    assert shown(value, form) == text


def test_sections_of_the_issue_are_there(page, whole):
    headings = " ".join(e["text"] for e in page.all("h2", "h3"))
    for word in (
        *("Verdicts", "run", "bit-exact", "Quality", "Reconstructions", "Dictionary", "Activity"),
        *("Counts", "Energy", "Cores", "Quantization", "Limits", "Measured"),
    ):
        assert word in headings
    drawn = {name.split("/")[1].split(".")[0] for name in whole if name.startswith("figures/")}
    assert drawn == {
        *("convergence", "raster", "rates", "potentials", "weights-1", "by-step", "core-map"),
        "energy",
    }
    for name in drawn:
        assert whole[f"figures/{name}.png"].startswith(b"\x89PNG")
        assert b"<svg" in whole[f"figures/{name}.svg"]


def test_the_same_result_gives_the_same_bytes(whole, result, ink):
    assert files(result, ink) == whole


def test_two_runs_write_the_same_files(folder, run_still, tmp_path):
    """But for what this machine's energy counters say."""
    net = folder.parent / "net.h5"
    words = ["report", net, "--out", tmp_path, "--samples", "5", "--steps", "24"]
    run_still(*words)
    names = [p.relative_to(folder) for p in folder.rglob("*") if p.is_file()]
    assert len(names) > 10
    for name in names:
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes(), name
    assert str(tmp_path) not in (tmp_path / "index.html").read_text()


def test_a_large_network_stays_under_five_megabytes(result, ink):
    rng = np.random.default_rng(2)
    steps = [2**n for n in range(20)]
    m, k = 256 * 200, 1024
    large = replace(
        ink,
        shape=(256, 200),
        signed=True,
        images=rng.normal(size=(8, m)),
        read_out={step: rng.normal(size=(8, m)) for step in steps},
        phi=rng.normal(size=(m, k)).astype(np.float32),
        counts=rng.poisson(1, (4, k)),
        raster=rng.poisson(2, (513, k)),
    )
    shown_rows = [{"step": step, "r2": [0.5] * 8} for step in steps]
    found = files({**result, "reconstructions": shown_rows}, large)
    assert 100_000 < len(found["index.html"]) < 5_000_000


HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(2)>{{ 7 * 7 }}</pre>\ud800'


def test_what_users_name_is_text_and_nothing_else(result, ink, figures, page):
    provenance = {
        "data": {"preset": HOSTILE, HOSTILE: 1},
        "training": HOSTILE,
        "weight_bits": HOSTILE,
        "grids": {HOSTILE: {HOSTILE: {"weights": 1, "range": HOSTILE}}},
        "calibration": {"float": {"curve": 5}, "integer": {"curve": HOSTILE}},
    }
    run = {**result["run"], "command": HOSTILE, "images": HOSTILE}
    changed = {**result, "network": HOSTILE, "provenance": provenance, "run": run}
    text = written(changed, ink, figures)
    hostile = Page(text.encode(errors="replace").decode())
    assert len(hostile.all("script")) == 1
    assert len(hostile.all("img")) == len(page.all("img"))
    assert not any(name.startswith("on") for e in hostile.elements for name in e)
    plain = HOSTILE.replace("\ud800", "?")
    name = plain.rpartition("/")[2]
    assert (hostile.all("h1")[0]["text"], hostile.all("h1")[0]["title"]) == (name, plain)
    assert hostile.all("title")[0]["text"].startswith(name)
    assert any(e["text"].strip() == plain for e in hostile.all("code"))


@pytest.mark.parametrize(
    "provenance",
    [
        *({}, {"grids": []}, {"grids": {"1": None}}, {"grids": {"1": {"weight": {"range": 3}}}}),
        *({"data": None, "training": None}, {"training": {"beta": 10**400}}),
        {"calibration": {"float": {"curve": []}, "integer": {"curve": [{}]}}},
        {"calibration": {"float": {"curve": [1]}, "integer": {"curve": [{"step": "x"}]}}},
        {"items": 1, "get": {"keys": []}, "note": "x" * 100_000},
    ],
)
def test_provenance_of_any_form_makes_a_page(result, ink, figures, provenance):
    text = written({**result, "provenance": provenance}, ink, figures)
    assert len(Page(text).all("h2")) > 8
    assert len(text) < 1_000_000


OPTIONAL = (
    *("run", "provenance", "readouts", "curve", "stop", "check", "saturations", "histograms"),
    *("layers", "by_step", "by_image", "cores", "time", "energy_notes", "sanafe", "measured"),
    *("verified", "curve_images"),
)


@pytest.mark.parametrize("missing", OPTIONAL)
def test_a_key_that_is_missing_leaves_its_part_out(result, ink, figures, missing):
    found = Page(written({k: v for k, v in result.items() if k != missing}, ink, figures))
    assert found.all("h1")[0]["text"] == result["network"].rpartition("/")[2]


def test_a_report_without_what_is_optional_is_a_page(result, ink):
    least = {k: v for k, v in result.items() if k not in OPTIONAL}
    found = page_of(files(least, ink))
    assert len(found.all("table")) >= 3


def test_what_is_undefined_is_a_dash(result, ink):
    nothing = {"mse": 0.5, "r2": None, "zeros": 1.0}
    curve = [{**point, "r2": None} for point in result["curve"]]
    shown_rows = [{**row, "r2": [None] * len(row["r2"])} for row in result["reconstructions"]]
    changed = {"quality": nothing, "curve": curve, "stop": None, "reconstructions": shown_rows}
    text = files({**result, **changed}, ink)["index.html"].decode()
    assert "R2 undefined" in text
    assert not re.search(r"\b(nan|None|NaN)\b", Page(text).all("main")[0]["text"])


def test_verdicts_report_what_is_and_what_is_not(result):
    def verdicts_of(**changes):
        return {v.title: (v.kind, v.text) for v in verdicts({**result, **changes})}

    assert verdicts_of()["Bit-exact"][0] == "open"
    exact = {
        "bit_exact": True,
        "backends": ["emulator", "lava"],
        "compared_values": 1234,
        "samples": 2,
        "steps": 16,
        "first_divergence": None,
    }
    assert verdicts_of(verified=exact)["Bit-exact"] == (
        "holds",
        "emulator = lava in 1,234 values (2 images, steps 0 to 16)",
    )
    apart = {**exact, "bit_exact": False, "first_divergence": {"backend": "lava", "step": 3}}
    kind, text = verdicts_of(verified=apart)["Bit-exact"]
    assert kind == "fails" and "lava differs first at step 3" in text
    assert verdicts_of()["Fits"][0] == "holds" and verdicts_of()["Overflow"][0] == "holds"
    broken = [{"rule": "cores", "found": 200, "allowed": 120, "where": "layer 1"}]
    full = {**result["check"], "ok": False, "violations": broken, "overflow_proved": False}
    assert verdicts_of(check=full)["Fits"] == ("fails", "not loihi2: cores exceeded")
    assert verdicts_of(check=full)["Overflow"] == ("fails", "not excluded")
    clipped = {"1": {"u": 2, "z": 1}}
    assert verdicts_of(saturations=clipped)["Saturation"] == (
        "figure",
        "3 values stood at a limit (log-rates: the upper one; at the lower one a neuron is silent)",
    )
    assert (
        "(drives, inputs, messages)"
        in verdicts_of(saturations=clipped, log_rates=False)["Saturation"][1]
    )
    last = {**result["stop"], "step": result["steps"]}
    assert verdicts_of(stop=last)["Stop point"][1].startswith("none: before the last step")
    for step in (1, result["steps"] - 1):
        text = verdicts_of(stop={**result["stop"], "step": step})["Stop point"][1]
        assert text.startswith(f"step {step}: R2 ")
    first = {**result["headline"], "kind": "measured"}
    assert "measured" in verdicts_of(headline=first)["Energy of an image"][1]
    assert "modelled" in verdicts_of()["Energy of an image"][1]


def test_sources_are_reported_once():
    rows = [
        {"source": "a", "assumptions": ["x"]},
        {"source": "b"},
        {"source": "a", "assumptions": ["x"]},
        {"source": "a", "assumptions": ["y"]},
    ]
    found = sources(rows)
    assert [(of["source"], of["rows"], of["same"]) for of in found] == [
        ("a", [0, 2], None),
        ("b", [1], None),
        ("a", [3], 1),
    ]


def test_large_images_are_averaged_block_by_block():
    image = np.arange(200 * 100, dtype=float).reshape(1, -1)
    small, shape = thumbnails.shrunk(image, (200, 100))
    assert shape == (50, 25)
    assert small[0, 0] == image.reshape(200, 100)[:4, :4].mean()
    _, shape = thumbnails.shrunk(image, (100, 200))
    assert shape == (25, 50)
    assert np.array_equal(thumbnails.shrunk(image[:, :96], (8, 12))[0], image[:, :96])


def test_a_long_run_is_drawn_by_blocks_of_steps():
    steps = list(range(10_001))
    found = by_step({"step": steps, "spikes": [float(n % 2) for n in steps]})
    assert "means of 10 steps" in found.svg
    assert len(found.inline) < 100_000
    assert "step 0: 0.5 spikes" in found.inline and found.inline.count("<circle") <= 33


def test_files_are_written_together_or_not_at_all(tmp_path):
    (tmp_path / "index.html").write_text("earlier")
    (tmp_path / "figures" / "b.svg").mkdir(parents=True)
    new = {"index.html": b"new", "figures/a.svg": b"new", "figures/b.svg": b"new"}
    with pytest.raises(InputError, match=r"b\.svg: cannot write there"):
        atomic_write_all(tmp_path, new)
    assert (tmp_path / "index.html").read_text() == "earlier"
    kept = sorted(str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*"))
    assert kept == ["figures", "figures/b.svg", "index.html"]
    (tmp_path / "figures" / "b.svg").rmdir()
    atomic_write_all(tmp_path, new)
    assert {(tmp_path / name).read_bytes() for name in new} == {b"new"}
    assert len(list(tmp_path.rglob("*"))) == 4
