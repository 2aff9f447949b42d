"""The picture of a comparison: what it shows, the same bytes for the same figures."""

from xml.etree import ElementTree

import matplotlib as mpl
import numpy as np
import pytest

from ipvae.report.pictures.canvas import read_rgb
from ipvae.report.pictures.comparison import COLOURS, MARKERS, comparison

ENERGY = "a model"


def subject(name, kind="integers", steps=(1, 4, 16), accuracy=None, stop: int | None = 4):
    points = []
    for i, step in enumerate(steps):
        point = {"step": step, "r2": 0.9 - 1 / step, "zeros": 0.5, "operations": 1e3 * step}
        if kind == "integers":
            ends = {"low_j": 1e-6 * step, "high_j": 2e-6 * step}
            point["energy"] = [{"model": "another", **ends}, {"model": ENERGY, **ends}]
        if accuracy is not None:
            point["accuracy"] = accuracy + 0.01 * i
        points.append(point)
    return {"name": name, "kind": kind, "stop": stop, "curve": points}


def drawn(folder, subjects):
    folder.mkdir(exist_ok=True)
    comparison(folder / "a.png", folder / "a.svg", subjects, "4 images", ENERGY)
    return (folder / "a.png").read_bytes(), (folder / "a.svg").read_text(encoding="utf-8")


def texts(svg):
    root = ElementTree.fromstring(svg)
    return ["".join(t.itertext()) for t in root.iter("{http://www.w3.org/2000/svg}text")]


MIXED = [
    subject("eight"),
    subject("model", "float", accuracy=0.6),
    subject("once", "float", steps=(1,), stop=1),
]


def test_the_same_figures_give_the_same_bytes_whatever_the_users_settings_are(tmp_path):
    first = drawn(tmp_path / "a", MIXED)
    with mpl.rc_context({"font.size": 30, "savefig.dpi": 20, "svg.hashsalt": "x"}):
        before = dict(mpl.rcParams)
        assert drawn(tmp_path / "b", MIXED) == first
        assert dict(mpl.rcParams) == before
    assert first[0].startswith(b"\x89PNG")
    assert "<dc:date>" not in first[1] and "Matplotlib v" not in first[1]


def test_every_subject_and_every_axis_is_named(tmp_path):
    found = texts(drawn(tmp_path, MIXED)[1])
    for part in ("eight (integers)", "model (float)", "once (float)", "early-stopping point"):
        assert part in found
    for part in ("step", "operations an image", "µJ an image (a model, dynamic)", "accuracy"):
        assert part in found
    assert "accuracy" not in texts(drawn(tmp_path, [subject("eight")])[1])


def test_marks_distinguish_subjects_without_colour():
    looks = {(COLOURS[i % len(COLOURS)], MARKERS[i % len(MARKERS)]) for i in range(77)}
    assert len(looks) == 77
    assert len(set(MARKERS)) == len(MARKERS)


def test_energies_of_a_model_that_is_not_there_are_left_out(tmp_path):
    """Blue is the first subject's: on three panels of R2 with its energy, on two without."""
    widths = []
    for name in (ENERGY, "unknown"):
        comparison(tmp_path / "a.png", tmp_path / "a.svg", MIXED, "4 images", name)
        away = np.abs(read_rgb(tmp_path / "a.png").astype(int) - np.array([0, 114, 178]))
        widths.append(np.argwhere(away.max(axis=2) < 12)[:, 1].max())
    assert widths[0] > 850 > widths[1]


def test_values_that_are_not_numbers_leave_gaps(tmp_path):
    one = subject("x", stop=None)
    for point in one["curve"]:
        point["r2"] = float("nan")
    assert drawn(tmp_path, [one])[0].startswith(b"\x89PNG")


def test_nothing_to_compare_is_refused(tmp_path):
    with pytest.raises(ValueError, match="subjects: found none"):
        comparison(tmp_path / "a.png", tmp_path / "a.svg", [], "4 images", ENERGY)
    assert list(tmp_path.iterdir()) == []
