"""Report of a run of a `Network`: operations and modelled energy."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ipvae.energy.counting.counts import Counts
from ipvae.energy.models import MODELS, EnergyRow
from ipvae.files import atomic_path, require_writable_folder
from ipvae.network.network import Network
from ipvae.outputs import require_outputs
from ipvae.report.html.earlier import COMMAND, leftovers, remove, report_output
from ipvae.report.numbers import band, count
from ipvae.workflows.image_input.images import ImagesLike
from ipvae.workflows.kinds.frames import UNNAMED
from ipvae.workflows.kinds.result import NetworkRun, layer_table
from ipvae.workflows.kinds.running import run
from ipvae.workflows.output.files import json_text
from ipvae.workflows.results import Result, Table

STATUS = "No Loihi 2 was measured: counts come from a simulation, energies are modelled."


@dataclass(frozen=True, eq=False, repr=False)
class NetworkReport(Result):
    """Operations and modelled energy of a run of a `Network`.

    Attributes
    ----------
    network : str
        Path of the network file.
    run : NetworkRun
    energy : tuple of EnergyRow
        Joules per image.
    """

    network: str
    run: NetworkRun
    energy: tuple[EnergyRow, ...]

    def rows(self) -> list[tuple[str, str]]:
        """Return the counts and energies per image: pairs of name and text."""
        energy = [(row.model, f"{band(row.low_j, row.high_j)} uJ") for row in self.energy]
        return [*_figures(self.run.counts), *energy]

    def shown(self) -> list[Table | str]:
        """Return counts in total and for each layer, and energies, per image."""
        energy = [
            [row.model, row.kind, row.part, band(row.low_j, row.high_j)] for row in self.energy
        ]
        figures = [list(row) for row in _figures(self.run.counts)]
        return [
            STATUS,
            Table("per image", ["counts (docs/energy.md)", ""], figures),
            layer_table(self.run.layers),
            Table("energy per image", ["model", "kind", "part", "microjoules"], energy),
            *(f"{row.model}: {row.source}" for row in self.energy),
        ]

    def to_json(self) -> dict[str, Any]:
        """Return JSON data, with the keys of report.json."""
        return {
            "status": STATUS,
            "network": self.network,
            "backend": self.run.backend,
            "samples": self.run.images,
            "steps": self.run.steps,
            "counts": self.run.counts.as_dict(),
            "layers": [layer.as_dict() for layer in self.run.layers],
            "energy": [row.as_dict() for row in self.energy],
        }

    def save(self, folder: str | Path) -> None:
        """Write report.json and remove other files of an earlier report.

        Raises
        ------
        InputError
            If the folder cannot be written.
        """
        require_outputs([report_output(folder)])
        require_writable_folder(folder)
        earlier = leftovers(Path(folder), ["report.json"])
        with atomic_path(Path(folder) / "report.json") as temporary:
            temporary.write_text(json_text(COMMAND, self.to_json()))
        remove(earlier)


def report(
    network: Network,
    images: ImagesLike,
    *,
    steps: int,
    seed: int = 0,
    samples: int | None = None,
    out: str | Path | None = None,
    integers: str = "input",
    name: str = UNNAMED,
) -> NetworkReport:
    """Count the operations of a run and model their energy; other arguments as for `run`.

    Parameters
    ----------
    out : path, optional
        Folder of the report, checked for writing before the run.
    """
    if out is not None:
        require_outputs([report_output(out)], {"network": name, "images": images})
    ran = run(
        network, images, steps=steps, seed=seed, samples=samples, integers=integers, name=name
    )
    made = NetworkReport(name, ran, modelled(ran.counts))
    if out is not None:
        made.save(out)
    return made


def modelled(counts: Counts) -> tuple[EnergyRow, ...]:
    """Energies per image by the models that need only counts."""
    return tuple(model(counts) for model in MODELS)


def _figures(counts: Counts) -> list[tuple[str, str]]:
    return [(name, count(value)) for name, value in counts.as_dict().items()]
