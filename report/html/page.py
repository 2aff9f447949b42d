"""HTML page of a report: one self-contained file, with its figures also as separate files."""

import base64
import functools
import hashlib
import json
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from importlib.util import cache_from_source
from pathlib import Path
from typing import Any

import jinja2
from jinja2.bccache import Bucket

from ipvae.report.figures.by_step import by_step
from ipvae.report.figures.convergence import convergence
from ipvae.report.figures.core_map import MOST_CHIPS, core_map
from ipvae.report.figures.energy import energy
from ipvae.report.figures.histogram import histogram
from ipvae.report.figures.raster import raster
from ipvae.report.html.counted_nouns import number_of
from ipvae.report.html.earlier import GENERATOR
from ipvae.report.html.svg import Drawn
from ipvae.report.html.verdicts import Verdict, verdicts
from ipvae.report.limits import ranked
from ipvae.report.numbers import FORMS
from ipvae.report.pictures.figure_data import FigureData
from ipvae.report.pictures.thumbnails import dictionary_tiles, shrunk, thumbnails, zoomed

HERE = Path(__file__).parent
PROVENANCE_SHOWN = 20_000
"""Maximum characters of provenance on the page; report.json has all of it."""
LOAD = "synaptic_ops"
SECTIONS = {
    "verdicts": "Verdicts",
    "run": "What was run",
    "exact": "Is it bit-exact",
    "quality": "Quality",
    "dictionary": "Dictionary",
    "activity": "Activity",
    "counts": "Counts",
    "energy": "Energy",
    "cores": "Cores",
    "quantization": "Quantization",
    "limits": "Limits",
}
"""Titles of the sections, by their ids."""
PARTS = ("run", "quality", "activity", "counts", "energy", "chip", "quantization", "limits")
"""Templates of the sections, in order."""
STRIP, STRIP_PHONE, TILE, TILE_PHONE = 96, 72, 40, 32
"""Pixels of the longer side of an image in a strip, and of a tile of the dictionary."""


def files(result: Mapping[str, Any], ink: FigureData) -> dict[str, bytes]:
    """Build the page and its figures.

    Parameters
    ----------
    result : JSON data of `ipvae report`, which contains every value of the page's tables
    ink : arrays behind the pictures

    Returns
    -------
    dict of path below the report's folder -> contents; equal for equal input
    """
    figures = drawn(result, ink)
    return packed(page(result, ink, figures), figures)


def packed(text: str, figures: Mapping[str, Drawn]) -> dict[str, bytes]:
    """Return the files of a page and its figures: path below the folder -> contents."""
    found = {"index.html": text.encode(errors="replace")}
    for figure in figures.values():
        found[f"figures/{figure.name}.svg"] = figure.svg.encode()
        found[f"figures/{figure.name}.png"] = figure.png
    return found


def page(result: Mapping[str, Any], ink: FigureData, figures: Mapping[str, Drawn]) -> str:
    """Render the page as HTML text."""
    steps = sorted(ink.read_out)
    inputs, rows = thumbnails(
        ink.images, [ink.read_out[t] for t in steps], ink.shape, signed=ink.signed
    )
    tiles, dictionary = dictionary_tiles(ink.phi, ink.shape, ink.counts)
    return rendered(
        result,
        figures,
        verdicts(result),
        SECTIONS,
        PARTS,
        stop=_stop(result),
        log_rates=result.get("log_rates", True),
        inputs=inputs,
        strips=dict(zip(steps, rows, strict=True)),
        tiles=tiles,
        dictionary=dictionary,
        strip_size=zoomed(shrunk(ink.images, ink.shape)[1], STRIP, STRIP_PHONE),
        tile_size=zoomed(dictionary["shape"], TILE, TILE_PHONE),
        provenance=_provenance(result.get("provenance")),
    )


