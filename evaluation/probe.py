"""How much of the class a linear reader finds in the rates."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Probe:
    """Result of a probe.

    Attributes
    ----------
    accuracy : fraction of test images classified right
    train_images, test_images : how many were used
    """

    accuracy: float
    train_images: int
    test_images: int


def rate_probe(
    train_log_rates: np.ndarray,
    train_labels: np.ndarray,
    test_log_rates: np.ndarray,
    test_labels: np.ndarray,
) -> Probe:
    """Return `linear_probe` of rates exp(u).

    Parameters
    ----------
    train_log_rates, test_log_rates : (N, K) u
    train_labels, test_labels : (N,) integers

    References
    ----------
    arXiv 2410.19315: scikit-learn's LogisticRegression on exp(u).
    """
    return linear_probe(np.exp(train_log_rates), train_labels, np.exp(test_log_rates), test_labels)


def linear_probe(
    train_features: np.ndarray,
    train_labels: np.ndarray,
    test_features: np.ndarray,
    test_labels: np.ndarray,
) -> Probe:
    """Fit a logistic regression on features, each scaled by its deviation; score it.

    Parameters
    ----------
    train_features, test_features : (N, K), such as rates
    train_labels, test_labels : (N,) integers

    Raises
    ------
    ValueError
        If labels and features differ in number, or the training labels have one class only.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    for name, features, labels in (
        ("training", train_features, train_labels),
        ("test", test_features, test_labels),
    ):
        if features.ndim != 2 or labels.shape != features.shape[:1] or labels.size == 0:
            raise ValueError(
                f"{name} features are {features.shape} and labels {labels.shape}; needed are "
                "(N, K) and (N,), N above 0. Pass one label for each image."
            )
    if np.unique(train_labels).size < 2:
        raise ValueError(
            f"training labels hold one class in {train_labels.size} images; at least two are "
            "needed. Use more training images."
        )
    reader = make_pipeline(StandardScaler(with_mean=False), LogisticRegression(max_iter=2000))
    reader.fit(train_features, train_labels)
    accuracy = float(reader.score(test_features, test_labels))
    return Probe(accuracy, len(train_labels), len(test_labels))
