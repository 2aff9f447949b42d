"""The page's figures show the numbers of report.json: lines, bars, labels, ticks, tooltips."""

import re
from html import unescape
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.colors import LogNorm, to_rgba

from ipvae.report.figures.by_step import by_step
from ipvae.report.figures.core_map import core_map
from ipvae.report.figures.energy import energy
from ipvae.report.figures.histogram import histogram
from ipvae.report.figures.raster import raster

MICRO = 1_000_000


@pytest.fixture(scope="session")
def kept(recorded):
    return recorded[1]


def line(axes, number=0):
    x, y = axes.lines[number].get_data()
    return list(map(float, x)), list(map(float, y))


def title(axes, at="left"):
    return axes.get_title(loc=at)


def tooltips(found, axes):
    return [(float(p.x), float(p.y), p.text) for p in found.points if p.axes is axes]


def test_convergence_is_the_curve(kept, result):
    found = kept["convergence"]
    steps = [point["step"] for point in result["curve"]]
    names = {"r2": ("R²", ".4f"), "mse": ("MSE per pixel", ".3e"), "zeros": ("zeros", ".1%")}
    assert len(found.figure.axes) == 3
    for axes, (key, (name, form)) in zip(found.figure.axes, names.items(), strict=True):
        values = [point[key] for point in result["curve"]]
        assert title(axes).startswith(name)
        assert line(axes) == (steps, values)
        assert line(axes, 1)[0] == [result["stop"]["step"]] * 2
        message = [
            f"step {t}: {title(axes)} {v:{form}}" for t, v in zip(steps, values, strict=True)
        ]
        assert tooltips(found, axes) == list(zip(steps, values, message, strict=True))
        assert axes.get_xscale() == "log" and axes.get_xlim() == (1, steps[-1])
    first, *_, last = found.figure.axes
    assert title(first, "right") == f"dashed: stop point, step {result['stop']['step']}"
    assert last.get_xlabel() == "step"
    ticks = found.ticks[-1]
    assert [text for _, text in ticks["x"]] == [f"{at:g}" for at, _ in ticks["x"]]
    for at, text in ticks["y"]:
        assert text.endswith("%") and float(text[:-1]) == pytest.approx(100 * at)
    message = f"steps 1 to {steps[-1]}. The stop point is step {result['stop']['step']}."
    assert found.alt == f"R2, MSE and zeros against {message}"


def test_tooltips_lie_on_the_marks_of_their_values(figures):
    """In the page's picture, where the pointer looks for them."""
    root = ElementTree.fromstring(figures["convergence"].inline)
    name = "{http://www.w3.org/2000/svg}"
    marks = [(float(e.attrib["x"]), float(e.attrib["y"])) for e in root.iter(f"{name}use")]
    circles = [(float(e.attrib["cx"]), float(e.attrib["cy"])) for e in root.iter(f"{name}circle")]
    assert len(circles) > 20
    for one in circles:
        assert min(np.hypot(*np.subtract(one, mark)) for mark in marks) < 0.02


def test_the_raster_is_what_the_code_sent(kept, ink):
    found = kept["raster"]
    axes, bar = found.figure.axes
    order = sorted(range(40), key=lambda k: -int(ink.raster[:, k].sum()))
    (image,) = axes.images
    drawn = np.ma.filled(image.get_array(), np.nan)
    np.testing.assert_array_equal(np.nan_to_num(drawn), ink.raster.T[order])
    most = int(ink.raster.max())
    assert isinstance(image.norm, LogNorm)
    assert (image.norm.vmin, image.norm.vmax) == (1, most)
    assert list(image.get_extent()) == [-0.5, 24.5, 39.5, -0.5]
    dark = [image.cmap(image.norm(value)) for value in range(1, most + 1)]
    light = [np.dot(colour[:3], (0.299, 0.587, 0.114)) for colour in dark]
    assert light == sorted(light, reverse=True) and light[0] < 0.9
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("step", "neuron, most active first")
    assert bar.get_ylabel() == "size of the message"
    assert [text for _, text in found.ticks[1]["y"]] == ["1", str(most)]
    n = np.count_nonzero(ink.raster)
    message = f"at steps 0 to 24: 40 neurons, {n} messages of sizes up to {most}."
    assert found.alt == f"Messages of the first image {message}"


def test_messages_below_nothing_have_a_size_too(record, shown):
    sent = np.array([[0, 2, -3], [1, 0, 0], [0, -1, -3]])
    with record() as kept:
        raster(sent)
    found = kept["raster"]
    drawn = np.ma.filled(found.figure.axes[0].images[0].get_array(), np.nan)
    np.testing.assert_array_equal(np.nan_to_num(drawn), [[3, 0, 3], [2, 0, 1], [0, 1, 0]])
    assert "3 neurons, 5 messages of sizes up to 3." in found.alt


