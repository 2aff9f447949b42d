"""Reconstructions and maps of a report on a network with a decoder."""

from typing import Any

import numpy as np

from ipvae.emulator.event_driven.engine import NetworkEmulator
from ipvae.evaluation.early_stopping import NEAR, stopping_step
from ipvae.evaluation.metrics import r2
from ipvae.network.frames import in_rows
from ipvae.network.network import Network
from ipvae.report.pictures.map_pictures import MapPictures
from ipvae.workflows.kinds.judging import fit, reconstructions
from ipvae.workflows.kinds.result import NetworkRun

SHOWN = 8
"""Images with reconstructions."""
NEURONS = 2**22
"""Neurons of these images together; there is at least one image."""
STEPS = (1, 4, 16, 64, 256, 1024, 4096)
MAPS = 16
"""Most active maps that are shown."""


def map_data(
    network: Network, run: NetworkRun, values: np.ndarray
) -> tuple[dict[str, Any], MapPictures]:
    """Return the keys of a report that follow from reconstructions, and their pictures.

    Parameters
    ----------
    network : Network
        With a decoder of its last layer.
    run : NetworkRun
    values : (N, 1 or rows, inputs) int32, images as the input receives them

    Returns
    -------
    dict
        `quality` of the run; of the first images `curve`, `curve_images`, `stop` and
        `reconstructions`, the R2 of each; `maps`, the most active of the first image.
    """
    shape, n = network.readout.shape, network.readout.n_neurons
    shown = values[: max(1, min(SHOWN, NEURONS // n))]
    steps = sorted({step for step in STEPS if step < run.steps} | {run.steps})
    rows = [network.rows(step) for step in steps]
    found = NetworkEmulator(network).totals_at(in_rows(network, shown), rows, None, run.seed)
    by_step = dict(zip(steps, found.values(), strict=True))
    pixels = network.input.pixels
    real = shown[:, -1] * (1.0 if pixels is None else pixels.scale)
    decoded = {step: reconstructions(network, totals) for step, totals in by_step.items()}
    curve = [{"step": step, **fit(network, totals, shown)} for step, totals in by_step.items()]
    stop, last = stopping_step(curve), by_step[run.steps]
    means = last.outputs[0].reshape(shape) / network.rows(run.steps)
    order = np.argsort(-means.sum(axis=(1, 2)), kind="stable")[:MAPS]
    data = {
        "quality": {key: run.fit[key] for key in ("r2", "mse", "zeros", "spikes")},
        "curve": curve,
        "curve_images": len(shown),
        "stop": None if stop is None else {"step": stop, "within": NEAR},
        "reconstructions": [
            {"step": step, "r2": [r2(real[i : i + 1], images[i : i + 1]) for i in range(len(real))]}
            for step, images in decoded.items()
        ],
        "maps": [{"map": int(m), "mean_count": float(means[m].mean())} for m in order],
    }
    image = network.input.shape
    pictures = MapPictures(
        real.reshape(-1, *image),
        {step: images.reshape(-1, *image) for step, images in decoded.items()},
        means[order],
    )
    return data, pictures
