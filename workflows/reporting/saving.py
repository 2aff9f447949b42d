"""Files of a report, written together or not at all."""

import json
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from ipvae.errors import InputError
from ipvae.files import atomic_write_all
from ipvae.outputs import require_outputs
from ipvae.report.html.earlier import leftovers, remove, report_output
from ipvae.workflows.reporting.drawing import why

PageWriter = Callable[[Mapping[str, Any], Any], dict[str, bytes]]
"""Function from JSON data and arrays for pictures to the page and its figures, by path."""


def page_writer(module: str = "page") -> PageWriter:
    """Return the function that builds a page and its figures; the late import takes a second.

    Parameters
    ----------
    module : 'page' or 'network_page'
        Module of `ipvae.report.html`.

    Raises
    ------
    InputError
        If a package for drawing is not installed or cannot be imported.
    """
    try:
        return import_module(f"ipvae.report.html.{module}").files
    except Exception as error:
        raise InputError(
            "report: the page needs a package that cannot be imported "
            + why(error, "install it with pip install 'ipvae-loihi[report]'")
        ) from error


def save_report(
    folder: Path | None, page: PageWriter, data: Mapping[str, Any], pictures: Any
) -> Path:
    """Write index.html, its figures and report.json, or on an error none of them.

    Parameters
    ----------
    folder : Path or None
        None is refused.
    page : from `page_writer`
    data : JSON data of the report
    pictures : arrays that the page draws, beside the data

    Raises
    ------
    InputError
        If no folder was given, or a file cannot be written or would replace another file.
    """
    if folder is None:
        raise InputError("folder: none was given. Pass the folder for the report.")
    text = json.dumps(data, indent=2) + "\n"
    files = {**page(data, pictures), "report.json": text.encode()}
    require_outputs([report_output(folder, files)])
    earlier = leftovers(folder, files)
    atomic_write_all(folder, files)
    remove(earlier)
    return folder / "index.html"
