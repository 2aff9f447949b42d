"""Error, fit and sparsity of reconstructions from spike counts."""

from collections.abc import Mapping

import numpy as np


def mse(images: np.ndarray, reconstructions: np.ndarray) -> float:
    """Return the squared error per pixel, as a mean over images.

    Parameters
    ----------
    images, reconstructions : (N, M), real units

    Raises
    ------
    ValueError
        If the shapes differ or there are no images.
    """
    _check_pair(images, reconstructions)
    return float(_residual_sums(images, reconstructions).mean() / images.shape[1])


def r2(images: np.ndarray, reconstructions: np.ndarray) -> float:
    """Return the explained variance of each image over its pixels, as a mean over images.

    1 - sum (x - x^)^2 / sum (x - mean(x))^2, with the mean over that image's pixels. Constant
    images have no variance and are excluded from the mean. If all images are constant, the result
    is nan.

    Parameters
    ----------
    images, reconstructions : (N, M), real units

    Raises
    ------
    ValueError
        If the shapes differ or there are no images.

    References
    ----------
    arXiv 2410.19315: R2 per sample across pixels, then averaged.
    """
    _check_pair(images, reconstructions)
    varies = images.max(axis=1) > images.min(axis=1)
    if not varies.any():
        return float("nan")
    x = images[varies].astype(np.float64)
    variation = np.square(x - x.mean(axis=1, keepdims=True)).sum(axis=1)
    residual = _residual_sums(images, reconstructions)[varies]
    return float((1.0 - residual / variation).mean())


def zeros(counts: np.ndarray) -> float:
    """Return the fraction of counts that are zero.

    Parameters
    ----------
    counts : (N, K), any number type

    Raises
    ------
    ValueError
        If there are no counts.
    """
    if counts.size == 0:
        raise ValueError(f"counts: found shape {counts.shape}, allowed at least one image")
    return float(np.count_nonzero(counts == 0) / counts.size)


def spikes(counts: np.ndarray) -> float:
    """Return the number of spikes per image at one step: sum over neurons, mean over images.

    Parameters
    ----------
    counts : (N, K) spike counts

    Raises
    ------
    ValueError
        If there are no images.
    """
    if len(counts) == 0:
        raise ValueError(f"counts: found shape {counts.shape}, allowed at least one image")
    return float(counts.sum(axis=1, dtype=np.float64).mean())


def quality(images: np.ndarray, counts: np.ndarray, phi: np.ndarray) -> dict[str, float]:
    """Return `mse`, `r2` and `zeros` for counts with a linear decoder, x^ = Phi z.

    Parameters
    ----------
    images : (N, M), real units
    counts : (N, K) spike counts
    phi : (M, K) decoder
    """
    if counts.ndim != 2 or phi.ndim != 2 or counts.shape[1] != phi.shape[1]:
        raise ValueError(
            f"counts: found {counts.shape} and phi {phi.shape}, allowed (N, K) and (M, K). "
            "Pass the decoder of the model that drew the counts."
        )
    read_out = counts.astype(np.float32) @ phi.T.astype(np.float32)
    return {"mse": mse(images, read_out), "r2": r2(images, read_out), "zeros": zeros(counts)}


def quality_of_images(
    images: np.ndarray, reconstructions: np.ndarray, counts: np.ndarray
) -> dict[str, float]:
    """Return `mse`, `r2` and `zeros` of reconstructions by any decoder.

    Parameters
    ----------
    images, reconstructions : (N, M), real units
    counts : (N, K) spike counts
    """
    fit = {"mse": mse(images, reconstructions), "r2": r2(images, reconstructions)}
    return {**fit, "zeros": zeros(counts)}


def quality_of_each(
    images: np.ndarray, counts: np.ndarray, phi: np.ndarray
) -> dict[str, np.ndarray]:
    """Return `mse`, `r2` and `zeros` of each image, (N,) float64; arguments as in `quality`.

    `r2` is nan for constant images.
    """
    read_out = counts.astype(np.float32) @ phi.T.astype(np.float32)
    error = _residual_sums(images, read_out) / images.shape[1]
    silent = np.count_nonzero(counts == 0, axis=1) / counts.shape[1]
    return {"mse": error, "r2": r2_of_each(images, read_out), "zeros": silent}


def r2_of_each(images: np.ndarray, reconstructions: np.ndarray) -> np.ndarray:
    """Return `r2` of each image, (N,) float64; nan for constant images."""
    residual = _residual_sums(images, reconstructions)
    x = images.astype(np.float64)
    variation = np.square(x - x.mean(axis=1, keepdims=True)).sum(axis=1)
    varies = images.max(axis=1) > images.min(axis=1)
    explained = np.full(len(images), np.nan)
    explained[varies] = 1.0 - residual[varies] / variation[varies]
    return explained


def curve(
    images: np.ndarray, counts: Mapping[int, np.ndarray], phi: np.ndarray
) -> list[dict[str, float]]:
    """Return `quality` after each number of steps, in ascending order, with its `step`.

    Parameters
    ----------
    images : (N, M), real units
    counts : by number of steps, (N, K) spike counts
    phi : (M, K) decoder
    """
    return [{"step": step, **quality(images, counts[step], phi)} for step in sorted(counts)]


def judged(
    images: np.ndarray, counts: Mapping[int, np.ndarray], decoder: np.ndarray, *, mean: bool
) -> dict:
    """Return `curve`, with a point for each number of steps, and the values of the last; JSON data.

    Parameters
    ----------
    images : (N, M) float64, real pixel values
    counts : step -> (N, K)
    decoder : (M, K)
    mean : bool
        Steps are independent draws; the curve then has one point, their mean.
    """
    points = curve(images, counts, decoder)
    last = dict(points[-1])
    if mean:
        last |= {key: float(np.mean([p[key] for p in points])) for key in ("mse", "r2", "zeros")}
        points = [dict(last)]
    return {"curve": points, "steps": int(last.pop("step")), **last}


def _residual_sums(images: np.ndarray, reconstructions: np.ndarray) -> np.ndarray:
    return np.square(images.astype(np.float64) - reconstructions).sum(axis=1)


def _check_pair(images: np.ndarray, reconstructions: np.ndarray) -> None:
    if images.ndim != 2 or images.shape != reconstructions.shape or images.size == 0:
        raise ValueError(
            f"images: found shape {images.shape} and reconstructions {reconstructions.shape}, "
            "allowed (N, M) for both, N above 0; pass one reconstruction for each image"
        )
