"""Keys of a report for the quality of the network, and data of its figures."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ipvae.chip.check import check
from ipvae.chip.plan import limit
from ipvae.evaluation.early_stopping import NEAR, stopping_step
from ipvae.evaluation.histograms import histograms
from ipvae.evaluation.metrics import curve, quality, quality_of_each, r2
from ipvae.evaluation.readouts import judge, readout_names
from ipvae.network.description import IntNetwork
from ipvae.network.layers import PoissonLayer
from ipvae.network.traces.totals import Totals
from ipvae.report.pictures.figure_data import FigureData
from ipvae.workflows.reporting.once import Seen, doubled
from ipvae.workflows.reporting.pictures import spaced
from ipvae.workflows.reporting.request import ReportRequest

SHOWN = 8
"""Number of images whose reconstructions are shown."""


def run_quality(request: ReportRequest, totals: Totals) -> dict[str, float]:
    """Figures of merit after the last step, means over the images."""
    network = request.network
    return quality(request.real, totals.layers[network.code].z, network.decoder)


def quality_keys(request: ReportRequest, seen: Seen) -> dict[str, Any]:
    """Read-outs, curve, stop point, reconstructions, limits, saturations and histograms."""
    network, totals = request.network, seen.totals
    n = len(next(iter(seen.by_step.values())))
    by_step = {step: seen.by_step[step] for step in spaced(request.steps)}
    points = curve(request.real[:n], by_step, network.decoder)
    shown = {name: totals.layers[name].z for name in readout_names(network)}
    return {
        "provenance": network.provenance,
        "readouts": judge(network, shown, request.real, request.images.classes),
        "curve": points,
        "curve_images": n,
        "stop": stop_point(points),
        "reconstructions": _reconstructions(request, seen),
        "check": _checked(network),
        "log_rates": any(isinstance(la, PoissonLayer) for la in network.layers.values()),
        "saturations": {name: of.saturations for name, of in totals.layers.items()},
        "histograms": histograms(network, totals),
    }


def quality_by_image(request: ReportRequest, totals: Totals) -> dict[str, dict[str, float]]:
    """Mean, minimum, maximum and standard deviation of each figure of merit over images."""
    network = request.network
    z = totals.layers[network.code].z
    each = quality_of_each(request.real, z, network.decoder)
    return {name: spread(values[~np.isnan(values)]) for name, values in each.items()}


def spread(values: np.ndarray) -> dict[str, float]:
    """Return `mean`, `min`, `max` and `sd` (divided by n, not n - 1); nan without values."""
    if not len(values):
        return dict.fromkeys(("mean", "min", "max", "sd"), float("nan"))
    total = values.sum()
    return {
        "mean": (int(total) if values.dtype.kind in "iu" else float(total)) / len(values),
        "min": float(values.min()),
        "max": float(values.max()),
        "sd": float(values.std()),
    }


def stop_point(points: list[dict]) -> dict | None:
    """Early-stopping point of a curve (`ipvae.evaluation.early_stopping`); None if undefined."""
    step = stopping_step(points)
    if step is None:
        return None
    first = next(point for point in points if point["step"] == step)
    return {"step": step, "r2": first["r2"], "zeros": first["zeros"], "within": NEAR}


def ink(request: ReportRequest, seen: Seen) -> FigureData:
    """Data of the figures."""
    network = request.network
    return FigureData(
        shape=network.input.shape,
        signed=network.input.minimum < 0,
        images=request.real[:SHOWN],
        read_out=_read_outs(request, seen.by_step),
        phi=network.decoder,
        counts=seen.by_step[request.steps],
        raster=seen.raster,
    )


def _read_outs(request: ReportRequest, by_step: Mapping[int, np.ndarray]) -> dict[int, np.ndarray]:
    """Reconstructions of the shown images at the shown steps."""
    decoder = request.network.decoder.T
    return {
        step: by_step[step][:SHOWN].astype(np.float32) @ decoder for step in doubled(request.steps)
    }


def _reconstructions(request: ReportRequest, seen: Seen) -> list[dict[str, Any]]:
    """R2 of each shown image at the shown steps."""
    images = request.real[:SHOWN]
    return [
        {"step": step, "r2": [r2(images[i : i + 1], x[i : i + 1]) for i in range(len(images))]}
        for step, x in _read_outs(request, seen.by_step).items()
    ]


def _checked(network: IntNetwork) -> dict[str, Any]:
    """Result of `ipvae check`, with a margin for each limit."""
    found = check(network)
    return {**found.as_dict(), "limits": [limit(line) for line in found.lines]}
