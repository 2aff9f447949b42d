"""Measure time and energy of a network on a board with Lava's profiler.

Each probe has a network of its own that is run once and without a break, since reading variables
between steps, or the other probe, would change what is measured. Public Lava has the door
(`lava.utils.profiler`), Intel's extension the profiler.
"""

import csv
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from ipvae.files import atomic_path
from ipvae.lava_procs.board.find import GUIDE, failed
from ipvae.lava_procs.board.host_stepped import HostSteppedRunner, start_of
from ipvae.lava_procs.board.loihi2 import prepared
from ipvae.network.description import IntNetwork
from ipvae.network.rules import random_source
from ipvae.network.rules.drive import drives
from ipvae.network.traces.profiler_columns import STEPS

PROBES = {
    "execution_time_probe": (
        "execution_time",
        "host_time",
        "learning_time",
        "management_time",
        "pre_lrn_mgtm_time",
        "spiking_time",
    ),
    "energy_probe": (
        "power",
        "static_power",
        "dynamic_power",
        "vdd_power",
        "vddm_power",
        "vddio_power",
        "energy",
        "static_energy",
        "dynamic_energy",
        "num_alloc_chips",
    ),
}
"""Probes of the profiler, and what it then has, under its own names and in its own units."""


def measure(
    network: IntNetwork, image: np.ndarray, n_steps: int, seed: int
) -> dict[str, int | float]:
    """Run one image for many updates, once for each probe.

    Parameters
    ----------
    network : IntNetwork
    image : (M,) int
    n_steps : int
        Updates; many, since a probe reads slowly.
    seed : int

    Returns
    -------
    dict of column -> number
        `num_steps`, chip steps that were profiled, and what the profiler has; of what it has for
        every step, the mean.

    Raises
    ------
    BackendError
        As for `ipvae.lava_procs.board.loihi2.run`, or if there is no profiler, or it lacks a probe.
    """
    random_source.check_steps(n_steps)
    b = {name: of_layer[0] for name, of_layer in drives(network, image[None]).items()}
    start = start_of(network, b, random_source.image_key(seed, 0))
    chip_steps = network.wiring.chip_steps(n_steps)
    columns: dict[str, int | float] = {STEPS: chip_steps}
    for probe, names in PROBES.items():
        made = prepared(network)
        profiler = profiler_for(made)
        _set(profiler, probe, chip_steps)
        with HostSteppedRunner(network, n_steps, made, start=start) as runner:
            runner.advance(chip_steps)
            columns |= numbers(profiler, names)
    return columns


def profiler_for(configuration: Any) -> Any:
    """Lava's profiler for a configuration; BackendError if there is none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # public Lava warns on import that it has none
            from lava.utils.profiler import Profiler
        return Profiler.init(configuration)
    except Exception as error:
        raise failed(
            f"no profiler ({type(error).__name__}: {error}); Intel's extension brings it in "
            "lava.utils.loihi2_profiler_api, run without profile_file= or mend the extension "
            f"({GUIDE})"
        ) from error


def _set(profiler: Any, probe: str, n_steps: int) -> None:
    """Set a probe for so many steps of the chip."""
    try:
        getattr(profiler, probe)(num_steps=n_steps)
    except (AttributeError, TypeError) as error:
        raise failed(
            f"the profiler of Intel's extension has no {probe}(num_steps=...) ({error}); run "
            f"without profile_file=, or install another release of it ({GUIDE})"
        ) from error


def numbers(profiler: Any, names: tuple[str, ...]) -> dict[str, int | float]:
    """Return what a profiler has of some names; it need not have all, but must have one."""
    found = {}
    for name in names:
        values = np.asarray(getattr(profiler, name, np.nan), dtype=np.float64)
        if values.size and np.isfinite(values).all():
            mean = float(f"{values.mean():.9g}")
            found[name] = int(mean) if mean.is_integer() else mean
    if not found:
        raise failed(
            f"the profiler of Intel's extension gave none of {', '.join(names)}; run without "
            f"profile_file=, or install another release of it ({GUIDE})"
        )
    return found


def write_profile(path: str | Path, columns: dict[str, int | float]) -> None:
    """Write a CSV of a header and one row: totals of the board, not of its cores."""
    with atomic_path(path) as temporary, temporary.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerow(columns.values())
