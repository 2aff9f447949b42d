"""Measurement of a network's time and energy on a board with Lava's profiler.

Each probe has a separate network that runs once without interruption, since reading variables
between steps, or the other probe, would change the measurement. The interface is in public Lava
(`lava.utils.profiler`), the profiler in Intel's extension.
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
from ipvae.network.rules.start import start_log_rates
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
"""Probes of the profiler and the columns that each provides, with its names and units."""


def measure(
    network: IntNetwork, image: np.ndarray, n_steps: int, seed: int
) -> dict[str, int | float]:
    """Run one image for many updates, once with each probe.

    Parameters
    ----------
    network : IntNetwork
    image : (M,) int
    n_steps : int
        Number of updates; many, since a probe samples slowly.
    seed : int

    Returns
    -------
    dict of column -> number
        `num_steps`, the number of chip steps profiled, and the profiler's columns; a column with a
        value for every step is averaged.

    Raises
    ------
    BackendError
        As for `ipvae.lava_procs.board.loihi2.run`, or if the profiler or a probe is missing.
    """
    random_source.check_steps(n_steps)
    b = {name: of_layer[0] for name, of_layer in drives(network, image[None]).items()}
    first = start_log_rates(network, image[None])
    key = random_source.image_key(seed, 0)
    start = start_of(network, b, key, None if first is None else first[0])
    chip_steps = network.schedule.chip_steps(n_steps)
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
    """Return Lava's profiler for a configuration; BackendError if it is missing."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # public Lava warns on import that it has no profiler
            from lava.utils.profiler import Profiler
        return Profiler.init(configuration)
    except Exception as error:
        raise failed(
            f"no profiler ({type(error).__name__}: {error}); Intel's extension brings it in "
            "lava.utils.loihi2_profiler_api, run without profile_file= or repair the extension "
            f"({GUIDE})"
        ) from error


def _set(profiler: Any, probe: str, n_steps: int) -> None:
    """Set a probe for a number of chip steps."""
    try:
        getattr(profiler, probe)(num_steps=n_steps)
    except (AttributeError, TypeError) as error:
        raise failed(
            f"the profiler of Intel's extension has no {probe}(num_steps=...) ({error}); run "
            f"without profile_file=, or install another release of it ({GUIDE})"
        ) from error


def numbers(profiler: Any, names: tuple[str, ...]) -> dict[str, int | float]:
    """Return the profiler's values for some names; at least one must be present."""
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
    """Write a CSV file with a header and one row: totals of the board, not of its cores."""
    with atomic_path(path) as temporary, temporary.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerow(columns.values())
