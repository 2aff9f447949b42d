"""Dimensionality of a code, and linear separability of class dichotomies."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from ipvae.evaluation.classes.labelled import require_labels
from ipvae.extras import needs

DICHOTOMIES = 126
"""Number of balanced dichotomies of ten classes."""


@dataclass(frozen=True)
class Shattering:
    """Result of linear classifiers on balanced dichotomies of the classes.

    Attributes
    ----------
    accuracy : mean over dichotomies of the fraction of test images classified correctly
    deviation : standard deviation over dichotomies, denominator n - 1; nan for one dichotomy
    lowest : accuracy of the worst dichotomy
    dichotomies, possible : number of fitted and of existing dichotomies
    train_images, test_images : number of images
    """

    accuracy: float
    deviation: float
    lowest: float
    dichotomies: int
    possible: int
    train_images: int
    test_images: int


def participation_ratio(features: np.ndarray) -> float:
    """Return (sum of l)^2 / sum of l^2, l the eigenvalues of the features' covariance.

    The value is 1 if all variance is along one direction, K if it is equal along K directions, and
    nan for features without variance.

    Parameters
    ----------
    features : (N, K) real, N above 1

    Raises
    ------
    ValueError
        If there are fewer than two images, or no features.

    References
    ----------
    Rajan, Abbott and Sompolinsky, NIPS 23 (2010); Gao et al., bioRxiv 214262 (2017).
    """
    if features.ndim != 2 or len(features) < 2 or features.shape[1] == 0:
        raise ValueError(
            f"features: found {features.shape}, allowed (N, K), N above 1; pass more images"
        )
    centred = features.astype(np.float64)
    centred -= centred.mean(axis=0)
    covariance = centred.T @ centred
    total = np.square(covariance).sum()
    return float(np.trace(covariance) ** 2 / total) if total > 0 else float("nan")


def dichotomies(classes: Sequence[int], most: int, seed: int = 0) -> list[tuple[int, ...]]:
    """Return class halves, each with the rest a balanced dichotomy, without duplicates.

    Each half has n // 2 of n classes. A half and its complement are one dichotomy, so for even n
    only halves with the first class are used. If there are more than `most`, they are sampled with
    a seed, without replacement.

    Examples
    --------
    >>> dichotomies([0, 1, 2, 3], most=10)
    [(0, 1), (0, 2), (0, 3)]
    """
    ordered = sorted(classes)
    every = [
        half
        for half in combinations(ordered, len(ordered) // 2)
        if len(ordered) % 2 or half[0] == ordered[0]
    ]
    if len(every) <= most:
        return every
    chosen = np.random.default_rng(seed).choice(len(every), size=most, replace=False)
    return [every[i] for i in sorted(chosen)]


def shattering(
    train: np.ndarray,
    train_labels: np.ndarray,
    test: np.ndarray,
    test_labels: np.ndarray,
    *,
    most: int = DICHOTOMIES,
    seed: int = 0,
) -> Shattering:
    """Return the accuracy of logistic regressions on balanced dichotomies of the classes.

    The mean accuracy over balanced dichotomies is called shattering dimensionality. The authors'
    code (hadivafaii/PoissonVAE, `clf_analysis`) fits all 252 ordered halves of ten digits, which
    are 126 dichotomies twice. It uses the log-rates u - u_0 of an amortized model, and
    scikit-learn's defaults, with at most 100 iterations. For an iterative model use the rates
    exp(u), because log-rates drift far below 0 where spikes do not constrain them. Here each
    feature is first centred and divided by its standard deviation, so that the fits converge.

    Parameters
    ----------
    train, test : (N, K) features, such as rates exp(u)
    train_labels, test_labels : (N,) integers; at least two classes
    most : maximum number of dichotomies
    seed : seed of their sampling

    Raises
    ------
    ValueError
        If labels and features differ in number, the training labels have only one class, or `most`
        is below 1.

    References
    ----------
    Rigotti et al., Nature 497 (2013) 585; Bernardi et al., Cell 183 (2020) 954; arXiv 2405.14473.
    """
    with needs("evaluate", "dichotomies"):
        from sklearn.linear_model import LogisticRegression
        from sklearn.preprocessing import StandardScaler

    require_labels(train, train_labels, test, test_labels)
    if most < 1:
        raise ValueError(f"dichotomies: found {most}, allowed 1 and above")
    classes = np.unique(train_labels).tolist()
    halves = dichotomies(classes, most, seed)
    scaler = StandardScaler().fit(train)
    x, y = scaler.transform(train), scaler.transform(test)
    scores = []
    for half in halves:
        reader = LogisticRegression(max_iter=20_000)
        reader.fit(x, np.isin(train_labels, half))
        scores.append(reader.score(y, np.isin(test_labels, half)))
    return Shattering(
        accuracy=float(np.mean(scores)),
        deviation=float(np.std(scores, ddof=1)) if len(scores) > 1 else float("nan"),
        lowest=float(np.min(scores)),
        dichotomies=len(halves),
        possible=len(dichotomies(classes, 10**9)),
        train_images=len(train_labels),
        test_images=len(test_labels),
    )
