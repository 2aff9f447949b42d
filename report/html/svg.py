"""Figures as SVG, inline and as a file, and as PNG; output is deterministic."""

import io
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ipvae.report.pictures.canvas import DPI, THEMED

POINTS = 72
"""SVG units per inch."""
RADIUS = 5
_NAMES = {colour.lower(): name for colour, name in THEMED.items()}
NOTHING = dict.fromkeys(("Date", "Creator", "Format", "Type"))


@dataclass(frozen=True)
class Point:
    """Interactive point of a figure in data coordinates, with the text of its values."""

    axes: Axes
    x: float
    y: float
    text: str


@dataclass(frozen=True)
class Drawn:
    """Rendered figure.

    Attributes
    ----------
    name : base name of its files, and its element id in the page
    alt : text alternative
    svg : contents of the SVG file
    inline : the SVG element for the page
    png : contents of the PNG file
    figure : the Matplotlib figure
    """

    name: str
    alt: str
    svg: str
    inline: str
    png: bytes
    figure: Figure


def drawn(figure: Figure, name: str, alt: str, points: Sequence[Point] = ()) -> Drawn:
    """Render a figure of `ipvae.report.pictures.canvas.drawing`, inside its context.

    Parameters
    ----------
    figure : Figure
    name : str
        Letters, digits and hyphens; unique on the page.
    alt : str
    points : sequence of Point
        Grouped by axes, each group from left to right.
    """
    for axes in figure.axes:
        _pin(axes)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font", UserWarning)
        text, png = io.StringIO(), io.BytesIO()
        figure.savefig(text, format="svg", metadata=NOTHING)
        figure.savefig(png, format="png", dpi=DPI, metadata={"Software": None})
    svg = _own_ids(text.getvalue(), name)
    return Drawn(name, alt, svg, _inline(svg, figure, alt, points), png.getvalue(), figure)


def _pin(axes: Axes) -> None:
    """Fix the positions of the title and of labels without text at their default places.

    Matplotlib then does not lay out all ticks again at each drawing.
    """
    axes.set_title(axes.get_title(loc="left"), loc="left", y=1.0)
    for axis in (axes.xaxis, axes.yaxis):
        if not axis.label.get_text():
            axis.set_label_coords(0.0, 0.0)


def _own_ids(svg: str, name: str) -> str:
    """Prefix every id, so that ids are unique on a page."""
    svg = re.sub(r'\bid="', f'id="{name}-', svg)
    svg = re.sub(r'((?:xlink:)?href=")#', rf"\1#{name}-", svg)
    return re.sub(r"url\(#", f"url(#{name}-", svg)


def _inline(svg: str, figure: Figure, alt: str, points: Sequence[Point]) -> str:
    """SVG element without fixed size, with a label and the interactive points."""
    body = svg[svg.index("<svg") :].rstrip()
    head, rest = body.split(">", 1)
    head = re.sub(r'\s(?:width|height|id)="[^"]*"', "", head)
    role = "group" if points else "img"
    head += f' role="{role}" aria-label="{escape(alt)}" preserveAspectRatio="xMidYMid meet">'
    return head + _themed(rest.removesuffix("</svg>")) + _groups(figure, points) + "</svg>"


def _themed(svg: str) -> str:
    """Replace the figure's colours by CSS variables of the page, for its light and dark themes."""
    return re.sub(r"\b(fill|stroke): (#[0-9a-fA-F]{6})\b", _variable, svg)


def _variable(found: re.Match[str]) -> str:
    name = _NAMES.get(found[2].lower())
    return found[0] if name is None else f"{found[1]}: var(--{name})"


def _groups(figure: Figure, points: Sequence[Point]) -> str:
    """Interactive circles: Tab reaches one for each axes, arrow keys reach the others."""
    found = []
    for axes in dict.fromkeys(point.axes for point in points):
        own = [point for point in points if point.axes is axes]
        marks = "".join(_mark(figure, point, first=i == 0) for i, point in enumerate(own))
        found.append(f'<g class="points">{marks}</g>')
    return "".join(found)


def _mark(figure: Figure, point: Point, *, first: bool) -> str:
    across, up = point.axes.transData.transform((point.x, point.y))
    x = across * POINTS / DPI
    y = figure.get_figheight() * POINTS - up * POINTS / DPI
    return (
        f'<circle class="point" cx="{x:.2f}" cy="{y:.2f}" r="{RADIUS}" role="img" '
        f'tabindex="{0 if first else -1}"><title>{escape(point.text)}</title></circle>'
    )
