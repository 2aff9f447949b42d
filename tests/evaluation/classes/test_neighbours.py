"""Nearest neighbours against a search through all of them, one by one."""

import numpy as np
import pytest

from ipvae.evaluation.classes.neighbours import LABELS, NEIGHBOURS, REPEATS, neighbour_accuracy


def clusters(rng, n, spread=0.6):
    labels = np.arange(n) % 3
    return np.eye(3)[labels] + spread * rng.normal(size=(n, 3)), labels


def brute(x, labels, queries, truth, k):
    right = 0
    for query, label in zip(queries, truth, strict=True):
        near = sorted(range(len(x)), key=lambda i: ((x[i] - query) ** 2).sum())[:k]
        votes = [sum(labels[i] == c for i in near) for c in range(3)]
        right += votes.index(max(votes)) == label
    return right / len(queries)


def test_each_draw_is_scored_as_a_search_does(rng):
    x, labels = clusters(rng, 60)
    y, truth = clusters(rng, 41)
    got = neighbour_accuracy(x, labels, y, truth, labels=(12, 30), repeats=3, seed=9)
    for size in (12, 30):
        draws = np.random.default_rng([9, size])
        chosen = [draws.choice(60, size=size, replace=False) for _ in range(3)]
        scores = [brute(x[c], labels[c], y, truth, 5) for c in chosen]
        assert got[size].accuracy == pytest.approx(np.mean(scores))
        assert got[size].deviation == pytest.approx(np.std(scores, ddof=1))
        assert len(set(scores)) > 1


def test_draws_depend_on_the_seed_and_not_on_other_sizes(rng):
    x, labels = clusters(rng, 80)
    y, truth = clusters(rng, 60)
    data = (x, labels, y, truth)
    one = neighbour_accuracy(*data, labels=[20], seed=1)
    assert one == neighbour_accuracy(*data, labels=[20], seed=1)
    assert one[20] == neighbour_accuracy(*data, labels=[40, 20], seed=1)[20]
    assert one != neighbour_accuracy(*data, labels=[20], seed=2)


def test_more_labels_than_images_are_left_out(rng):
    x, labels = clusters(rng, 30)
    assert list(neighbour_accuracy(x, labels, x, labels, labels=(31, 30, 10), repeats=1)) == [
        10,
        30,
    ]
    got = neighbour_accuracy(x, labels, x, labels, labels=[30], repeats=1)[30]
    assert np.isnan(got.deviation)


def test_what_cannot_be_voted_on_is_refused(rng):
    x, labels = clusters(rng, 30)
    with pytest.raises(ValueError, match=r"labels: found \[4\], neighbours 5"):
        neighbour_accuracy(x, labels, x, labels, labels=[4])
    with pytest.raises(ValueError, match="repeats 0"):
        neighbour_accuracy(x, labels, x, labels, labels=[10], repeats=0)
    with pytest.raises(ValueError, match="one class in 30 images"):
        neighbour_accuracy(x, np.zeros(30), x, labels, labels=[10])


def test_five_neighbours_of_twenty_draws_of_the_papers_numbers_of_labels(rng):
    """As in arXiv 2405.14473; numbers of labels above the number of images are left out."""
    assert (LABELS, NEIGHBOURS, REPEATS) == ((200, 1000, 5000), 5, 20)
    x, labels = clusters(rng, 210)
    got = neighbour_accuracy(x, labels, x[:30], labels[:30])
    assert list(got) == [200]
    assert (got[200].labels, got[200].repeats) == (200, 20)


def test_as_many_labels_as_neighbours_and_as_images_are_enough(rng):
    x, labels = clusters(rng, 12)
    got = neighbour_accuracy(x, labels, x, labels, labels=[3, 12], neighbours=3, repeats=2)
    assert list(got) == [3, 12]
    # All labels are drawn both times: no deviation.
    assert got[12].deviation == 0.0
    with pytest.raises(ValueError, match="neighbours 0"):
        neighbour_accuracy(x, labels, x, labels, labels=[3], neighbours=0)
    with pytest.raises(ValueError, match=r"labels: found \[\]"):
        neighbour_accuracy(x, labels, x, labels, labels=[])


def test_one_neighbour_decides_alone(rng):
    x, labels = clusters(rng, 30)
    y, truth = clusters(rng, 41)
    got = neighbour_accuracy(x, labels, y, truth, labels=[30], repeats=1, neighbours=1)[30]
    assert got.accuracy == brute(x, labels, y, truth, 1)
    with pytest.raises(ValueError, match="neighbours 0"):
        neighbour_accuracy(x, labels, y, truth, labels=[30], repeats=1, neighbours=0)
