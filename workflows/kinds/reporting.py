"""Report on a run of a `Network`: operations, modelled energy and outputs, as an HTML page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ipvae.energy.models import EnergyRow
from ipvae.lava_procs.supervision.watchdog import TIMEOUT_SECONDS
from ipvae.network.frames import load_frames
from ipvae.network.network import Network
from ipvae.outputs import require_outputs
from ipvae.report.html.earlier import report_output
from ipvae.report.html.network_verdicts import network_verdicts
from ipvae.report.numbers import band, count
from ipvae.workflows.image_input.images import ImagesLike, LabelledImages
from ipvae.workflows.image_input.own_images import LabelsLike
from ipvae.workflows.kinds.costs import network_costs
from ipvae.workflows.kinds.frames import UNNAMED
from ipvae.workflows.kinds.report_data import SHOWN, run_data
from ipvae.workflows.kinds.result import NetworkRun, layer_table
from ipvae.workflows.kinds.running import run
from ipvae.workflows.kinds.verifying import compare_backends
from ipvae.workflows.reporting.saving import page_writer, save_report
from ipvae.workflows.results import Result, Table, json_data
from ipvae.workflows.running.number import AtMost

STATUS = "No Loihi 2 was measured: counts come from a simulation, energies are modelled."
VERIFIED_IMAGES, VERIFIED_STEPS = 2, 16
PICTURE_CHANNELS = (1, 3)


@dataclass(frozen=True, eq=False, repr=False)
class NetworkReport(Result):
    """Cost and outputs of a run of a `Network`; `save` writes an HTML page.

    Attributes
    ----------
    data : dict
        JSON data, as in report.json (docs/report.md): `counts` per image, `energy` (joules per
        image), `time` (seconds), `headline`, `layers`, `by_step`, `outputs`, ...
    run : NetworkRun
    energy : tuple of EnergyRow
        Joules per image.
    inputs : (n, C, H, W) array or None
        Inputs of the first images, mean over steps; None if they are no pictures.
    folder : Path or None
        Default folder of `save`.
    """

    data: Mapping[str, Any]
    run: NetworkRun
    energy: tuple[EnergyRow, ...]
    inputs: np.ndarray | None = None
    folder: Path | None = None

    @property
    def counts(self) -> dict[str, float]:
        """Operations per image, means over the images (docs/energy.md)."""
        return self.data["counts"]

    @property
    def headline(self) -> dict[str, Any]:
        """Energy and time of an image on Loihi 2, and the reason why they are bands."""
        return self.data["headline"]

    @property
    def bit_exact(self) -> bool | None:
        """True if all compared backends agree; None if none was compared."""
        found = self.data["verified"]
        return None if found is None else found["bit_exact"]

    def rows(self) -> list[tuple[str, str]]:
        """Return the verdicts: pairs of title and text."""
        return [(found.title, found.text) for found in network_verdicts(self.data)]

    def shown(self) -> list[Table | str]:
        """Return verdicts, counts in total and for each layer, and energies, per image."""
        energy = [
            [f"{row.model}, {row.chip}", row.kind, row.part, band(row.low_j, row.high_j)]
            for row in self.energy
        ]
        figures = [[name, count(value)] for name, value in self.counts.items()]
        page = [] if self.folder is None else [f"page: {self.folder / 'index.html'}"]
        return [
            self.data["status"],
            *(f"{title}: {text}" for title, text in self.rows()),
            Table("per image", ["counts (docs/energy.md)", ""], figures),
            layer_table(self.run.layers),
            Table("energy per image", ["model, chip", "kind", "part", "microjoules"], energy),
            *self.data["energy_notes"],
            *page,
        ]

    def to_json(self) -> dict[str, Any]:
        """Return JSON data, as in report.json."""
        return json_data(dict(self.data))

    def save(self, folder: str | Path | None = None) -> Path:
        """Write index.html, its figures and report.json, or on an error none of them.

        Parameters
        ----------
        folder : path, optional
            Output folder; by default the folder given to `ipvae.make_report`.

        Returns
        -------
        Path of index.html

        Raises
        ------
        InputError
            If no folder was given, a file cannot be written or would replace another file, or
            matplotlib or jinja2 is missing.
        """
        out = self.folder if folder is None else Path(folder)
        return save_report(out, page_writer("network_page"), self.to_json(), self.inputs)


def report(
    network: Network,
    images: ImagesLike,
    *,
    steps: int,
    labels: LabelsLike = None,
    seed: int = 0,
    samples: int | None = None,
    integers: str = "input",
    verify: Sequence[str] = (),
    folder: str | Path | None = None,
    commands: Mapping[str, str] | None = None,
    name: str = UNNAMED,
    scheduler: str | None = None,
) -> NetworkReport:
    """Run images on the emulator and report operations, modelled energy and outputs.

    Parameters
    ----------
    network, images, steps, labels, seed, samples, integers, name
        As for `ipvae.workflows.kinds.running.run`.
    verify, folder, commands, scheduler
        As for `ipvae.make_report`.
    """
    if folder is not None:
        page_writer("network_page")
        require_outputs([report_output(folder)], {"network": name, "images": images})
    ran = run(
        network,
        images,
        steps=steps,
        seed=seed,
        samples=samples,
        integers=integers,
        labels=labels,
        name=name,
        scheduler=scheduler,
    )
    steps = ran.steps
    verified = _verified(network, images, steps, integers, samples, verify) if verify else None
    costs = network_costs(network, ran.network_totals, ran.counted)
    described = {**_calls(name, images, steps, samples, integers), **(commands or {})}
    data = {
        "status": STATUS,
        "network": name,
        **run_data(network, ran),
        **costs.keys(),
        "verified": verified,
        "run": {**described, "images": _source(images), "frames": ran.frames, **_versions()},
    }
    inputs = _pictures(network, images, steps, integers, ran.images)
    return NetworkReport(
        json_data(data), ran, costs.energy, inputs, None if folder is None else Path(folder)
    )


def _verified(
    network: Network,
    images: ImagesLike,
    steps: int,
    integers: str,
    samples: int | None,
    others: Sequence[str],
) -> dict[str, Any]:
    """Result of `ipvae verify` for the first images and steps."""
    from ipvae.workflows.verify import VerifyResult

    found = compare_backends(
        network,
        images,
        steps=min(steps, VERIFIED_STEPS),
        seed=0,
        backends=("emulator", *others),
        samples=AtMost(VERIFIED_IMAGES if samples is None else min(samples, VERIFIED_IMAGES)),
        integers=integers,
        timeout=TIMEOUT_SECONDS,
    )
    return VerifyResult(**found).to_json()


def _pictures(
    network: Network, images: ImagesLike, steps: int, integers: str, n: int
) -> np.ndarray | None:
    """Inputs of the first images, mean over steps, if they have the shape of pictures."""
    shape = network.input.shape
    if len(shape) != 3 or shape[0] not in PICTURE_CHANNELS:
        return None
    given = images.pixels if isinstance(images, LabelledImages) else images
    assert given is not None  # it ran
    values = load_frames(given, network, steps, integers, min(n, SHOWN)).values
    return values.mean(axis=1).reshape(-1, *shape)


def _source(images: ImagesLike) -> str:
    """Source of the images, as text."""
    return f"in {images}" if isinstance(images, (str, Path)) else "given as an array"


def _versions() -> dict[str, Any]:
    from ipvae.workflows.reporting.making import versions

    return versions()


def _calls(
    name: str, images: ImagesLike, steps: int, samples: int | None, integers: str
) -> dict[str, str]:
    """Python calls that reproduce a report, and that verify the network on its images."""
    network = f'ipvae.load_network("{name}")' if name.endswith(".net") else "network"
    given = f'"{images}"' if isinstance(images, (str, Path)) else "images"
    parts = [network, given, f"steps={steps}"]
    parts += [] if samples is None else [f"samples={samples}"]
    parts += [] if integers == "input" else [f'integers="{integers}"']
    run = ", ".join(parts)
    return {
        "command": f"ipvae.make_report({run}).save(folder)",
        "verify": f'ipvae.verify({run}, backends=("emulator", "lava"))',
    }
