"""Images that stop alone: their numbers are those of a longer run, their steps the rule's."""

import numpy as np
import pytest

from ipvae.emulator import Emulator, StopRule, run, run_until_settled
from ipvae.energy.counts import count
from ipvae.network.errors import InputError

BUDGET, SEED, EVERY, WINDOW = 90, 6, 4, 3
NAMES = ("recurrent", "errors + 2 read-outs", "loop of three", "two hidden", "lca")


def figure_of(u, z):
    """Anything that depends on both, differs between images and falls with time."""
    return z.mean(axis=-1) + u.mean(axis=-1) / 2000.0


def expected_stop(u, z, tolerance):
    """Step at which the rule holds first, from whole runs u and z (T + 1, K); else the budget."""
    figures = figure_of(u, z)[EVERY::EVERY]
    for n in range(2 * WINDOW, len(figures) + 1):
        late, early = figures[n - WINDOW : n].mean(), figures[n - 2 * WINDOW : n - WINDOW].mean()
        if abs(late - early) <= tolerance:
            return n * EVERY, True
    return BUDGET, False


@pytest.fixture
def images(rng):
    return rng.integers(-128, 128, (23, 6)).astype(np.int16)


@pytest.mark.parametrize("tile", [1, 5, 64])
@pytest.mark.parametrize("name", NAMES)
def test_each_image_stops_where_the_rule_says(kinds, images, name, tile):
    network = kinds.networks(2)[name]
    whole = run(network, images, BUDGET, SEED)
    u, z = (whole.stacked(network.code, variable) for variable in "uz")
    changes = [np.ptp(figure_of(u[i], z[i])[EVERY::EVERY]) for i in range(len(images))]
    tolerance = float(np.median(changes)) / 20
    rule = StopRule(lambda _, a, b: figure_of(a, b), tolerance, EVERY, WINDOW)
    emulator = Emulator(network, threads=2, tile=tile)
    found = run_until_settled(emulator, images, BUDGET, SEED, rule)
    wanted = [expected_stop(u[i], z[i], tolerance) for i in range(len(images))]
    np.testing.assert_array_equal(found.steps, [step for step, _ in wanted])
    np.testing.assert_array_equal(found.settled, [settled for _, settled in wanted])
    assert len(set(found.steps.tolist())) > 3
    for i, step in enumerate(found.steps):
        for layer, totals in found.totals.layers.items():
            np.testing.assert_array_equal(totals.u[i], whole.stacked(layer, "u")[i, step])
            np.testing.assert_array_equal(totals.z[i], whole.stacked(layer, "z")[i, step])
    assert_counted_alone(network, images, found)


def assert_counted_alone(network, images, found):
    """Totals and counts are those of each image run by itself for its own steps."""
    alone = [
        Emulator(network, threads=1).totals(images[i : i + 1], int(step), SEED, first_image=i)
        for i, step in enumerate(found.steps)
    ]
    for name, layer in found.totals.layers.items():
        for part in ("messages", "sizes"):
            expected = np.sum([getattr(one.layers[name], part) for one in alone], axis=0)
            np.testing.assert_array_equal(getattr(layer, part), expected)
        for variable, number in layer.saturations.items():
            assert number == sum(one.layers[name].saturations[variable] for one in alone)
    counts = [count(network, one).as_dict() for one in alone]
    for key, value in count(network, found.totals).as_dict().items():
        assert value == pytest.approx(np.mean([one[key] for one in counts]), rel=1e-12)


def test_a_figure_gets_the_images_that_still_run(kinds, images):
    asked = []

    def figure(indices, u, z):
        asked.append(indices.tolist())
        assert len(indices) == len(u) == len(z)
        return np.where(indices % 2 == 0, 1.0, 1.0 + len(asked))

    network = kinds.networks(2)["recurrent"]
    rule = StopRule(figure, 0.5, EVERY, 1)
    found = run_until_settled(Emulator(network, threads=1), images[:6], 22, SEED, rule)
    np.testing.assert_array_equal(found.steps, [8, 22, 8, 22, 8, 22])
    assert asked == [[0, 1, 2, 3, 4, 5]] * 2 + [[1, 3, 5]] * 3
    assert found.settled.tolist() == [True, False] * 3


def test_a_budget_alone_is_a_run(kinds, images):
    network = kinds.networks(2)["recurrent"]
    rule = StopRule(lambda i, u, _: np.arange(len(i)) + u.sum(axis=1) * 1e9, 0.0)
    found = run_until_settled(Emulator(network), images, 10, SEED, rule, first_image=0)
    expected = run(network, images, 10, SEED)
    assert (found.steps == 10).all() and not found.settled.any()
    np.testing.assert_array_equal(found.totals.layers["1"].z, expected.stacked("1", "z")[:, -1])


def test_a_relative_tolerance_is_a_share_of_the_mean():
    rule = StopRule(lambda *_: np.zeros(2), 0.01, 1, 1, relative=True)
    figures = np.array([[-1000.0, -1.0], [-1009.0, -1.009]])
    assert rule.settled(figures).tolist() == [True, True]
    assert rule.settled(figures - np.array([[0, 0], [2, 0.002]])).tolist() == [False, False]
    later = np.array([[1000.0, 1000.0], [1010.05, 989.95]])  # of the later mean: 10.1 and 9.9
    assert rule.settled(later).tolist() == [True, False]


