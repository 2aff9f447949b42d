# pyright: reportAttributeAccessIssue=false
"""The page of a report on a network of any kind: what it shows, from report.json alone."""

import html
import json
import re

import numpy as np
import pytest

import ipvae
from ipvae.report.html.network_page import files
from ipvae.report.html.network_verdicts import network_verdicts

STEPS = 6


@pytest.fixture(scope="module")
def path(tmp_path_factory, plain_nets):
    p, rng, shape = plain_nets, np.random.default_rng(1), (3, 12, 20)
    first = p.conv(rng.integers(-9, 20, (2, 3, 3, 3)), shape, p.cuba(6), stride=2)
    n = int(np.prod(first["shape"]))
    layers = [
        p.entry(shape, p.cuba(25)),
        first,
        p.flatten(n),
        p.dense(rng.integers(-9, 10, (4, n)), p.cuba(9)),
        p.dense(rng.integers(-9, 10, (4, 4)), p.cuba(100_000)),
    ]
    return p.write(tmp_path_factory.mktemp("net") / "x.net", layers)


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(2).integers(0, 60, (3, 3, 12, 20))


@pytest.fixture(scope="module")
def report(path, images):
    return ipvae.make_report(path, images, [0, 1, 2], steps=STEPS)


@pytest.fixture(scope="module")
def result(report):
    found = report.to_json()
    found["verified"] = {
        **{"bit_exact": True, "samples": 2, "steps": STEPS, "backends": ["emulator", "lava"]},
        **{"variables": ["1/voltage", "1/z"], "compared_values": 4321, "max_count": 1},
        "first_divergence": None,
    }
    found["by_step"]["lead_in"] = {"1": [2.0]}
    return found


@pytest.fixture(scope="module")
def whole(result, report):
    return files(result, report.pictures)


@pytest.fixture(scope="module")
def page(whole):
    return whole["index.html"].decode()


def test_it_has_a_page_and_its_figures(whole):
    names = {f"figures/{n}.{k}" for n in ("by-step", "core-map", "energy") for k in ("svg", "png")}
    assert set(whole) == {"index.html", *names}
    assert all(whole[name].startswith(b"\x89PNG") for name in names if name.endswith("png"))


def test_the_page_loads_nothing(page):
    assert not re.search(r"""(?:src|href)=["'](?!data:|#|figures/|report\.json)""", page)
    assert "default-src 'none'" in page and "@import" not in page


def test_equal_data_give_equal_bytes(whole, result, report):
    assert files(json.loads(json.dumps(result)), report.pictures) == whole


def test_every_verdict_and_section_is_there(page, result):
    for verdict in network_verdicts(result):
        assert html.escape(verdict.text, quote=False) in html.unescape(page) or verdict.text in page
    heads = re.findall(r'<h2 id="([\w-]+)"', page)
    links = re.findall(r'<a href="#([\w-]+)">[^\[]', page.split("</nav>")[0].split("<nav")[1])
    assert heads == links
    assert {"verdicts", "run", "exact", "outputs", "layers", "energy", "cores", "limits"} <= {
        *heads
    }
    assert not {"quality", "dictionary", "quantization"} & {*heads}


def numbers(value):
    """All numbers of JSON data, as JSON writes them."""
    if isinstance(value, dict):
        return set().union(*(numbers(item) for item in value.values())) if value else set()
    if isinstance(value, list):
        return set().union(*(numbers(item) for item in value)) if value else set()
    return {json.dumps(value)} if isinstance(value, (int, float)) else set()


def test_every_number_of_a_table_is_in_report_json(page, result):
    shown = set(re.findall(r'<data value="([^"]+)">', page))
    assert len(shown) > 100
    assert shown <= numbers(result)


def test_every_layer_has_its_row(page, result):
    for layer in result["layers"]:
        assert html.escape(layer["neuron"]) in page
        assert all(html.escape(c["text"]) in page for c in layer["connections"])
        for key in ("messages", "synaptic_ops", "silent_neurons", "messages_received", "zeros"):
            assert f'<data value="{json.dumps(layer[key])}">' in page


def test_what_sends_nothing_is_named(page, result):
    assert result["silent_layers"] == ["4"]
    assert "<strong>Nothing passes layer 4</strong>" in page
    assert page.count("Nothing passes") == 1


def test_there_are_no_figures_of_merit_of_reconstructions(page):
    text = re.sub(r"<(style|script)>.*?</\1>|<[^>]+>", " ", page, flags=re.DOTALL)
    assert not re.search(r"R²|\bMSE\b|Dictionary|decoder", text)


def test_inputs_are_pictures_in_colour_or_grey(report, result, path, plain_nets):
    text = files(result, report.pictures)["index.html"].decode()
    assert len(re.findall(r'<img src="data:image/png', text)) == 3
    assert report.pictures.shape == (3, 3, 12, 20)
    assert "<img" not in files(result, None)["index.html"].decode()
    grey = files(result, report.pictures[:, :1])["index.html"].decode()
    assert grey.count("<img") == 3 and grey != text
    flat = [plain_nets.entry((6,)), plain_nets.dense(np.eye(6), plain_nets.cuba(2))]
    other = plain_nets.write(path.parent / "flat.net", flat)
    assert ipvae.make_report(other, np.eye(6, dtype=int), steps=2).pictures is None


def test_the_command_and_the_versions_are_told(page, result):
    command = " ".join(
        re.findall(r"<span>([^<]*)</span>", page.split("<code>")[1].split("</code>")[0])
    )
    assert html.unescape(command) == result["run"]["command"]
    assert result["run"]["versions"]["ipvae"] in page and result["checksum"] in page
    assert "emulator and lava ran the first images" in page and "1/voltage, 1/z" in page


def test_without_a_comparison_the_page_reports_it(result, report):
    text = files({**result, "verified": None}, report.pictures)["index.html"].decode()
    assert "Not verified in this report" in text and result["run"]["verify"][:20] in text


def test_many_layers_are_drawn_up_to_a_number(result, report):
    many = {str(i): [float(i)] * STEPS for i in range(40)}
    by_step = {**result["by_step"], "messages": many}
    found = files({**result, "by_step": by_step}, report.pictures)
    svg = found["figures/by-step.svg"].decode()
    assert ">layer 15<" in svg and ">layer 16<" not in svg


def test_values_at_limits_are_listed_where_there_are_some(result, report):
    assert "Values at limits" not in files(result, None)["index.html"].decode()
    reached = {"1": {"current": 0, "voltage": 17}}
    text = files({**result, "at_limits": reached}, report.pictures)["index.html"].decode()
    table = text.split('aria-label="Values at limits"')[1].split("</table>")[0]
    assert "voltage" in table and ">17<" in table and "<td>current</td>" not in table
