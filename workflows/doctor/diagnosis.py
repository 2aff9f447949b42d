"""Findings about this machine."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

from ipvae.workflows.results import Result, Table

OK, MISSING, BROKEN = "ok", "missing", "broken"


@dataclass(frozen=True)
class Finding:
    """Result of one check.

    Attributes
    ----------
    name : str
    state : OK, MISSING or BROKEN
    needed : bool
        Whether the core chain (load, quantize, check, run, verify, count) needs it.
    found : str
    advice : str
        Remedy; empty if none is needed.
    """

    name: str
    state: str
    needed: bool
    found: str
    advice: str = ""


@dataclass(frozen=True, repr=False)
class Diagnosis(Result):
    """Findings about the toolchain on this machine.

    Attributes
    ----------
    checks : tuple of Finding
    """

    checks: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """True if the core chain is complete and no installed package is broken."""
        return not any(f.state == BROKEN or (f.needed and f.state != OK) for f in self.checks)

    def with_advice(self, reword: Callable[[str], str]) -> "Diagnosis":
        """Return the same findings with a function applied to every advice."""
        return Diagnosis(tuple(replace(f, advice=reword(f.advice)) for f in self.checks))

    def rows(self) -> list[tuple[str, str]]:
        """Return the findings: pairs of name and text."""
        return [(f.name, f"{f.state}: {_text(f)}") for f in self.checks]

    def to_json(self) -> dict[str, Any]:
        """Return JSON data, with the keys of `ipvae doctor --json`."""
        return {"ok": self.ok, "checks": [asdict(f) for f in self.checks]}

    def shown(self) -> list[Table | str]:
        """Return the verdict with the first remedy, then a line for each finding."""
        return [self._verdict(), *(f"{f.state:8}{f.name:13}{_text(f)}" for f in self.checks)]

    def _verdict(self) -> str:
        """Line with the state of the core chain, or the first remedy."""
        if self.ok:
            return "ready: the core chain works here"
        bad = [f for f in self.checks if f.state != OK and (f.needed or f.state == BROKEN)]
        first = min(bad, key=lambda f: not f.needed)
        others = f" ({len(bad) - 1} more below)" if len(bad) > 1 else ""
        what = first.advice or first.found
        return f"NOT READY: {first.name} is {first.state}; do first: {what}{others}"


def _text(finding: Finding) -> str:
    return "; ".join(filter(None, (finding.found, finding.advice)))
