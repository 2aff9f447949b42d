"""HTML page of a report on a `Network` of any kinds of neurons, with its figures as files."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ipvae.report.figures.core_map import core_map
from ipvae.report.figures.energy import energy
from ipvae.report.figures.layers_by_step import MOST_LAYERS, layers_by_step
from ipvae.report.html.network_verdicts import network_verdicts
from ipvae.report.html.page import LOAD, packed, rendered
from ipvae.report.html.svg import Drawn
from ipvae.report.pictures.thumbnails import input_pictures, zoomed

SECTIONS = {
    "verdicts": "Verdicts",
    "run": "What was run",
    "exact": "Is it bit-exact",
    "outputs": "Outputs",
    "layers": "Layers",
    "counts": "Counts",
    "energy": "Energy",
    "cores": "Cores",
    "limits": "Limits",
}
PARTS = ("network_run", "network_outputs", "network_layers", "energy", "chip", "limits")
PICTURE, PICTURE_PHONE = 224, 160
"""Maximum pixels of the longer side of an input on the page."""


def files(result: Mapping[str, Any], images: np.ndarray | None) -> dict[str, bytes]:
    """Build the page and its figures.

    Parameters
    ----------
    result : JSON data of the report, which contains every value of the page's tables
    images : (n, C, height, width) inputs of the first images, or None if they are no pictures

    Returns
    -------
    dict of path below the report's folder -> contents; equal for equal input
    """
    figures = {figure.name: figure for figure in _figures(result)}
    return packed(page(result, images, figures), figures)


def page(result: Mapping[str, Any], images: np.ndarray | None, figures: Mapping[str, Drawn]) -> str:
    """Render the page as HTML text."""
    inputs, shape = ([], (1, 1)) if images is None else input_pictures(images)
    return rendered(
        result,
        figures,
        network_verdicts(result),
        SECTIONS,
        PARTS,
        pipeline=True,
        inputs=inputs,
        most_layers=MOST_LAYERS,
        strip_size=zoomed(shape, PICTURE, PICTURE_PHONE),
    )


def _figures(result: Mapping[str, Any]) -> Iterator[Drawn]:
    yield layers_by_step(result["by_step"])
    if result["cores"]["list"]:
        yield core_map(result["cores"]["list"], LOAD)
    bands = energy(result["energy"])
    if bands is not None:
        yield bands
