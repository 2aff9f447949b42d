"""Rows of a layer, against the schedule of its network."""

import pytest

from ipvae.lava_procs.schedule import Schedule


def test_rows_follow_the_wiring(kinds, network_kind):
    whole = kinds.networks(0)[network_kind].schedule
    n_steps = 4
    length = whole.chip_steps(n_steps)
    for stage in whole.stages:
        plan = Schedule(n_steps, length, whole.period, stage.phase, stage.input_delay)
        acts = {t * whole.period + stage.phase: t for t in range(n_steps + 1)}
        assert [plan.row(step) for step in range(length)] == [
            acts.get(step, -1) for step in range(length)
        ]
        assert max(acts) < length


@pytest.mark.parametrize(("step", "following"), [(0, 1), (5, 6), (6, 0)])
def test_after_an_images_last_step_comes_the_first(step, following):
    assert Schedule(6, 7).following(step) == following
