"""Stability of the updates: how large a step size a convolutional model bears on given images.

Mean rates r follow log r' = log r + b - G r. Near a fixed point, deviations of the log-rates are
multiplied by 1 - G R, R = diag(r), whose eigenvalues are 1 - rho for the eigenvalues rho of
R^(1/2) G R^(1/2), all real and 0 or above. Deviations decay if and only if the largest is below 2.
It is proportional to the step size a, which the fixed point does not depend on (where no limit of
the clamp is reached). With counts in place of rates the margin has to be larger: draws of large
rates deviate, and rho grows with them.

Rates settle slowly where kernels almost cancel, and grow meanwhile: a step size that is stable for
128 steps may diverge after hundreds more. Stability is therefore also tested over `LONG` steps.
"""

from collections.abc import Mapping

import numpy as np

from ipvae.float_models.convolutional.geometry import Canvas
from ipvae.float_models.convolutional.steps import Prepared, as_pictures

DIVERGED = 1000
"""Count of one neuron in one step above which an image has diverged; codes have a few."""
SETTLING, AVERAGED = 96, 32
"""Steps before rates are averaged, at the step size of training, and steps averaged."""
LONG, LONG_IMAGES, LARGEST_LATE = 1000, 16, 1.0
"""Steps and images of the second test, and the largest rho of its last steps."""
STABLE = 2.0
"""rho from which mean rates diverge."""
_ITERATIONS, _HALVINGS = 40, 8


def load(prepared: Prepared, rates: np.ndarray) -> float:
    """Return the largest eigenvalue rho of R^(1/2) G R^(1/2), by power iteration.

    Parameters
    ----------
    prepared : model with its step size, on images of one size
    rates : (C, H, W), mean rates of an image, counts per step

    Returns
    -------
    float
        A lower estimate that converges from below; 0 for rates of 0.
    """
    root = np.sqrt(np.asarray(rates, dtype=np.float32))
    bits = np.random.PCG64(0).random_raw(root.size)  # the same in all versions of NumPy
    vector, found = root * (bits / 2.0**63 - 1.0).astype(np.float32).reshape(root.shape), 0.0
    for _ in range(_ITERATIONS):
        norm = float(np.linalg.norm(vector))
        if norm == 0:
            return 0.0
        vector = vector / np.float32(norm)
        image = root * prepared.received(root * vector)
        found = max(found, float(np.vdot(vector, image)))
        vector = image
    return found


def settled_rates(
    prepared: Prepared, image: np.ndarray, index: int = 0, last: int = SETTLING + AVERAGED
) -> np.ndarray | None:
    """Return rates averaged after settling, (C, H, W); None if the image diverges.

    Parameters
    ----------
    prepared : model on images of one size
    image : (c, h, w), real values
    index : number of the image, for its draws
    last : steps, of which the last AVERAGED are averaged
    """
    total = np.zeros(prepared.canvas.grid)
    for t, z, u in prepared.trajectory(image, last, seed=0, index=index):
        if z.max() > DIVERGED:
            return None
        if t > last - AVERAGED:
            total += np.exp(u)
    return total / AVERAGED


def largest_load(params: Mapping[str, np.ndarray], canvas: Canvas, images: np.ndarray) -> float:
    """Return the largest rho over images, for the step size of the parameters.

    Rates are taken at half the step size, or at a quarter and so on, if an image diverges.

    Parameters
    ----------
    params : tensors of a conv-ipvae
    canvas : size of the images, kernels and stride
    images : (N, M) or (N, c, h, w), real values

    Returns
    -------
    float
        Infinite if an image diverges at any step size that was tried.
    """
    largest = 0.0
    for index, image in enumerate(as_pictures(images, canvas)):
        for halving in range(_HALVINGS):
            share = 0.5**halving
            prepared = Prepared.of(with_step(params, share), canvas)
            rates = settled_rates(prepared, image, index)
            if rates is not None:
                largest = max(largest, load(prepared, rates) / share)
                break
        else:
            return np.inf
    return largest


def with_step(params: Mapping[str, np.ndarray], factor: float) -> dict[str, np.ndarray]:
    """Return the parameters with the step size multiplied by a factor."""
    log_lr = np.asarray(params["log_lr"] + np.float32(np.log(factor)), dtype=np.float32)
    return {**params, "log_lr": log_lr}


def stabilized(
    params: Mapping[str, np.ndarray], canvas: Canvas, images: np.ndarray, most: float
) -> dict[str, np.ndarray]:
    """Return the parameters with a step size at which rho is at most `most`.

    After `LONG` steps it is at most `LARGEST_LATE`, on the first images. A step size below that is
    unchanged, and so is a model that diverges at any step size.

    Parameters
    ----------
    params, canvas, images : see `largest_load`
    most : below 2
    """
    found = largest_load(params, canvas, images)
    lowered = with_step(params, most / found) if most < found < np.inf else dict(params)
    for _ in range(_HALVINGS):
        late = _late_load(lowered, canvas, images[:LONG_IMAGES])
        if late <= LARGEST_LATE:
            return lowered
        lowered = with_step(lowered, max(0.25, 0.9 * LARGEST_LATE / late))
    return dict(params)


def stable_factor(
    params: Mapping[str, np.ndarray], canvas: Canvas, images: np.ndarray
) -> float | None:
    """Return a multiple of the step size that is stable for `LONG` steps, rounded down.

    Parameters
    ----------
    params, canvas, images : see `largest_load`

    Returns
    -------
    float or None
        At most 1, of two digits; None if no step size that was tried is stable.
    """
    few = images[:LONG_IMAGES]
    found = stabilized(params, canvas, few, LARGEST_LATE)
    factor = float(np.exp(np.float64(found["log_lr"]) - np.float64(params["log_lr"])))
    if factor > 1 - 1e-6:
        return 1.0 if _late_load(params, canvas, few) <= LARGEST_LATE else None
    digits = 10.0 ** (np.floor(np.log10(factor)) - 1)
    return float(np.floor(factor / digits) * digits)


def _late_load(params: Mapping[str, np.ndarray], canvas: Canvas, images: np.ndarray) -> float:
    """Return the largest rho after `LONG` steps; infinite once an image diverges."""
    prepared, largest = Prepared.of(params, canvas), 0.0
    for index, image in enumerate(as_pictures(images, canvas)):
        rates = settled_rates(prepared, image, index, LONG)
        if rates is None:
            return np.inf
        largest = max(largest, load(prepared, rates))
    return largest
