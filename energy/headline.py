"""Headline of energies and times on Loihi 2, dynamic and static energy separate."""

from collections.abc import Mapping, Sequence
from typing import Any

from ipvae.energy.measurement.comparison import LOGGED_CHIP
from ipvae.energy.models.loihi2 import CHIP, WIDTH
from ipvae.energy.models.row import EnergyRow, TimeRow

PARTS = ("dynamic", "static", "total")
AS_LOGGED = "as logged: of the whole board, idle chips included; its origin is not checked"

Ends = list[float]
"""Low and high ends of a band."""


def headline(
    energy: Sequence[EnergyRow], times: Sequence[TimeRow], notes: Sequence[str]
) -> dict[str, Any]:
    """Return energy and time of one image on Loihi 2 as JSON data; measured rows take precedence.

    Constants of other chips never enter the headline.

    Parameters
    ----------
    energy, times : rows of the energy table and of the time table
    notes : sequence of str
        Notes on the tables, for example why they have no Loihi 2 row.

    Returns
    -------
    dict
        `chip`, `kind` and `model` of the energies; `energy_j`, low and high in joules by part,
        never added; `reason` for the difference; `latency_s` and `latency_kind`;
        `images_per_second`; `energy_delay_js` by part, if energies and times are of one kind.
        Fields without rows are null or empty.
    """
    joules = _chosen(energy)
    seconds = _chosen(times)
    parts = {part: _ends(row) for part in PARTS for row in joules if row.part == part}
    latency = [seconds[0].low_s, seconds[0].high_s] if seconds else None
    alike = bool(joules and seconds) and joules[0].kind == seconds[0].kind
    return {
        "chip": CHIP,
        "kind": joules[0].kind if joules else None,
        "model": joules[0].model if joules else None,
        "energy_j": parts,
        "reason": _reason(joules, notes),
        "latency_s": latency,
        "latency_kind": seconds[0].kind if seconds else None,
        "images_per_second": None if latency is None else [1 / latency[1], 1 / latency[0]],
        "energy_delay_js": {
            part: [joule * second for joule, second in zip(ends, latency, strict=True)]
            for part, ends in parts.items()
        }
        if alike and latency is not None
        else {},
    }


def _chosen(rows: Sequence[Any]) -> list[Any]:
    """Rows of Loihi 2: the measured ones if there are any, else the modelled ones."""
    logged = [row for row in rows if row.chip == LOGGED_CHIP]
    return logged or [row for row in rows if row.chip == CHIP]


def _ends(row: EnergyRow) -> Ends:
    return [row.low_j, row.high_j]


def _reason(joules: Sequence[EnergyRow], notes: Sequence[str]) -> str:
    if not joules:
        return next((note for note in notes if CHIP in note), f"no figure of {CHIP}")
    return AS_LOGGED if joules[0].chip == LOGGED_CHIP else WIDTH


def first_parts(found: Mapping[str, Any]) -> list[tuple[str, Ends]]:
    """Parts of a headline's energy to show first: dynamic and static, else the total."""
    parts: Mapping[str, Ends] = found["energy_j"]
    shown = [(part, parts[part]) for part in ("dynamic", "static") if part in parts]
    return shown or [("total", parts["total"])] if parts else []
