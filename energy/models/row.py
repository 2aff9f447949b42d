"""Lines of the tables of energy and time, and the rule for adding them."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

PICO = 1e-12
KINDS = ("measured", "modelled")
PARTS = ("dynamic", "static", "total")


@dataclass(frozen=True)
class EnergyRow:
    """One line of the energy table, per image, in joules.

    Attributes
    ----------
    model : str
    kind : 'measured' or 'modelled'
    part : 'dynamic', 'static' or 'total'
    chip : str
    low_j, high_j : float
        A band; equal where the model gives one figure.
    source : str
    assumptions : tuple of str
        What must hold for the figure, and what it leaves out.
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
    """One line of the table of times, per image, in seconds; fields as of `EnergyRow`."""

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
    """Add rows of one model, kind, part and chip; what differs in these is never added.

    Parameters
    ----------
    rows : one or more EnergyRow

    Returns
    -------
    EnergyRow
        The first with the sums; all sources and assumptions, each once.

    Raises
    ------
    ValueError
        If the rows are not alike: static with dynamic, measured with modelled, one chip's with
        another's.
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
