"""Images that stop alone: their numbers equal a longer run's, their steps follow the rule."""

import itertools
import math

import numpy as np
import pytest

from ipvae.emulator import Emulator, StopRule, run_until_settled
from ipvae.emulator.recording import run
from ipvae.energy.counting.counts import count_run
from ipvae.errors import InputError

BUDGET, SEED, EVERY, WINDOW = 90, 6, 4, 4
NAMES = ("recurrent", "errors + 2 read-outs", "loop of three", "two hidden", "lca")


def figure_of(u, z):
    """Anything that depends on both, differs between images and falls with time."""
    return z.mean(axis=-1) + u.mean(axis=-1) / 2000.0


def expected_stop(u, z, tolerance, margin):
    """Step at which the rule holds first, from whole runs u and z (T + 1, K); else the budget.

    Windows of 4 checks, which are their own batches: a quarter of 22 checks is less than 8.
    """
    figures = figure_of(u, z)[EVERY::EVERY]
    for n in range(2 * WINDOW, len(figures) + 1):
        late, early = figures[n - WINDOW : n], figures[n - 2 * WINDOW : n - WINDOW]
        steps = [later - sooner for w in (early, late) for sooner, later in itertools.pairwise(w)]
        variance = sum(step**2 for step in steps) / len(steps) / 2
        error = math.sqrt(variance / 4 + variance / 4)
        if abs(late.mean() - early.mean()) + margin * error <= tolerance:
            return n * EVERY, True
    return BUDGET, False


@pytest.fixture
def images(rng):
    return rng.integers(-128, 128, (23, 6)).astype(np.int16)


@pytest.mark.parametrize(("tile", "margin"), [(1, 0.0), (5, 2.5), (64, 0.5)])
@pytest.mark.parametrize("name", NAMES)
def test_each_image_stops_at_the_rules_step(kinds, images, name, tile, margin):
    network = kinds.networks(2)[name]
    whole = run(network, images, BUDGET, SEED)
    u, z = (whole.stacked(network.code, variable) for variable in "uz")
    changes = [np.ptp(figure_of(u[i], z[i])[EVERY::EVERY]) for i in range(len(images))]
    tolerance = float(np.median(changes)) * (1 + 2 * margin) / 12
    rule = StopRule(lambda _, a, b: figure_of(a, b), tolerance, EVERY, WINDOW, margin=margin)
    emulator = Emulator(network, threads=2, tile=tile)
    found = run_until_settled(emulator, images, BUDGET, SEED, rule)
    wanted = [expected_stop(u[i], z[i], tolerance, margin) for i in range(len(images))]
    np.testing.assert_array_equal(found.steps, [step for step, _ in wanted])
    np.testing.assert_array_equal(found.settled, [settled for _, settled in wanted])
    assert len(set(found.steps.tolist())) > 3
    for i, step in enumerate(found.steps):
        for layer, totals in found.totals.layers.items():
            np.testing.assert_array_equal(totals.u[i], whole.stacked(layer, "u")[i, step])
            np.testing.assert_array_equal(totals.z[i], whole.stacked(layer, "z")[i, step])
    assert_counted_alone(network, images, found)


def assert_counted_alone(network, images, found):
    """Totals and counts equal each image's, run by itself for its own steps."""
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
    counts = [count_run(network, one).as_dict() for one in alone]
    for key, value in count_run(network, found.totals).as_dict().items():
        assert value == pytest.approx(np.mean([one[key] for one in counts]), rel=1e-12)


def test_a_figure_gets_the_images_that_still_run(kinds, images):
    asked = []

    def figure(indices, u, z):
        asked.append(indices.tolist())
        assert len(indices) == len(u) == len(z)
        return np.where(indices % 2 == 0, 1.0, 1.0 + len(asked))

    network = kinds.networks(2)["recurrent"]
    rule = StopRule(figure, 0.5, 1, 4)
    found = run_until_settled(Emulator(network, threads=1), images[:6], 11, SEED, rule)
    np.testing.assert_array_equal(found.steps, [8, 11, 8, 11, 8, 11])
    assert asked == [[0, 1, 2, 3, 4, 5]] * 8 + [[1, 3, 5]] * 3
    assert found.settled.tolist() == [True, False] * 3


