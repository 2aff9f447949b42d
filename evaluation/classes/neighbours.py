"""How well few labels classify all images, by nearest neighbours in the code."""

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
    """Accuracy with some number of labels.

    Attributes
    ----------
    accuracy : mean over repeats of the fraction of test images classified right
    deviation : over repeats, with n - 1 in the denominator; nan for one repeat
    labels, repeats : how many labelled images, drawn anew how often
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
    """Classify by the majority of the nearest labelled images, Euclidean, uniform weights.

    For each number of labels, that many training images are drawn without replacement, `repeats`
    times. Among classes with equally many neighbours the lowest label wins.

    The authors' code (hadivafaii/PoissonVAE, `knn_analysis`) has 5 neighbours too and takes the
    log-rates u - u_0 of an amortized model. Of an iterative model take the rates exp(u): log-rates
    wander far below 0 where no spike tells them apart. Its labelled images are drawn from the first
    half of the validation set and tested on the second half; here they are drawn from training
    images and tested on all test images.

    Parameters
    ----------
    train, test : (N, K) features, such as rates exp(u)
    train_labels, test_labels : (N,) integers
    labels : numbers of labelled images; one above the number of training images is left out
    neighbours : how many vote
    repeats : 1 or more
    seed : of the draws; a number of labels has the same draws whatever the others are

    Returns
    -------
    by number of labels, in rising order

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
            f"found labels {sizes}, neighbours {neighbours}, repeats {repeats}; needed are at "
            "least as many labels as neighbours, and 1 of each. Ask for more labels."
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
