"""JSON data of a report, and data of its figures."""

import os
import platform
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

import numpy as np

from ipvae import __version__
from ipvae.energy.counting.counts import count_run
from ipvae.energy.measurement.profiler_log import ProfilerLog
from ipvae.errors import InputError
from ipvae.network.io.network_file import checksum
from ipvae.network.traces.activity import activity_of
from ipvae.network.traces.totals import Totals
from ipvae.report.pictures.figure_data import FigureData
from ipvae.workflows.evaluation.seeds import mean_over_seeds
from ipvae.workflows.reporting.costs import costs, details, modelled
from ipvae.workflows.reporting.once import observed, run_once
from ipvae.workflows.reporting.quality import (
    ink,
    quality_by_image,
    quality_keys,
    run_quality,
)
from ipvae.workflows.reporting.request import ReportRequest

EPOCH = "SOURCE_DATE_EPOCH"


def made(
    request: ReportRequest, profile: ProfilerLog | None, commands: Mapping[str, str]
) -> tuple[dict[str, Any], FigureData]:
    """Run a report, once for each seed, and return its keys and data of its figures."""
    described = {
        "command": commands["command"],
        "verify": commands["verify"],
        "images": request.source,
        **versions(),
    }
    seen = run_once(request)
    activity = activity_of(request.network, seen.totals)
    merit = quality_keys(request, seen)
    cost = costs(request, seen, activity, profile)
    found = {
        "status": cost.status,
        "network": request.name,
        "checksum": checksum(request.network),
        "samples": request.samples,
        "steps": request.steps,
        "seed": request.seed,
        "counts": count_run(request.network, activity).as_dict(),
        "quality": run_quality(request, seen.totals),
        "verified": None if seen.verified is None else seen.verified.to_json(),
        "run": described,
        **merit,
        **cost.keys(),
        **details(request, seen, activity),
        **({} if cost.measured is None else {"measured": cost.measured.as_dict()}),
        "headline": cost.headline(),
        "quality_by_image": quality_by_image(request, seen.totals),
    }
    if len(request.seeds) > 1:
        found["seeds"] = _over_seeds(request, seen.totals)
    return found, ink(request, seen)


def _over_seeds(request: ReportRequest, first: Totals) -> dict[str, Any]:
    """Means over seeds of counts, quality, energies and times; `<key>_sd` are deviations."""
    runs = [first, *(observed(request, [], seed)[0] for seed in request.seeds[1:])]
    return {"seeds": list(request.seeds), **mean_over_seeds([_of_run(request, r) for r in runs])}


def _of_run(request: ReportRequest, totals: Totals) -> dict[str, Any]:
    """Keys that are averaged over seeds."""
    activity = activity_of(request.network, totals)
    cost = modelled(request.network, activity)
    names = ("model", "kind", "part", "chip", "low_j", "high_j", "low_s", "high_s")
    return {
        "counts": count_run(request.network, activity).as_dict(),
        "quality": run_quality(request, totals),
        **{
            key: [{n: value for n, value in row.as_dict().items() if n in names} for row in rows]
            for key, rows in (("energy", cost.energy), ("time", cost.times))
        },
    }


def versions() -> dict[str, Any]:
    """Keys `versions` and `made` of a report: software and date."""
    found: dict[str, Any] = {
        "versions": {
            "ipvae": __version__,
            "python": platform.python_version(),
            "numpy": np.__version__,
        }
    }
    return {**found, "made": _made()}


def _made() -> str:
    """Date of the report: today (UTC), or from the environment for reproducible bytes."""
    epoch = os.environ.get(EPOCH)
    return datetime.now(timezone.utc).date().isoformat() if epoch is None else _date(epoch)


def _date(epoch: str) -> str:
    """ISO date and time from seconds since 1970."""
    try:
        return datetime.fromtimestamp(int(epoch), timezone.utc).isoformat()
    except (ValueError, OverflowError, OSError) as error:
        raise InputError(
            f"{EPOCH}: found '{epoch}', allowed a number of seconds since 1970; correct or unset it"
        ) from error