def rendered(
    result: Mapping[str, Any],
    figures: Mapping[str, Drawn],
    found: Sequence[Verdict],
    sections: Mapping[str, str],
    parts: Sequence[str],
    **more: Any,
) -> str:
    """Render a page of verdicts and parts as HTML text.

    Parameters
    ----------
    result : JSON data of a report
    figures : figures by name
    found : verdicts, most important first
    sections : title of each section by its id
    parts : names of the templates of the sections
    more : further variables of the templates
    """
    style, script = ((HERE / "static" / name).read_text() for name in ("page.css", "page.js"))
    return (
        _templates()
        .get_template("page.html.j2")
        .render(
            result=result,
            verdicts=found,
            sections=sections.items(),
            parts=parts,
            most_chips=MOST_CHIPS,
            generator=GENERATOR,
            figures=figures,
            style=style,
            script=script,
            script_hash=_digest(script),
            sources=sources([*result["energy"], *result.get("time", [])]),
            **more,
        )
    )


def drawn(result: Mapping[str, Any], ink: FigureData) -> dict[str, Drawn]:
    """Draw all figures for which the result has data, by name."""
    return {figure.name: figure for figure in _figures(result, ink)}


def _figures(result: Mapping[str, Any], ink: FigureData) -> Iterator[Drawn]:
    if result.get("curve"):
        yield convergence(result["curve"], _stop(result))
    yield raster(ink.raster)
    for name, found in result.get("histograms", {}).items():
        what = {"potentials": "neurons x images", "rates": "neurons"}.get(name, "synapses")
        yield histogram(name.replace(" ", "-"), what, found, ratio=name == "rates")
    if result.get("by_step"):
        yield by_step(result["by_step"])
    cores = (result.get("cores") or {}).get("list")
    if cores:
        yield core_map(cores, LOAD)
    bands = energy(result["energy"])
    if bands is not None:
        yield bands


def _stop(result: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Early-stopping point, if it is before the last step."""
    stop = result.get("stop")
    return stop if stop and stop["step"] < result["steps"] else None


class _KeptTemplates(jinja2.FileSystemBytecodeCache):
    """Bytecode cache of templates in Python's cache folder, if that is writable."""

    def load_bytecode(self, bucket: Bucket) -> None:
        """Load a compiled template if a readable one exists."""
        with suppress(OSError):
            super().load_bytecode(bucket)

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Write a compiled template if Python writes bytecode and the folder is writable."""
        if sys.dont_write_bytecode:
            return
        with suppress(OSError):
            super().dump_bytecode(bucket)


@functools.cache
def _templates() -> jinja2.Environment:
    compiled = Path(cache_from_source(__file__)).parent
    found = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE / "templates"),
        bytecode_cache=_KeptTemplates(str(compiled), "%s.jinja.pyc"),
        autoescape=True,
        undefined=jinja2.ChainableUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    found.filters |= {
        "shown": shown,
        "exact": json.dumps,
        "words": words,
        "number_of": number_of,
        "ranked": ranked,
    }
    return found


def shown(value: Any, form: str) -> str:
    """Format a number for display; a missing value becomes a dash."""
    if not isinstance(value, (int, float)):
        return "–"
    try:
        if math.isnan(value):
            return "–"
        return FORMS[form](value)
    except OverflowError:  # an integer of hundreds of digits in provenance
        return "–"


def words(name: str) -> str:
    """Convert a JSON key to words."""
    return name.replace("_", " ")


def sources(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return sources with their assumptions, each pair once, and the numbers of their rows.

    `same` is the number, from 1, of an earlier entry with the same source.
    """
    found: dict[tuple, dict[str, Any]] = {}
    for i, row in enumerate(rows):
        assumed = tuple(row.get("assumptions", ()))
        key = row["source"], assumed
        of = found.setdefault(key, {"source": key[0], "assumptions": assumed, "rows": []})
        of["rows"].append(i)
    first_with: dict[str, int] = {}
    for number, of in enumerate(found.values(), 1):
        of["same"] = first_with.get(of["source"])
        first_with.setdefault(of["source"], number)
    return list(found.values())


def _digest(script: str) -> str:
    """Hash of the page's script for its content security policy, which blocks any other script."""
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def _provenance(found: Any) -> str:
    """Provenance as text, truncated if long."""
    text = json.dumps(found, indent=2, sort_keys=True)
    if len(text) <= PROVENANCE_SHOWN:
        return text
    return text[:PROVENANCE_SHOWN] + "\n... cut here; report.json has the whole"
