"""What a report says beside counts and energies: JSON data, and the arrays behind its pictures."""

import os
import platform
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

import numpy as np

from ipvae import __version__
from ipvae.cli.output import note, working
from ipvae.emulator import Emulator
from ipvae.evaluation.early_stopping import NEAR, stopping_step
from ipvae.evaluation.histograms import histograms
from ipvae.evaluation.metrics import curve, r2
from ipvae.evaluation.readouts import judge, readout_names
from ipvae.network.check import check
from ipvae.network.description import IntNetwork
from ipvae.network.errors import InputError
from ipvae.network.layers import PoissonLayer
from ipvae.network.pixels import to_real
from ipvae.network.plan import limit
from ipvae.network.totals import Totals
from ipvae.report.ink import Ink
from ipvae.workflows.backends import require_known, run_backend
from ipvae.workflows.cluster import totals as run_totals
from ipvae.workflows.images import LabelledImages
from ipvae.workflows.pictures import spaced
from ipvae.workflows.verify import compared

CURVE_IMAGES = 1024
"""Images behind the curve, at most: their counts are held in memory at every step of it."""
SHOWN = 8
"""Images whose reconstructions are shown."""
RASTER_STEPS = 512
VERIFIED_IMAGES, VERIFIED_STEPS = 2, 16
REFERENCE = "emulator"
EPOCH = "SOURCE_DATE_EPOCH"


def page_writer() -> Callable[[dict, Ink], dict[str, bytes]]:
    """Function that builds a page and its figures; imported late, since that takes a second.

    Raises
    ------
    InputError
        If what draws it is not installed.
    """
    try:
        from ipvae.report.page import files
    except ImportError as error:
        raise InputError(
            f"report: the page needs a package that cannot be imported ({error}); install it with "
            "pip install 'ipvae-loihi[report]'"
        ) from error
    return files


@dataclass(frozen=True, eq=False)
class Asked:
    """What was asked for."""

    net: Path
    network: IntNetwork
    images: LabelledImages
    steps: int
    seed: int
    scheduler: str | None = None

    @property
    def samples(self) -> int:
        """Number of images."""
        return len(self.images.pixels)

    def real(self, n: int | None = None) -> np.ndarray:
        """Real pixel values of the first n images, or all."""
        return to_real(self.images.pixels[:n], self.network.input)


@dataclass(frozen=True, eq=False)
class Ran:
    """Totals of all images, and counts of the code by step of the first of them."""

    totals: Totals
    by_step: dict[int, np.ndarray]


def run_all(asked: Asked) -> Totals:
    """Run all images for all steps; where they are few, what they sent on the way is kept."""
    few = asked.samples <= CURVE_IMAGES
    return _run(asked, asked.samples, looked_steps(asked.steps) if few else [])


def looked_at(asked: Asked, totals: Totals) -> Ran:
    """Look at the first CURVE_IMAGES of a run on the way; of more images, they are run again."""
    at = looked_steps(asked.steps)
    first = totals if totals.kept else _run(asked, CURVE_IMAGES, at)
    code = asked.network.code
    return Ran(totals, {step: first.kept[step][code][1] for step in at})


def _run(asked: Asked, n: int, at: list[int]) -> Totals:
    pixels = asked.images.pixels[:n]
    with working(f"running {len(pixels)} images for {asked.steps} steps", len(pixels)) as progress:
        return run_totals(
            asked.network, pixels, asked.steps, asked.seed, asked.scheduler, at, progress
        )


def looked_steps(last: int) -> list[int]:
    """Steps of the curve and of the reconstructions."""
    return sorted({*spaced(last), *doubled(last)})


def doubled(last: int) -> list[int]:
    """1, 2, 4, ... and the last step."""
    return sorted({*(2**n for n in range(last.bit_length())), last})


def described(
    asked: Asked,
    ran: Ran,
    source: str,
    run_options: dict[str, object],
    own_options: dict[str, object],
) -> dict:
    """Keys of the report that say what ran, on what, how good it is and what its limits are.

    Parameters
    ----------
    asked : Asked
    ran : Ran
    source : str
        Where the images come from.
    run_options, own_options : dict of option -> value, or None where it was not given
        Of the run, which `ipvae verify` takes too, and of the report alone.
    """
    network = asked.network
    n = len(next(iter(ran.by_step.values())))
    points = curve(asked.real(n), {t: ran.by_step[t] for t in spaced(asked.steps)}, network.decoder)
    shown = {name: ran.totals.layers[name].z for name in readout_names(network)}
    return {
        "run": {
            "command": _command(
                ["report", str(asked.net), "--out", "DIR"], {**run_options, **own_options}
            ),
            "verify": _command(
                ["verify", str(asked.net), "--backends", "emulator,lava"], run_options
            ),
            "images": source,
            **_versions(),
        },
        "provenance": network.provenance,
        "readouts": judge(network, shown, asked.real(), asked.images.classes),
        "curve": points,
        "curve_images": n,
        "stop": stop_point(points),
        "reconstructions": _reconstructions(asked, ran),
        "check": _checked(network),
        "log_rates": any(isinstance(la, PoissonLayer) for la in network.layers.values()),
        "saturations": {name: of.saturations for name, of in ran.totals.layers.items()},
        "histograms": histograms(network, ran.totals),
    }