def test_a_change_that_equals_the_tolerance_is_none():
    figures = np.array([[1.0, 1.0, 1.0], [1.0, 1.5, 1.75]])
    for tolerance, expected in ((0.0, [True, False, False]), (0.5, [True, True, False])):
        rule = StopRule(lambda *_: np.zeros(3), tolerance, 1, 1)
        assert rule.settled(figures).tolist() == expected


def test_means_are_over_the_last_windows_alone():
    rule = StopRule(lambda *_: np.zeros(1), 0.0, 1, 2)
    assert not rule.settled(np.ones((3, 1))).any()  # one check too few
    assert rule.settled(np.array([[9.0], [1.0], [3.0], [2.0], [2.0]])).all()
    assert not rule.settled(np.array([[1.0], [3.0], [2.0], [2.0], [9.0]])).any()


def test_a_rule_looks_every_16_steps_at_windows_of_4_by_default():
    rule = StopRule(lambda *_: np.zeros(1), 0.1)
    assert (rule.every, rule.window, rule.relative) == (16, 4, False)


def test_progress_tells_of_every_image_once(kinds, images):
    told = []
    network = kinds.networks(2)["recurrent"]
    rule = StopRule(lambda _, a, b: figure_of(a, b), 0.05, EVERY, WINDOW)
    run_until_settled(Emulator(network), images, BUDGET, SEED, rule, progress=told.append)
    assert sum(told) == len(images) and len(told) > 1


@pytest.mark.parametrize(
    ("every", "window", "tolerance"),
    [(0, 1, 0), (1, 0, 0), (1, 1, -1e-9), (1, 1, float("nan")), (1, 1, float("inf"))],
)
def test_rules_that_never_hold_are_refused(every, window, tolerance):
    with pytest.raises(InputError, match="stop rule: found every"):
        StopRule(lambda *given: given[1], tolerance, every, window)


def edges(tolerance=0.0, relative=False, every=2, window=2):
    """A rule of a figure that nobody asks for here."""
    return StopRule(lambda _, u, __: np.zeros(len(u)), tolerance, every, window, relative)


def test_a_change_of_the_tolerance_itself_counts_as_none_and_a_larger_one_does_not():
    """Means of two and two: 1 to 1.25 and back, changes that a float holds exactly."""
    figures = np.array([[1.0, 1.5, 1.0, -1.0], [1.0, 1.0, 1.0, -1.0]])
    late = np.array([[1.25, 1.0, 1.5, -1.25], [1.25, 1.0, 1.25, -1.25]])
    both = np.vstack([figures, late])
    assert edges(0.25).settled(both).tolist() == [True, True, False, True]
    assert edges(0.2499).settled(both).tolist() == [False, False, False, False]
    # Shares are of the later mean's size, whatever its sign: 1/5 of 1.25, 1/4 of 1.
    assert edges(0.2, relative=True).settled(both).tolist() == [True, False, False, True]
    assert edges(0.25, relative=True).settled(both).tolist() == [True, True, False, True]
    assert edges(0.19, relative=True).settled(both).tolist() == [False] * 4
    assert edges(0.0).settled(np.ones((4, 1))).tolist() == [True]


@pytest.mark.parametrize(("window", "checks"), [(1, 2), (2, 4), (3, 6)])
def test_nothing_has_settled_before_two_windows_are_full(window, checks):
    rule = edges(window=window)
    assert rule.settled(np.ones((checks - 1, 3))).tolist() == [False] * 3
    assert rule.settled(np.ones((checks, 3))).tolist() == [True] * 3
    # Of more checks than that, the last ones count.
    assert rule.settled(np.vstack([np.full((5, 1), 9.0), np.ones((checks, 1))])).tolist() == [True]
    moved = np.ones((checks + 3, 1))
    moved[-1] += 1e-9
    assert rule.settled(moved).tolist() == [False]


@pytest.mark.parametrize(
    ("budget", "steps", "settled"), [(1, 1, False), (7, 7, False), (8, 8, True), (9, 8, True)]
)
def test_the_first_step_at_which_an_image_can_stop(kinds, images, budget, steps, settled):
    """Checks at 2, 4, 6 and 8; at the budget itself an image that has settled has settled."""
    network = kinds.networks(2)["recurrent"]
    found = run_until_settled(Emulator(network, threads=1), images[:3], budget, SEED, edges())
    assert found.steps.tolist() == [steps] * 3
    assert found.settled.tolist() == [settled] * 3


def test_a_rule_looks_at_every_sixteenth_step_and_at_means_of_four():
    rule = StopRule(lambda *given: given[1], 0.5)
    assert (rule.every, rule.window, rule.relative) == (16, 4, False)
    for tolerance in (0.0, 1e300):
        StopRule(lambda *given: given[1], tolerance, 1, 1)