@pytest.mark.parametrize(
    ("most", "ticks"),
    [
        (1, ["1", "2"]),
        (19, ["1", "19"]),
        (21, ["1", "10", "21"]),
        (5000, ["1", "10", "100", "1000", "5000"]),
    ],
)
def test_the_scale_of_sizes_names_its_ends_and_powers_of_ten_between(record, most, ticks):
    with record() as kept:
        raster(np.array([[1, most]]))
    found = kept["raster"].ticks[1]["y"]
    assert [text for _, text in found] == ticks
    assert [at for at, _ in found] == pytest.approx([float(text) for text in ticks])


def test_histograms_are_those_of_the_json(kept, result):
    counted = {"rates": "neurons", "potentials": "neurons x images", "weights 1": "synapses"}
    assert result["histograms"].keys() == counted.keys()
    for name, what in counted.items():
        of, found = result["histograms"][name], kept[name.replace(" ", "-")]
        (axes,) = found.figure.axes
        (stairs,) = axes.patches
        values, edges, _ = stairs.get_data()
        assert (list(values), list(edges)) == (of["counts"], of["edges"])
        assert (axes.get_xlabel(), axes.get_ylabel()) == (of["unit"], what)
        assert axes.get_yscale() == "log"
        assert axes.get_xscale() == ("log" if name == "rates" else "linear")
        low, high = axes.get_ylim()
        assert low < 1 and high > max(of["counts"])
        clips = of.get("clips", [])
        if name == "rates":  # 0 has no place on a logarithmic axis
            clips = clips[1:]
        assert [one.get_xdata()[0] for one in axes.lines] == clips
        assert title(axes, "right") == ("dashed: clip" if clips else "")
        ends = f"{of['unit']} from {of['edges'][0]:.4g} to {of['edges'][-1]:.4g}"
        assert found.alt.startswith(f"Histogram of {sum(of['counts']):,} {what}: {ends};")
    assert len(kept["rates"].figure.axes[0].lines) == 1
    assert len(kept["potentials"].figure.axes[0].lines) == 2


def test_ticks_of_a_histogram_state_where_they_are(record, shown):
    edges, counts = [0.001, 0.01, 0.1, 1.0, 10.0], [3, 20_000, 5, 700]
    with record() as kept:
        histogram("rates", "neurons", {"unit": "u", "edges": edges, "counts": counts}, ratio=True)
    (ticks,) = kept["rates"].ticks
    assert len(ticks["x"]) > 3 and len(ticks["y"]) > 3
    for at, text in ticks["x"]:
        assert float(text) == pytest.approx(at)
    for at, text in ticks["y"]:
        assert shown.scaled(text) == pytest.approx(at)


def test_costs_of_each_step_are_those_of_the_json(kept, result, shown):
    found, of = kept["by-step"], result["by_step"]
    keys = {"messages": "messages", "spikes": "spikes", "synaptic_ops": "synaptic operations"}
    for axes, (key, name) in zip(found.figure.axes, keys.items(), strict=True):
        assert title(axes) == name
        assert line(axes) == (of["step"], of[key])
        message = [
            f"step {t}: {shown.mean(v)} {name}" for t, v in zip(of["step"], of[key], strict=True)
        ]
        assert tooltips(found, axes) == list(zip(of["step"], of[key], message, strict=True))
        low, high = axes.get_ylim()
        assert low == 0 and high > max(of[key])
    assert found.figure.axes[-1].get_xlabel() == "step"
    assert found.alt == "Messages, spikes and synaptic operations of steps 0 to 2."


def test_a_long_run_shows_means_of_blocks_where_they_begin(record, shown):
    steps = list(range(2500))
    with record() as kept:
        by_step({"step": steps, "spikes": [10.0 * t for t in steps]})
    found = kept["by-step"]
    (axes,) = found.figure.axes
    x, y = line(axes)
    assert x == steps[::3]
    assert y == [float(np.mean([10.0 * t for t in steps[i : i + 3]])) for i in x for i in [int(i)]]
    assert axes.get_xlabel() == "step; means of 3 steps"
    assert tooltips(found, axes)[1] == (78.0, 790.0, "step 78: 790 spikes")
    assert found.alt.endswith("of steps 0 to 2499.")
    for at, text in found.ticks[0]["y"]:
        assert shown.scaled(text) == pytest.approx(at)


