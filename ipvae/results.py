"""Base class of results: short text, a table in a notebook, and JSON data."""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Table:
    """A table of text.

    Attributes
    ----------
    title : str
    columns : list of str
        Headings; the first column is aligned left, the others right.
    rows : list of list of str
    """

    title: str
    columns: list[str]
    rows: list[list[str]]


class Result(ABC):
    """Mixin that displays frozen dataclasses.

    A subclass defines `rows`, the main figures as pairs of name and text, and `to_json`. It also
    defines `shown` if the command line shows more than `rows`.
    """

    @abstractmethod
    def rows(self) -> list[tuple[str, str]]:
        """Return the main figures: pairs of name and text, units included."""

    @abstractmethod
    def to_json(self) -> dict[str, Any]:
        """Return JSON data: no arrays, no NaN."""

    def shown(self) -> "list[Table | str]":
        """Return lines of text and tables for a terminal, from top to bottom."""
        return [Table(type(self).__name__, ["", ""], [list(row) for row in self.rows()])]

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}: {text}" for name, text in self.rows())
        return f"{type(self).__name__}({shown})"

    def _repr_html_(self) -> str:
        import html

        cells = "".join(
            f"<tr><th style='text-align:left'>{html.escape(name)}</th>"
            f"<td style='text-align:left'>{html.escape(text)}</td></tr>"
            for name, text in self.rows()
        )
        return f"<table><caption>{type(self).__name__}</caption>{cells}</table>"


def json_data(value: Any) -> Any:
    """Return JSON data with null in place of NaN and infinity, which JSON lacks."""
    if isinstance(value, dict):
        return {key: json_data(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [json_data(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
