# pyright: reportOptionalMemberAccess=false, reportOptionalSubscript=false
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false
"""The stop rule on a trained network: fewer than 5 % of stops are false, over 20 seeds.

A stop is false if the noise-free figure of the image, its mean over all seeds, still changes by
more than the tolerance from one of the rule's windows to the next when it stops.
"""

from dataclasses import replace

import numpy as np
import pytest

import ipvae
from ipvae.emulator import Emulator, run_until_settled
from ipvae.workflows.running.stopping import TOLERANCES, StopChoice

BUDGET, SEEDS, IMAGES = 1000, 20, 64
BOUND = 0.05


@pytest.fixture(scope="module")
def net():
    return ipvae.quantize("patches").network


def figures_of(net, rule, seed):
    """Figures (checks, images) of a run in which no image stops; all are in one tile."""
    found = []

    def noted(images, u, z):
        found.append(rule.figure(images, u, z))
        return found[-1]

    never = replace(rule, figure=noted, tolerance=0.0)
    stopped = run_until_settled(
        Emulator(net, threads=1), net.test_images[:IMAGES], BUDGET, seed, never
    )
    assert not stopped.settled.any()
    return np.array(found)


def first_stops(rule, figures):
    """Number of checks after which each image stops; 0 for never."""
    stops = np.zeros(figures.shape[1], dtype=int)
    for n in range(1, len(figures) + 1):
        stops[(stops == 0) & rule.settled(figures[:n])] = n
    return stops


def false_rate(rule, every_seed):
    """Part of the stops that are false, and number of stops."""
    mean, false, stopped = every_seed.mean(axis=0), 0, 0
    for figures in every_seed:
        for image, n in enumerate(first_stops(rule, figures)):
            if n:
                w = rule.width(n)
                late, early = mean[n - w : n, image].mean(), mean[n - 2 * w : n - w, image].mean()
                scale = abs(late) if rule.relative else 1.0
                stopped += 1
                false += abs(late - early) > rule.tolerance * scale
    return false / stopped, stopped


@pytest.mark.long
@pytest.mark.parametrize("name", TOLERANCES)
def test_few_stops_are_false(net, name):
    rule = StopChoice(name, TOLERANCES[name]).rule(net, net.test_images[:IMAGES])
    every_seed = np.array([figures_of(net, rule, seed) for seed in range(SEEDS)])
    rate, stopped = false_rate(rule, every_seed)
    assert stopped > 0.5 * SEEDS * IMAGES
    assert rate < BOUND
    rate, _ = false_rate(replace(rule, margin=0.0), every_seed)
    assert rate > 4 * BOUND  # without standard errors: what the bound would catch
