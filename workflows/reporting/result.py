"""Report on the cost and quality of a run of any network; `save` writes an HTML page."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ipvae.report.html.verdicts import Verdict
from ipvae.workflows.reporting.saving import page_writer, save_report
from ipvae.workflows.results import Result, Table, json_data

Data = Mapping[str, Any]


@dataclass(frozen=True)
class Views:
    """Functions by which a kind of report is shown.

    Attributes
    ----------
    page : str
        Module of `ipvae.report.html` that builds the page.
    verdicts : function from the data to the verdicts, most important first
    tables : function from the data to lines and tables for a terminal
    """

    page: str
    verdicts: Callable[[Data], list[Verdict]]
    tables: Callable[[Data], list[Table | str]]


@dataclass(frozen=True, eq=False, repr=False)
class Report(Result):
    """Cost and quality of a run; `save` writes an HTML page.

    Attributes
    ----------
    data : dict
        JSON data, as in report.json (docs/report.md): `counts` per image, `energy` (joules
        per image), `time` (seconds), `headline`, ...
    pictures : FigureData, or (n, C, H, W) array or None
        Arrays behind the pictures; of a network that reconstructs no images, its first inputs,
        mean over steps, if they are pictures.
    views : Views
    folder : Path or None
        Default folder of `save`.
    """

    data: Data
    pictures: Any
    views: Views
    folder: Path | None = None

    @property
    def counts(self) -> dict[str, float]:
        """Operations per image, means over the images (docs/energy.md)."""
        return self.data["counts"]

    @property
    def quality(self) -> dict[str, float] | None:
        """Figures of merit `mse`, `r2`, `zeros` after the last step; None without a decoder."""
        return self.data.get("quality")

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
        return [(found.title, found.text) for found in self.views.verdicts(self.data)]

    def __repr__(self) -> str:
        run = f"{self.data['samples']} images, {self.data['steps']} steps"
        return f"Report({self.data['network']}, {run})"

    def to_json(self) -> dict[str, Any]:
        """Return JSON data, as in report.json."""
        return json_data(dict(self.data))

    def shown(self) -> list[Table | str]:
        """Return text for a terminal: verdicts, then tables of counts, energies and times."""
        page = [] if self.folder is None else [f"page: {self.folder / 'index.html'}"]
        return [*self.views.tables(self.data), *page]

    def save(self, folder: str | Path | None = None) -> Path:
        """Write index.html, its figures and report.json, or on an error none of them.

        An earlier report in the folder is replaced; other files are kept.

        Parameters
        ----------
        folder : path, optional
            Output folder; by default the folder given to `make_report`.

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
        return save_report(out, page_writer(self.views.page), self.to_json(), self.pictures)
