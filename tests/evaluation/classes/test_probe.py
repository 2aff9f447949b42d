"""The probe reads classes from rates."""

import numpy as np
import pytest

from ipvae.evaluation.classes.probe import Probe, linear_probe


def make_rates(n, rng):
    labels = np.arange(n) % 3
    log_rates = rng.normal(-1, 0.3, (n, 6)) + 2.0 * (np.arange(6) % 3 == labels[:, None])
    return np.exp(log_rates), labels


def test_separable_classes_are_read():
    rng = np.random.default_rng(0)
    got = linear_probe(*make_rates(300, rng), *make_rates(90, rng))
    assert got.accuracy > 0.95
    assert got == Probe(got.accuracy, 300, 90)


def test_labels_without_relation_are_not_read():
    rng = np.random.default_rng(0)
    u, labels = make_rates(600, rng)
    test_u, test_labels = make_rates(300, rng)
    got = linear_probe(u, rng.permutation(labels), test_u, test_labels)
    assert got.accuracy < 1 / 3 + 5 * np.sqrt(2 / 9 / 100)  # 5 deviations of 100 coin throws


def test_probe_refuses_what_it_cannot_fit():
    u = np.zeros((4, 2))
    with pytest.raises(ValueError, match="training labels: found one class in 4 images"):
        linear_probe(u, np.zeros(4), u, np.zeros(4))
    with pytest.raises(ValueError, match=r"test images: found features \(4, 2\) and labels \(3,\)"):
        linear_probe(u, np.arange(4), u, np.zeros(3))
