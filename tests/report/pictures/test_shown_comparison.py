"""The picture of a comparison shows the numbers of compare.json: lines, bands, rings, ticks."""

import numpy as np
import pytest

from ipvae.report.numbers import tick
from ipvae.report.pictures import comparison

MODEL = "a model"
STEPS = (1, 4, 16)


def points(steps, shift, *, spent):
    for i, step in enumerate(steps):
        point = {
            "step": step,
            "r2": 0.5 + 0.125 * i + shift,
            "zeros": 0.25 + 0.0625 * i + shift,
            "accuracy": 0.75 + 0.03125 * i + shift,
            "operations": 1000.0 * step * (1 + shift),
        }
        if spent:
            low, high = 1.5e-6 * step * (1 + shift), 2.5e-5 * step * (1 + shift)
            other = {"model": "another", "part": "dynamic", "low_j": 1.0, "high_j": 2.0}
            still = {"model": MODEL, "part": "static", "low_j": 3.0, "high_j": 4.0}
            spent = {"model": MODEL, "part": "dynamic", "low_j": low, "high_j": high}
            point["energy"] = [other, still, spent]
        yield point


SUBJECTS = [
    {
        "name": "whole", "kind": "integers", "stop": 4,
        "curve": list(points(STEPS, 0.0, spent=True)),
    },
    {
        "name": "real", "kind": "float", "stop": 16,
        "curve": list(points(STEPS, 0.0625, spent=False)),
    },
    {"name": "once", "kind": "float", "stop": 1, "curve": list(points((1,), 0.03, spent=False))},
]  # fmt: skip
KEYS = ("r2", "zeros", "accuracy")


@pytest.fixture
def drawn(monkeypatch, tmp_path):
    """Function of subjects: axes by row and column, words, ticks, of the picture before writing."""
    kept = {}
    title = comparison.title

    def keep(figure, text, below):
        figure.canvas.draw()
        title(figure, text, below)
        kept["axes"] = np.array(figure.axes).reshape(-1, 3)
        kept["words"] = [of.get_text() for of in figure.texts]
        kept["legend"] = [of.get_text() for of in figure.legends[0].get_texts()]
        kept["ticks"] = {
            name: [
                [(tick.get_loc(), tick.label1.get_text()) for tick in axis.get_major_ticks()]
                for axis in axes
            ]
            for name, axes in {
                "x": [one.xaxis for one in kept["axes"][-1]],
                "y": [one.yaxis for one in kept["axes"][:, 0]],
            }.items()
        }

    def draw(subjects):
        with monkeypatch.context() as patch:
            patch.setattr(comparison, "title", keep)
            patch.setattr("matplotlib.figure.Figure.savefig", lambda *_, **__: None)
            png, svg = tmp_path / "a.png", tmp_path / "a.svg"
            comparison.comparison(png, svg, subjects, "4 images, seed 7", MODEL)
        return kept

    return draw


def across(point, column):
    """Ends of a point's band on an axis, or None."""
    if column == 0:
        return point["step"], point["step"]
    if column == 1:
        return point["operations"], point["operations"]
    rows = [
        row for row in point.get("energy", []) if (row["model"], row["part"]) == (MODEL, "dynamic")
    ]
    return (1_000_000 * rows[0]["low_j"], 1_000_000 * rows[0]["high_j"]) if rows else None


def test_every_curve_band_and_ring_lies_at_its_numbers(drawn):
    axes = drawn(SUBJECTS)["axes"]
    assert axes.shape == (3, 3)
    for row, key in enumerate(KEYS):
        for column in range(3):
            lines = [tuple(map(list, line.get_data())) for line in axes[row, column].lines]
            bands = [path.vertices for c in axes[row, column].collections for path in c.get_paths()]
            wanted, widths = [], []
            for one in SUBJECTS:
                places = [at for point in one["curve"] if (at := across(point, column))]
                if not places:
                    continue
                values = [point[key] for point in one["curve"]]
                wanted.append((pytest.approx([high for _, high in places]), values))
                widths += [places] if any(low < high for low, high in places) else []
                if len(values) > 1:
                    at = [point["step"] for point in one["curve"]].index(one["stop"])
                    wanted.append((pytest.approx([places[at][1]]), [values[at]]))
            assert lines == wanted, (key, column)
            assert len(bands) == len(widths)
            for band, places in zip(bands, widths, strict=True):
                assert column == 2
                assert {round(float(x), 6) for x in band[:, 0]} == {
                    round(end, 6) for ends in places for end in ends
                }


