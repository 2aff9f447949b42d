"""HTML page of a report on a `Network` of any kinds of neurons, with its figures as files."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ipvae.report.figures.convergence import convergence
from ipvae.report.figures.core_map import core_map
from ipvae.report.figures.energy import energy
from ipvae.report.figures.layers_by_step import MOST_LAYERS, layers_by_step
from ipvae.report.html.network_verdicts import network_verdicts
from ipvae.report.html.page import LOAD, packed, rendered
from ipvae.report.html.svg import Drawn
from ipvae.report.pictures.map_pictures import MapPictures
from ipvae.report.pictures.thumbnails import input_pictures, pictures_of, zoomed

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
DECODED = {**SECTIONS, "outputs": "Reconstructions"}
DECODED_PARTS = (PARTS[0], "network_reconstructions", *PARTS[2:])
"""The same of a network with a decoder."""
PICTURE, PICTURE_PHONE, MAP, MAP_PHONE = 224, 160, 112, 80
"""Maximum pixels of the longer side of an input, and of a map, on the page."""
Pictures = np.ndarray | MapPictures | None


def files(result: Mapping[str, Any], images: Pictures) -> dict[str, bytes]:
    """Build the page and its figures.

    Parameters
    ----------
    result : JSON data of the report, which contains every value of the page's tables
    images : (n, C, height, width) inputs of the first images, or None if they are no pictures; of a
        network with a decoder MapPictures

    Returns
    -------
    dict of path below the report's folder -> contents; equal for equal input
    """
    figures = {figure.name: figure for figure in _figures(result)}
    return packed(page(result, images, figures), figures)


def page(result: Mapping[str, Any], images: Pictures, figures: Mapping[str, Drawn]) -> str:
    """Render the page as HTML text."""
    sections, parts = SECTIONS, PARTS
    more: dict[str, Any] = {}
    if isinstance(images, MapPictures):
        sections, parts = DECODED, DECODED_PARTS
        (inputs, *strips), shape = pictures_of([images.inputs, *images.reconstructions.values()])
        (maps,), grid = pictures_of([images.maps[:, None]])
        more = {
            "strips": dict(zip(images.reconstructions, strips, strict=True)),
            "maps": maps,
            "map_size": zoomed(grid, MAP, MAP_PHONE),
        }
    else:
        inputs, shape = ([], (1, 1)) if images is None else input_pictures(images)
    return rendered(
        result,
        figures,
        network_verdicts(result),
        sections,
        parts,
        pipeline=True,
        inputs=inputs,
        most_layers=MOST_LAYERS,
        strip_size=zoomed(shape, PICTURE, PICTURE_PHONE),
        **more,
    )


def _figures(result: Mapping[str, Any]) -> Iterator[Drawn]:
    if result.get("curve"):
        stop = result.get("stop")
        yield convergence(
            result["curve"], stop if stop and stop["step"] < result["steps"] else None
        )
    yield layers_by_step(result["by_step"])
    if result["cores"]["list"]:
        yield core_map(result["cores"]["list"], LOAD)
    bands = energy(result["energy"])
    if bands is not None:
        yield bands
