"""Findings about this machine."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

from ipvae.workflows.results import Result, Table

OK, MISSING, BROKEN = "ok", "missing", "broken"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes
    ----------
    name : str
    state : OK, MISSING or BROKEN
    needed : bool
        Whether the core chain (train, export, check, run, report) needs it.
    found : str
    advice : str
        What to do; empty where nothing need be done.
    """

    name: str
    state: str
    needed: bool
    found: str
    advice: str = ""


@dataclass(frozen=True, repr=False)
class Diagnosis(Result):
    """What of the toolchain works on this machine.

    Attributes
    ----------
    checks : tuple of Finding
    """

    checks: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """Whether the core chain has all it needs, and nothing that is installed is broken."""
        return not any(f.state == BROKEN or (f.needed and f.state != OK) for f in self.checks)

    def with_advice(self, reword: Callable[[str], str]) -> "Diagnosis":
        """Return the same findings with every advice put through a function."""
        return Diagnosis(tuple(replace(f, advice=reword(f.advice)) for f in self.checks))

    def rows(self) -> list[tuple[str, str]]:
        """Return the findings: pairs of name and text."""
        return [(f.name, f"{f.state}: {_text(f)}") for f in self.checks]

    def to_json(self) -> dict[str, Any]:
        """Return JSON data, with the keys of `ipvae doctor --json`."""
        return {"ok": self.ok, "checks": [asdict(f) for f in self.checks]}

    def shown(self) -> list[Table | str]:
        """Return a line for each finding and one for all."""
        end = "the core chain works here" if self.ok else "not all of it works here: see above"
        return [*(f"{f.state:8}{f.name:13}{_text(f)}" for f in self.checks), end]


def _text(finding: Finding) -> str:
    return "; ".join(filter(None, (finding.found, finding.advice)))
