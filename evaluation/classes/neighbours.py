"""Accuracy of nearest-neighbour classification of codes with few labels."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from ipvae.evaluation.classes.labelled import require_labels
from ipvae.extras import needs

NEIGHBOURS = 5
REPEATS = 20
LABELS = (200, 1000, 5000)


@dataclass(frozen=True)
class Neighbours:
    """Accuracy for one number of labels.

    Attributes
    ----------
    accuracy : mean over repeats of the fraction of test images classified correctly
    deviation : standard deviation over repeats, denominator n - 1; nan for one repeat
    labels, repeats : number of labelled images, and of independent draws of them
    """

    accuracy: float
    deviation: float
    labels: int
    repeats: int


def neighbour_accuracy(
    train: np.ndarray,
    train_labels: np.ndarray,
    test: np.ndarray,
    test_labels: np.ndarray,
    *,
    labels: Iterable[int] = LABELS,
    neighbours: int = NEIGHBOURS,
    repeats: int = REPEATS,
    seed: int = 0,
) -> dict[int, Neighbours]:
    """Classify by majority of the nearest labelled images, Euclidean, with equal weights.

    For each number of labels, that many training images are drawn without replacement, `repeats`
    times. Ties between classes go to the lowest label.

    The authors' code (hadivafaii/PoissonVAE, `knn_analysis`) also has 5 neighbours, and uses the
    log-rates u - u_0 of an amortized model. For an iterative model use the rates exp(u), because
    log-rates drift far below 0 where spikes do not constrain them. The authors draw labelled images
    from the first half of the validation set and test on the second half. Here labelled images are
    training images, and all test images are classified.

    Parameters
    ----------
    train, test : (N, K) features, such as rates exp(u)
    train_labels, test_labels : (N,) integers
    labels : numbers of labelled images; numbers above the number of training images are skipped
    neighbours : number of neighbours in the vote
    repeats : 1 or more
    seed : seed of the draws; the draws for a number of labels do not depend on the other numbers

    Returns
    -------
    by number of labels, in ascending order

    Raises
    ------
    ValueError
        If labels and features differ in number, or a number of labels is below `neighbours`.

    References
    ----------
    arXiv 2405.14473, table of k-nearest-neighbour accuracies at 200, 1000 and 5000 labels.
    """
    with needs("evaluate", "neighbours"):
        from sklearn.neighbors import KNeighborsClassifier

    require_labels(train, train_labels, test, test_labels)
    sizes = sorted(set(labels))
    if repeats < 1 or not sizes or sizes[0] < neighbours or neighbours < 1:
        raise ValueError(
            f"labels: found {sizes}, neighbours {neighbours}, repeats {repeats}, allowed at least "
            "as many labels as neighbours, and 1 of each; use more labels"
        )
    found = {}
    for size in (n for n in sizes if n <= len(train)):
        rng = np.random.default_rng([seed, size])
        scores = []
        for _ in range(repeats):
            drawn = rng.choice(len(train), size=size, replace=False)
            reader = KNeighborsClassifier(neighbours, algorithm="brute")
            reader.fit(train[drawn], train_labels[drawn])
            scores.append(reader.score(test, test_labels))
        deviation = float(np.std(scores, ddof=1)) if repeats > 1 else float("nan")
        found[size] = Neighbours(float(np.mean(scores)), deviation, size, repeats)
    return found
