"""Rows of the energy and time tables, and the rule for adding them."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

PICO = 1e-12
KINDS = ("measured", "modelled")
PARTS = ("dynamic", "static", "total")


@dataclass(frozen=True)
class EnergyRow:
    """Row of the energy table, per image, in joules.

    Attributes
    ----------
    model : str
    kind : 'measured' or 'modelled'
    part : 'dynamic', 'static' or 'total'
    chip : str
    low_j, high_j : float
        Ends of the band; equal for a single value.
    source : str
    assumptions : tuple of str
        Conditions of validity, and omitted costs.
    """

    model: str
    kind: str
    part: str
    chip: str
    low_j: float
    high_j: float
    source: str
    assumptions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        assert self.kind in KINDS
        assert self.part in PARTS
        assert self.low_j <= self.high_j

    def as_dict(self) -> dict:
        """JSON data."""
        return {**asdict(self), "assumptions": list(self.assumptions)}


@dataclass(frozen=True)
class TimeRow:
    """Row of the time table, per image, in seconds; fields as in `EnergyRow`."""

    model: str
    kind: str
    chip: str
    low_s: float
    high_s: float
    source: str
    assumptions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        assert self.kind in KINDS
        assert self.low_s <= self.high_s

    def as_dict(self) -> dict:
        """JSON data."""
        return {**asdict(self), "assumptions": list(self.assumptions)}


def summed(rows: Sequence[EnergyRow]) -> EnergyRow:
    """Add rows of equal model, kind, part and chip; other rows are never added.

    Parameters
    ----------
    rows : one or more EnergyRow

    Returns
    -------
    EnergyRow
        First row with the summed band; all sources and assumptions, each once.

    Raises
    ------
    ValueError
        If the rows differ in kind, part or chip, such as static and dynamic.
    """
    first = rows[0]
    for name in ("model", "kind", "part", "chip"):
        found = sorted({getattr(row, name) for row in rows})
        if len(found) > 1:
            raise ValueError(f"energies: found {name} {', '.join(found)}; add only what is alike")
    return replace(
        first,
        low_j=sum(row.low_j for row in rows),
        high_j=sum(row.high_j for row in rows),
        source="; ".join(dict.fromkeys(row.source for row in rows)),
        assumptions=tuple(dict.fromkeys(a for row in rows for a in row.assumptions)),
    )
