"""`.plot()` of results: a figure of Matplotlib that shows the result's own numbers."""

import numpy as np
import pytest
from matplotlib.figure import Figure

import ipvae


@pytest.fixture(scope="module")
def net(make_network):
    return make_network(k=40, m=12)


@pytest.fixture(scope="module")
def run(net, request):
    images = np.random.default_rng(0).integers(0, 16, (3, 12))
    return ipvae.run(net, images, steps=5, record=("z",))


def test_a_run_shows_what_the_code_sent_for_the_first_image(run):
    figure = run.plot()
    assert isinstance(figure, Figure)
    (image,) = figure.axes[0].images
    sent = run.trace.samples[0]["1"]["z"]
    order = np.argsort(-sent.sum(axis=0), kind="stable")
    drawn = np.nan_to_num(np.ma.filled(image.get_array(), np.nan))
    np.testing.assert_array_equal(drawn, sent.T[order])


def test_a_run_that_recorded_nothing_states_what_to_record(net, run):
    alone = ipvae.run(net, np.zeros((1, 12), int), steps=1)
    with pytest.raises(ipvae.IpvaeError, match="record='all'"):
        alone.plot()


def test_operations_have_a_bar_each(net, run):
    counts = ipvae.count_operations(net, run)
    (axes,) = counts.plot().axes
    values = {name: value for name, value in counts.total.as_dict().items() if value > 0}
    widths = [bar.get_width() for bar in axes.patches]  # type: ignore[attr-defined]
    assert widths == list(values.values())
    assert [text.get_text() for text in axes.get_yticklabels()] == [
        name.replace("_", " ") for name in values
    ]
    low, high = axes.get_xlim()
    assert low < min(values.values()) <= max(values.values()) < high


def test_energies_are_on_one_axis(net, run):
    estimate = ipvae.estimate_energy(net, run)
    (axes,) = estimate.plot().axes
    ends = [tuple(map(float, np.asarray(line.get_xdata()))) for line in axes.lines]
    assert ends == [(row.low_j, row.high_j) for row in estimate.energy]
    one = type(estimate)(estimate.energy[:1], (), ())
    with pytest.raises(ipvae.IpvaeError, match="two energies"):
        one.plot()


def test_a_plan_shows_the_load_of_each_core(net, run):
    plan = ipvae.place(net, cores=3, run=run)
    figure = plan.plot()
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert len(texts) == plan.cores == 3
    assert all(text.startswith("L1\n") for text in texts)
    assert any(text.endswith("100%") for text in texts)
