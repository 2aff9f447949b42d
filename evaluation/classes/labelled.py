"""Common checks of quality measures that are fitted on labelled codes."""

import numpy as np


def require_labels(
    train: np.ndarray, train_labels: np.ndarray, test: np.ndarray, test_labels: np.ndarray
) -> None:
    """Check that there is one label for each image, and at least two training classes.

    Parameters
    ----------
    train, test : (N, K) features
    train_labels, test_labels : (N,) integers

    Raises
    ------
    ValueError
        If a check fails.
    """
    for name, features, labels in (("training", train, train_labels), ("test", test, test_labels)):
        if features.ndim != 2 or labels.shape != features.shape[:1] or labels.size == 0:
            raise ValueError(
                f"{name} images: found features {features.shape} and labels {labels.shape}, "
                "allowed (N, K) and (N,), N above 0; pass one label for each image"
            )
    if np.unique(train_labels).size < 2:
        raise ValueError(
            f"training labels: found one class in {train_labels.size} images, allowed two or more; "
            "use more training images"
        )