def test_a_budget_alone_is_a_run(kinds, images):
    network = kinds.networks(2)["recurrent"]
    rule = StopRule(lambda i, u, _: np.arange(len(i)) + u.sum(axis=1) * 1e9, 0.0)
    found = run_until_settled(Emulator(network), images, 10, SEED, rule, first_image=0)
    expected = run(network, images, 10, SEED)
    assert (found.steps == 10).all() and not found.settled.any()
    np.testing.assert_array_equal(found.totals.layers["1"].z, expected.stacked("1", "z")[:, -1])


def held(*values):
    """Figures of a window of four checks at each value: no noise."""
    return np.repeat(np.array(values, dtype=float), 4, axis=0)


def test_a_relative_tolerance_is_a_share_of_the_mean():
    rule = StopRule(lambda *_: np.zeros(2), 0.01, 1, 4, relative=True)
    figures = held([-1000.0, -1.0], [-1009.0, -1.009])
    assert rule.settled(figures).tolist() == [True, True]
    further = held([-1000.0, -1.0], [-1011.0, -1.011])
    assert rule.settled(further).tolist() == [False, False]
    later = held([1000.0, 1000.0], [1010.05, 989.95])  # of the later mean: 10.1 and 9.9
    assert rule.settled(later).tolist() == [True, False]


def test_a_change_that_equals_the_tolerance_is_none():
    figures = held([1.0, 1.0, 1.0], [1.0, 1.5, 1.75])
    for tolerance, expected in ((0.0, [True, False, False]), (0.5, [True, True, False])):
        rule = StopRule(lambda *_: np.zeros(3), tolerance, 1, 4)
        assert rule.settled(figures).tolist() == expected


def test_noise_counts_as_a_change():
    """Four values 0, 2, 0, 2 in each window: batches of variance 2, a standard error of 1."""
    figures = np.tile([[0.0], [2.0]], (4, 1))
    for margin, tolerance, settled in (
        (0.0, 0.0, True), (1.0, 0.99, False), (1.0, 1.01, True), (2.5, 2.4, False),
    ):  # fmt: skip
        rule = StopRule(lambda *_: np.zeros(1), tolerance, 1, 4, margin=margin)
        assert rule.settled(figures).tolist() == [settled]
    # Values that go together in a batch of two are one value: 0, 0, 2, 2, ...
    rule = StopRule(lambda *_: np.zeros(1), 1.01, 1, 8, margin=1.0)
    assert rule.settled(np.tile([[0.0], [0.0], [2.0], [2.0]], (4, 1))).all()
    assert (
        not StopRule(rule.figure, 0.99, 1, 8, margin=1.0)
        .settled(np.tile([[0.0], [0.0], [2.0], [2.0]], (4, 1)))
        .any()
    )


def test_windows_grow_to_a_quarter_of_the_checks():
    rule = StopRule(lambda *_: np.zeros(1), 0.0)
    assert [rule.width(n) for n in (1, 16, 35, 36, 47, 48, 400, 10**6)] == [
        8, 8, 8, 8, 8, 12, 100, 256,
    ]  # fmt: skip
    # After 80 checks 20 are compared with 20: the change 30 checks ago is seen.
    figures = np.ones((80, 1))
    figures[:50] = 0.0
    assert not rule.settled(figures).any()
    assert rule.settled(figures[-20:]).all()  # as of a run of 20 checks
    assert not rule.settled(figures[-40:], 80).any()


