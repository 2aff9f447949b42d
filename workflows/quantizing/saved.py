"""Result of saving a quantized network."""

from dataclasses import dataclass
from typing import Any, Protocol

from ipvae.workflows.results import Result, Table


class Quantization(Protocol):
    """Result of a quantization, of a model or of a graph."""

    def rows(self) -> list[tuple[str, str]]:
        """Return the main figures."""
        ...

    def to_json(self) -> dict[str, Any]:
        """Return JSON data."""
        ...

    def shown(self) -> list[Table | str]:
        """Return lines and tables for a terminal."""
        ...

    def size_text(self) -> str:
        """Return neurons and bits of the network as text."""
        ...


@dataclass(frozen=True, eq=False, repr=False)
class SavedNetwork(Result):
    """A network file that was written.

    Attributes
    ----------
    path : str
    quantized : Quantized or QuantizedGraph
    """

    path: str
    quantized: Quantization

    def rows(self) -> list[tuple[str, str]]:
        """Return the main figures: pairs of name and text."""
        return [("path", self.path), *self.quantized.rows()]

    def to_json(self) -> dict[str, Any]:
        """Return JSON data, with the keys of `ipvae export --json`."""
        return {"network": self.path, **self.quantized.to_json()}

    def shown(self) -> list[Table | str]:
        """Return the path of the file and the loss of quantization."""
        return [f"wrote {self.path}: {self.quantized.size_text()}", *self.quantized.shown()]