def test_axes_are_named_and_their_ticks_are_where_they_state(drawn, shown):
    kept = drawn(SUBJECTS)
    axes = kept["axes"]
    assert [one.get_xlabel() for one in axes[-1]] == [
        "step", "operations an image", "µJ an image (a model, dynamic)",
    ]  # fmt: skip
    assert [one.get_title(loc="left") for one in axes[:, 0]] == [
        "R²: explained variance of an image", "zeros", "accuracy",
    ]  # fmt: skip
    assert {one.get_xscale() for one in axes.flat} == {"log"}
    for ticks in kept["ticks"]["x"]:
        assert len(ticks) > 2
        for at, text in ticks:
            assert shown.scaled(text) == pytest.approx(at)
    for at, text in kept["ticks"]["y"][0]:
        assert float(text.replace(shown.MINUS, "-")) == pytest.approx(at)
    for ticks in kept["ticks"]["y"][1:]:
        for at, text in ticks:
            assert text.endswith("%") and float(text[:-1].replace(shown.MINUS, "-")) == (
                pytest.approx(100 * at, abs=0.5)
            )
    assert kept["words"] == [
        "What it costs, and what it buys",
        "4 images, seed 7; energy is modelled, not measured",
    ]
    assert kept["legend"] == [
        "whole (integers)", "real (float)", "once (float)", "early-stopping point",
    ]  # fmt: skip


def test_integers_are_filled_and_float_numbers_hollow(drawn):
    (whole, _, real, _, once) = drawn(SUBJECTS)["axes"][0, 0].lines
    looks = [(of.get_linestyle(), of.get_marker()) for of in (whole, real, once)]
    assert looks == [("-", "o"), ("--", "s"), ("None", "^")]
    assert whole.get_markerfacecolor() == whole.get_color()
    assert real.get_markerfacecolor() == once.get_markerfacecolor() == "#ffffff"
    assert len({of.get_color() for of in (whole, real, once)}) == 3


def inside(axes, values):
    low, high = axes.get_ylim()
    across = [x for line in axes.lines for x in line.get_xdata()]
    left, right = axes.get_xlim()
    return low < min(values) <= max(values) < high and left < min(across) <= max(across) < right


@pytest.mark.parametrize(
    ("least", "bottom"), [(0.9, 0.5), (0.46, 0.4), (0.44, 0.3), (0.0, -0.1), (-0.9, -1.0)]
)
def test_a_frame_begins_a_little_below_the_worst_value_of_all(drawn, least, bottom):
    one = {**SUBJECTS[0], "curve": [dict(point) for point in SUBJECTS[0]["curve"]]}
    one["curve"][0]["r2"] = least
    axes = drawn([SUBJECTS[1], {**one, "curve": [{**one["curve"][0]}, *one["curve"][1:]]}])["axes"]
    low, high = axes[0, 0].get_ylim()
    found = bottom if least < 0.5 else 0.5
    edge = 0.06 * (1 - found)
    assert (low, high) == (pytest.approx(found - edge), pytest.approx(1 + edge))
    for column in range(3):
        assert inside(axes[0, column], [least, 1.0])
        assert inside(axes[1, column], [0.0, 1.0])


@pytest.mark.parametrize("least", [-1.5, -40.0, -1071.0, -3e7])
def test_values_far_below_nothing_are_in_the_frame_too(drawn, least):
    """Then heights below -1 go by powers of ten, and each tick has its number."""
    one = {**SUBJECTS[0], "curve": [dict(point) for point in SUBJECTS[0]["curve"]]}
    one["curve"][0]["r2"] = least
    kept = drawn([SUBJECTS[1], one])
    axes = kept["axes"]
    assert axes[0, 0].get_title(loc="left").endswith("logarithmic below -1")
    assert all(inside(axes[0, column], [least, 1.0]) for column in range(3))
    low, high = axes[0, 0].get_ylim()
    found = [(at, text) for at, text in kept["ticks"]["y"][0] if low <= at <= high]
    assert {"1", "0"} <= {text for _, text in found} and min(at for at, _ in found) <= -1
    assert all(float(text) == at for at, text in found)
    up = axes[0, 0].transAxes.inverted().transform(axes[0, 0].transData.transform((1, 0.0)))[1]
    assert up < 0.75


@pytest.mark.parametrize(
    ("low", "high"), [(1.0, 1.2), (0.9, 1.1), (2.0, 9.0), (3e5, 2e7), (0.04, 400.0), (1e-9, 1e12)]
)
def test_an_axis_of_powers_has_ticks_with_numbers(low, high):
    found = comparison.decades(low, high)
    assert 3 <= len(found) <= 28
    assert all(low <= at <= high for at in found)
    texts = [tick(at) for at in found]
    assert len({*texts}) == len(texts)


def test_steps_are_at_powers_of_two():
    assert comparison.octaves(0.9, 70) == [1, 2, 4, 8, 16, 32, 64]
    assert comparison.octaves(0.9, 1100) == [1, 4, 16, 64, 256, 1024]
    assert comparison.octaves(0.9, 1.1) == [] == comparison.octaves(5, 7)
