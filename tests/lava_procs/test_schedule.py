"""Rows of a layer's schedule, against the wiring's own words."""

import pytest

from ipvae.lava_procs.schedule import Schedule


def test_rows_follow_the_wiring(kinds, network_kind):
    wiring = kinds.networks(0)[network_kind].wiring
    n_steps = 4
    length = wiring.chip_steps(n_steps)
    for stage in wiring.stages:
        plan = Schedule(n_steps, length, wiring.period, stage.phase, stage.lag)
        acts = {t * wiring.period + stage.phase: t for t in range(n_steps + 1)}
        assert [plan.row(step) for step in range(length)] == [
            acts.get(step, -1) for step in range(length)
        ]
        assert max(acts) < length


@pytest.mark.parametrize(("step", "following"), [(0, 1), (5, 6), (6, 0)])
def test_after_an_images_last_step_comes_the_first(step, following):
    assert Schedule(6, 7).following(step) == following