def test_each_core_stands_in_its_cell_with_its_load(record):
    loads = {(0, 0): 50.0, (0, 13): 200.0, (0, 119): 0.0, (3, 25): 101.0}
    cores = [
        {"chip": chip, "core": core, "layer": str(i), "synaptic_ops": load, "spikes_in": 1.0}
        for i, ((chip, core), load) in enumerate(loads.items(), 1)
    ]
    with record() as kept:
        core_map(cores)
    found = kept["core-map"]
    first, second = found.figure.axes
    assert (title(first), title(second)) == ("chip 0", "chip 3")
    assert (first.get_xlim(), first.get_ylim()) == ((0, 12), (10, 0))  # the first on top
    texts = {
        (title(axes), t.get_position()): t.get_text()
        for axes in (first, second)
        for t in axes.texts
        if t.get_text()
    }
    assert texts == {
        ("chip 0", (0.5, 0.5)): "L1\n25%",
        ("chip 0", (1.5, 1.5)): "L2\n100%",
        ("chip 0", (11.5, 9.5)): "L3\n0%",
        ("chip 3", (1.5, 2.5)): "L4\n50%",
    }
    assert found.alt == "4 cores on 2 chips, shaded by load."
    boxes = {
        (title(axes), int(p.get_x()), int(p.get_y())): p.get_facecolor()
        for axes in (first, second)
        for p in axes.patches
    }
    light = {
        place: np.dot(boxes[place][:3], (0.299, 0.587, 0.114))
        for place in [("chip 0", 11, 9), ("chip 0", 0, 0), ("chip 3", 1, 2), ("chip 0", 1, 1)]
    }
    assert list(light.values()) == sorted(light.values(), reverse=True)
    assert len({*light.values()}) == 4
    assert boxes[("chip 0", 5, 5)] == to_rgba("#ffffff")
    ink = {t.get_text(): np.mean(to_rgba(t.get_color())[:3]) for t in first.texts if t.get_text()}
    assert ink["L3\n0%"] < 0.3 and ink["L2\n100%"] > 0.7  # dark on light, light on dark


def test_the_core_map_of_a_report_is_of_its_synaptic_operations(kept, result):
    most = max(core["synaptic_ops"] for core in result["cores"]["list"])
    found = [
        (title(axes), text.get_position()[0], text.get_text())
        for axes in kept["core-map"].figure.axes
        for text in axes.texts
        if text.get_text()
    ]
    assert found == [
        (
            f"chip {core['chip']}",
            core["core"] + 0.5,
            f"L{core['layer']}\n{100 * core['synaptic_ops'] / most:.0f}%",
        )
        for core in result["cores"]["list"]
    ]


def test_bands_of_energy_lie_at_their_joules(kept, result, shown):
    found = kept["energy"]
    (axes,) = found.figure.axes
    rows = [row for row in result["energy"] if row["low_j"] > 0 and row["high_j"] > 0]
    assert 5 < len(rows) < len(result["energy"])
    bands = [line(axes, i) for i in range(len(rows))]
    assert bands == [([row["low_j"], row["high_j"]], [i, i]) for i, row in enumerate(rows)]
    names = [f"{r['model']}, {r['chip']}: {r['kind']}, {r['part']}" for r in rows]
    assert [text.get_text() for text in axes.texts] == names
    assert [text.get_position()[1] for text in axes.texts] == [
        pytest.approx(i, abs=0.5) for i in range(len(rows))
    ]
    for i, (point, row) in enumerate(zip(found.points, rows, strict=True)):
        assert (point.x, point.y) == (row["high_j"], i)
        name, spent = point.text.rsplit(": ", 1)
        assert name == names[i]
        assert spent.endswith(" µJ per image")
        ends = spent.removesuffix(" µJ per image")
        assert shown.shows_band(ends, row["low_j"], row["high_j"], MICRO), point.text
    assert axes.get_xscale() == "log"
    assert axes.get_xlabel() == "energy per image (circle: modelled, diamond: measured)"
    assert len(found.ticks[0]["x"]) > 2
    for at, text in found.ticks[0]["x"]:
        assert shown.scaled(text, "J") == pytest.approx(at)
    low, high = axes.get_xlim()
    assert low < min(row["low_j"] for row in rows) and high > max(row["high_j"] for row in rows)
    assert {np.log10(end) % 1 for end in (low, high)} == {0}
    top, bottom = axes.get_ylim()[::-1]
    assert top < 0 < len(rows) - 1 < bottom  # the first on top
    assert found.alt.startswith(f"{len(rows)} bands of energy per image")


def test_measured_bands_do_not_look_like_modelled_ones(record):
    row = {"model": "m", "chip": "c", "low_j": 1e-6, "high_j": 2e-6}
    rows = [
        {**row, "kind": kind, "part": part}
        for kind, part in (("modelled", "dynamic"), ("measured", "total"), ("modelled", "static"))
    ]
    with record() as kept:
        energy(rows)
    drawn = [(of.get_marker(), of.get_linestyle()) for of in kept["energy"].figure.axes[0].lines]
    assert drawn == [("o", "-"), ("D", "--"), ("o", ":")]
    assert energy(rows[:1]) is None
    assert energy([rows[0], {**row, "low_j": 0.0}]) is None


def test_pictures_of_the_page_hold_the_words_of_their_figures(figures, kept):
    """Tooltips are in the page's picture alone; labels in that and in the file."""
    for name, found in kept.items():
        svg = figures[name].svg
        for axes in found.figure.axes:
            for text in (axes.get_xlabel(), axes.get_ylabel(), title(axes)):
                assert text in svg
        titles = re.findall(r"<title>([^<]*)</title></circle>", unescape(figures[name].inline))
        assert titles == [point.text for point in found.points]
        assert figures[name].alt == found.alt
