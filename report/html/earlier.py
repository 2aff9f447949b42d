"""Files of an earlier report that a new report in the same folder does not replace."""

import re
from collections.abc import Collection
from pathlib import Path

from ipvae.errors import InputError
from ipvae.outputs import Output, is_json_of

GENERATOR = "ipvae-loihi report"
COMMAND = "ipvae report"
"""Generator named in report.json if there is no page."""
PAGE = "index.html"
USUAL = (
    PAGE,
    "report.json",
    *(f"figures/{name}.svg" for name in ("convergence", "raster", "rates", "potentials", "energy")),
)
"""Files of every report; some reports have more or fewer."""
_TAG = f'<meta name="generator" content="{GENERATOR}">'.encode()
_HEAD_BYTES = 4096
_FIGURE = re.compile(
    r"(convergence|raster|rates|potentials|weights-\d+|by-step|core-map|energy)\.(svg|png)"
)


def report_output(
    folder: str | Path, names: Collection[str] = USUAL, *, name: str = "folder"
) -> Output:
    """Return the output for a report's folder; figures count as generated if the page does.

    Parameters
    ----------
    folder : str or Path
    names : paths below the folder
        Files that the report writes, as far as known.
    name : str
        Argument that gives the folder.
    """
    page, files = Path(folder, PAGE), tuple(Path(folder, one) for one in names)
    is_report = is_json_of(COMMAND)

    def kind(file: Path) -> bool:
        return _ours(page) or (file.name == "report.json" and is_report(file))

    return Output(name, Path(folder), files, "a file of an earlier report", kind, True, True)


def leftovers(folder: str | Path, new: Collection[str]) -> list[Path]:
    """Return the page and figures of an earlier report that are not among the new files.

    Call before writing the new files. Files beside a page that ipvae did not write are never
    included.

    Parameters
    ----------
    folder : str or Path
        Folder of the report.
    new : paths below the folder
        Files that the new report writes.
    """
    page = Path(folder, PAGE)
    if not _ours(page):
        return []
    figures = sorted(Path(folder, "figures").glob("*"))
    found = [page, *(path for path in figures if _FIGURE.fullmatch(path.name) and path.is_file())]
    return [path for path in found if path.relative_to(folder).as_posix() not in new]


def remove(paths: Collection[Path]) -> None:
    """Remove files of an earlier report, and the folder of figures if it is then empty.

    Raises
    ------
    InputError
        If a file cannot be removed.
    """
    for path in paths:
        try:
            path.unlink(missing_ok=True)
            if path.name != PAGE and not any(path.parent.iterdir()):
                path.parent.rmdir()
        except OSError as error:
            raise InputError(
                f"{path}: cannot remove it ({error.strerror}); the new report is written, this "
                "file is of an earlier one: remove it by hand"
            ) from error


def _ours(page: Path) -> bool:
    """Return True if `ipvae report` wrote the page."""
    if not page.is_file():  # opening a named pipe would block
        return False
    try:
        with page.open("rb") as file:
            return _TAG in file.read(_HEAD_BYTES)
    except OSError:
        return False
