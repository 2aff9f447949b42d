"""Base of the results that workflows return: short text, a table in a notebook, JSON data."""

import html
import math
from abc import ABC, abstractmethod
from typing import Any


class Result(ABC):
    """Mixin of frozen dataclasses that show themselves.

    A subclass gives `rows`, its main figures as pairs of name and text, and `to_json`.
    """

    @abstractmethod
    def rows(self) -> list[tuple[str, str]]:
        """Return the main figures: pairs of name and text, units included."""

    @abstractmethod
    def to_json(self) -> dict[str, Any]:
        """Return JSON data: no arrays, no NaN."""

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}: {text}" for name, text in self.rows())
        return f"{type(self).__name__}({shown})"

    def _repr_html_(self) -> str:
        cells = "".join(
            f"<tr><th style='text-align:left'>{html.escape(name)}</th>"
            f"<td style='text-align:left'>{html.escape(text)}</td></tr>"
            for name, text in self.rows()
        )
        return f"<table><caption>{type(self).__name__}</caption>{cells}</table>"


def json_data(value: Any) -> Any:
    """Return JSON data without NaN and infinity, which JSON lacks: null in their place."""
    if isinstance(value, dict):
        return {key: json_data(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [json_data(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