def test_a_drift_that_noise_hides_is_not_called_settled():
    """False stops: fewer than 5 % of 20 seeds x 50 images.

    The mean rises with the logarithm of time, by twice the tolerance or more from window to
    window for 400 checks, under noise of four times the tolerance. Without the standard errors
    nearly all stop.
    """
    checks, tolerance = 400, 1.0
    mean = 6.0 * np.log(np.arange(1, checks + 1))[:, None]
    windows = mean[200:300].mean(), mean[300:400].mean()
    assert windows[1] - windows[0] > 2 * tolerance
    stopped = {2.5: 0, 0.0: 0}
    for seed in range(20):
        noise = np.random.default_rng([7, seed]).normal(0, 4 * tolerance, (checks, 50))
        figures = mean + noise
        for margin in stopped:
            rule = StopRule(lambda *_: np.zeros(50), tolerance, margin=margin)
            settled = [rule.settled(figures[:n]) for n in range(16, checks + 1)]
            stopped[margin] += int(np.any(settled, axis=0).sum())
    assert stopped[2.5] < 0.05 * 1000
    assert stopped[0.0] > 0.9 * 1000


def test_what_holds_still_under_noise_is_called_settled_in_time():
    rng = np.random.default_rng(3)
    figures = rng.normal(0, 1.0, (1600, 200))
    rule = StopRule(lambda *_: np.zeros(200), 1.0)
    assert rule.settled(figures).mean() > 0.95


def test_progress_counts_every_image_once(kinds, images):
    seen = []
    network = kinds.networks(2)["recurrent"]
    rule = StopRule(lambda _, a, b: figure_of(a, b), 0.5, EVERY, WINDOW)
    run_until_settled(Emulator(network), images, BUDGET, SEED, rule, progress=seen.append)
    assert sum(seen) == len(images) and len(seen) > 1


@pytest.mark.parametrize(
    ("every", "window", "tolerance", "margin"),
    [
        (0, 4, 0, 1),
        (1, 3, 0, 1),
        (1, 4, -1e-9, 1),
        (1, 4, float("nan"), 1),
        (1, 4, float("inf"), 1),
        (1, 4, 0, -1),
        (1, 4, 0, float("nan")),
    ],
)
def test_rules_that_never_hold_are_refused(every, window, tolerance, margin):
    with pytest.raises(InputError, match="stop rule: found every"):
        StopRule(lambda *given: given[1], tolerance, every, window, margin=margin)


def edges(tolerance=0.0, relative=False, every=1, window=4):
    """A rule of a figure that no caller here uses."""
    return StopRule(lambda _, u, __: np.zeros(len(u)), tolerance, every, window, relative)


def test_a_change_of_the_tolerance_itself_counts_as_none_and_a_larger_one_does_not():
    """Means 1 to 1.25 and back, changes that a float holds exactly."""
    both = held([1.0, 1.25, 1.0, -1.0], [1.25, 1.0, 1.375, -1.25])
    assert edges(0.25).settled(both).tolist() == [True, True, False, True]
    assert edges(0.2499).settled(both).tolist() == [False, False, False, False]
    # Shares are of the later mean's size, whatever its sign: 1/5 of 1.25, 1/4 of 1.
    assert edges(0.2, relative=True).settled(both).tolist() == [True, False, False, True]
    assert edges(0.25, relative=True).settled(both).tolist() == [True, True, False, True]
    assert edges(0.19, relative=True).settled(both).tolist() == [False] * 4
    assert edges(0.0).settled(np.ones((8, 1))).tolist() == [True]


@pytest.mark.parametrize(("window", "checks"), [(4, 8), (7, 8), (8, 16)])
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
    ("budget", "steps", "settled"), [(1, 1, False), (15, 15, False), (16, 16, True), (17, 16, True)]
)
def test_the_first_step_at_which_an_image_can_stop(kinds, images, budget, steps, settled):
    """Checks at 2, 4, ... 16; at the budget itself an image that has settled has settled."""
    network = kinds.networks(2)["recurrent"]
    rule = edges(every=2)
    found = run_until_settled(Emulator(network, threads=1), images[:3], budget, SEED, rule)
    assert found.steps.tolist() == [steps] * 3
    assert found.settled.tolist() == [settled] * 3


def test_a_rule_looks_at_every_eighth_step_and_at_means_of_eight():
    rule = StopRule(lambda *given: given[1], 0.5)
    assert (rule.every, rule.window, rule.relative, rule.margin) == (8, 8, False, 2.5)
    for tolerance in (0.0, 1e300):
        StopRule(lambda *given: given[1], tolerance, 1, 4)
