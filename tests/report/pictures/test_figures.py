"""Axes of the page's figures."""

import numpy as np
import pytest

from ipvae.report.figures import by_step, convergence, raster


@pytest.fixture
def drawn(monkeypatch):
    """Axes of the last figure drawn, the text of their ticks set."""
    axes = []

    def kept(figure, *_):
        figure.canvas.draw()
        axes[:] = figure.axes

    for module in (by_step, convergence, raster):
        monkeypatch.setattr(module, "drawn", kept)
    return axes


def labels(axis):
    return [label.get_text() for label in axis.get_ticklabels() if label.get_text()]


@pytest.mark.parametrize(("rows", "neurons"), [(2, 1), (2, 4), (4, 4), (25, 40)])
def test_steps_and_neurons_are_whole_numbers(drawn, rows, neurons):
    raster.raster(np.ones((rows, neurons), int))
    axes = drawn[0]
    found = labels(axes.xaxis) + labels(axes.yaxis)
    assert "0" in found
    assert all(text.lstrip("−-").isdigit() for text in found), found


def test_costs_below_a_thousand_are_plain_numbers(drawn):
    by_step.by_step({"step": [0, 1], "messages": [0.5, 0.75], "spikes": [1500, 2000]})
    small, large = (labels(axes.yaxis) for axes in drawn)
    assert "0.5" in small or "0.6" in small or "0.4" in small
    assert not any("m" in text for text in small)
    assert any(text.endswith("k") for text in large)
    assert {*labels(drawn[1].xaxis)} >= {"0", "1"}
    assert not any("." in text for text in labels(drawn[1].xaxis))


def test_costs_of_nothing_are_on_an_axis_to_one(drawn):
    by_step.by_step({"step": [0, 1], "spikes": [0.0, 0.0]})
    assert drawn[0].get_ylim() == (0, 1)


def test_r2_that_is_undefined_has_no_panel(drawn):
    points = [{"step": t, "r2": None, "mse": 0.5, "zeros": 0.25} for t in (1, 2, 4)]
    convergence.convergence(points, None)
    assert [axes.get_title(loc="left") for axes in drawn] == ["MSE per pixel", "zeros in the code"]
    convergence.convergence([{**point, "r2": 0.5} for point in points], None)
    assert len(drawn) == 3
