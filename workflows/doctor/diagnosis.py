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
        Whether the core chain (load, quantize, check, run, verify, count) needs it.
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
        """Return whether all is ready and what to do first, then a line for each finding."""
        return [self._verdict(), *(f"{f.state:8}{f.name:13}{_text(f)}" for f in self.checks)]

    def _verdict(self) -> str:
        """Say whether the core chain works, or the one thing to do first."""
        if self.ok:
            return "ready: the core chain works here"
        bad = [f for f in self.checks if f.state != OK and (f.needed or f.state == BROKEN)]
        first = min(bad, key=lambda f: not f.needed)
        others = f" ({len(bad) - 1} more below)" if len(bad) > 1 else ""
        what = first.advice or first.found
        return f"NOT READY: {first.name} is {first.state}; do first: {what}{others}"


def _text(finding: Finding) -> str:
    return "; ".join(filter(None, (finding.found, finding.advice)))
