"""The picture of a comparison shows the numbers of compare.json: lines, bands, rings, ticks."""

import numpy as np
import pytest

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
            other = {"model": "another", "low_j": 1.0, "high_j": 2.0}
            point["energy"] = [other, {"model": MODEL, "low_j": low, "high_j": high}]
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
    rows = [row for row in point.get("energy", []) if row["model"] == MODEL]
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


def test_axes_are_named_and_their_ticks_are_where_they_say(drawn, shown):
    kept = drawn(SUBJECTS)
    axes = kept["axes"]
    assert [one.get_xlabel() for one in axes[-1]] == [
        "step", "operations an image", "µJ an image (a model)",
    ]  # fmt: skip
    assert [one.get_title(loc="left") for one in axes[:, 0]] == [
        "R²: explained variance of an image", "zeros", "accuracy",
    ]  # fmt: skip
    assert {one.get_xscale() for one in axes.flat} == {"log"}
    for ticks in kept["ticks"]["x"]:
        assert len(ticks) > 1
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
        "4 images, seed 7; energy is modelled, not measured; what is below a frame is cut",
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


@pytest.mark.parametrize(("last", "bottom"), [(0.9, 0.8), (0.66, 0.6), (0.64, 0.5), (-3.0, 0.0)])
def test_a_frame_begins_a_little_below_the_worst_last_value(drawn, last, bottom):
    one = {**SUBJECTS[0], "curve": [dict(point) for point in SUBJECTS[0]["curve"]]}
    one["curve"][-1]["r2"] = last
    axes = drawn([SUBJECTS[1], one])["axes"]
    low, high = axes[0, 0].get_ylim()
    assert low == pytest.approx(min(bottom, 0.7))
    assert 1.0 < high < 1.03
    low, high = axes[1, 0].get_ylim()
    assert -0.03 < low < 0 and 1.0 < high < 1.03