def ink(asked: Asked, ran: Ran) -> Ink:
    """Arrays behind the pictures."""
    network = asked.network
    return Ink(
        shape=network.input.shape,
        signed=network.input.minimum < 0,
        images=asked.real(SHOWN),
        read_out={t: _read_out(ran.by_step[t][:SHOWN], network) for t in doubled(asked.steps)},
        phi=network.decoder,
        counts=ran.by_step[asked.steps],
        raster=_raster(asked),
    )


def stop_point(points: list[dict]) -> dict | None:
    """Early-stopping point of a curve (`ipvae.evaluation.early_stopping`); None if undefined."""
    step = stopping_step(points)
    if step is None:
        return None
    first = next(point for point in points if point["step"] == step)
    return {"step": step, "r2": first["r2"], "zeros": first["zeros"], "within": NEAR}


def require_verify(backends: str | None) -> list[str]:
    """Backends to compare, the emulator first; none if not asked for.

    Raises
    ------
    InputError
        If a name is unknown, or there is nothing to compare the emulator with.
    """
    if backends is None:
        return []
    names = [name.strip() for name in backends.split(",")]
    for name in names:
        require_known(name)
    others = [name for name in dict.fromkeys(names) if name != REFERENCE]
    if not others:
        raise InputError(
            f"--verify: found '{backends}', allowed backends to compare the emulator with, "
            "such as lava"
        )
    return [REFERENCE, *others]


def verified(asked: Asked, backends: list[str]) -> dict | None:
    """Verdict over the report's first images and steps; None where there are no backends.

    Raises
    ------
    BackendError, HungBackendError
        If this machine does not have a backend, or it stops answering.
    """
    if not backends:
        return None
    pixels = asked.images.pixels[:VERIFIED_IMAGES]
    steps = min(asked.steps, VERIFIED_STEPS)
    traces = []
    for name in backends:
        with working(f"verifying {len(pixels)} images, {steps} steps on {name}"):
            traces.append(run_backend(name, asked.network, pixels, steps, asked.seed))
    return compared(asked.network, traces, len(pixels), steps, asked.seed).to_json()


def _command(words: list[str], options: dict[str, object]) -> str:
    """What a user types; the folder of a report is not named, so that it may be any."""
    for name, value in options.items():
        if value is not None:
            words = [*words, name, *([] if value is True else [str(value)])]
    return shlex.join(["ipvae", *words])


def _versions() -> dict:
    found: dict = {
        "versions": {
            "ipvae": __version__,
            "python": platform.python_version(),
            "numpy": np.__version__,
        }
    }
    epoch = os.environ.get(EPOCH)
    if epoch is not None:
        found["made"] = _date(epoch)
    return found


def _date(epoch: str) -> str:
    """ISO date of a number of seconds since 1970; no clock is read."""
    try:
        return datetime.fromtimestamp(int(epoch), timezone.utc).isoformat()
    except (ValueError, OverflowError, OSError) as error:
        raise InputError(
            f"{EPOCH}: found '{epoch}', allowed a number of seconds since 1970; mend or unset it"
        ) from error


def _checked(network: IntNetwork) -> dict:
    """As `ipvae check` says it, with a margin for each limit."""
    found = check(network)
    return {**found.as_dict(), "limits": [limit(line) for line in found.lines]}


def _read_out(counts: np.ndarray, network: IntNetwork) -> np.ndarray:
    return counts.astype(np.float32) @ network.decoder.T


def _reconstructions(asked: Asked, ran: Ran) -> list[dict]:
    """R2 of each image that is shown, after each number of steps that is shown."""
    images = asked.real(SHOWN)
    found = []
    for step in doubled(asked.steps):
        shown = _read_out(ran.by_step[step][:SHOWN], asked.network)
        each = [r2(images[i : i + 1], shown[i : i + 1]) for i in range(len(images))]
        found.append({"step": step, "r2": each})
    return found


def _raster(asked: Asked) -> np.ndarray:
    """What the code sends for the first image: (rows, K) int32, the first steps."""
    emulator = Emulator(asked.network, tell=note)
    steps = min(asked.steps, RASTER_STEPS)
    rows = emulator.steps(asked.images.pixels[:1], steps, asked.seed)
    return np.stack([row.z[0] for row in rows])
