"""Certificate of an export: its checks as a table, and the file that holds it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ipvae.errors import InputError
from ipvae.export.certificate.checks import FAILED, NOT_DERIVED, PASSED, Check
from ipvae.files import read_file
from ipvae.json_text import parse_json
from ipvae.network.description import IntNetwork
from ipvae.network.io.network_file import checksum
from ipvae.network.network import Network
from ipvae.workflows.results import Result, Table

MOST_BYTES = 2**20
"""Largest certificate file; one has some ten thousand bytes."""


@dataclass(frozen=True, eq=False, repr=False)
class Certificate(Result):
    """Result of the second derivation of a network's numbers.

    Attributes
    ----------
    checksum : str
        Checksum of the network.
    model : str
        Kind and data set of the model.
    checks : tuple of Check
        `name`, `status` ('passed', 'failed', 'not derived'), `rule`, `values` (compared numbers)
        and `detail`.
    """

    checksum: str
    model: str
    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        """True if no check failed."""
        return not self._with(FAILED)

    @property
    def compared_values(self) -> int:
        """Numbers that were derived and compared."""
        return sum(check.values for check in self.checks)

    def _with(self, status: str) -> list[Check]:
        return [check for check in self.checks if check.status == status]

    def rows(self) -> list[tuple[str, str]]:
        """Return the main figures: pairs of name and text."""
        return [
            ("passed", str(self.passed)),
            *((status, str(len(self._with(status)))) for status in (PASSED, FAILED, NOT_DERIVED)),
            ("compared values", f"{self.compared_values:,}"),
            ("checksum", self.checksum),
        ]

    def shown(self) -> list[Table | str]:
        """Return the verdict, what failed, and a table of all checks."""
        failed, open_ = self._with(FAILED), self._with(NOT_DERIVED)
        verdict = "certified" if self.passed else "NOT certified"
        first = (
            f"{verdict}: {len(self._with(PASSED))} checks passed, {len(failed)} failed, "
            f"{len(open_)} not derived; {self.compared_values:,} values of {self.model}"
        )
        rows = [[c.name, c.status, f"{c.values:,}", c.rule] for c in self.checks]
        faults = [f"{c.status}: {c.name}: {c.detail}" for c in (*failed, *open_)]
        return [first, *faults, Table("checks", ["", "status", "values", "must be"], rows)]

    def to_json(self) -> dict[str, Any]:
        """Return JSON data, with the keys of `ipvae certify --json`."""
        return {
            "passed": self.passed,
            "checksum": self.checksum,
            "model": self.model,
            "compared_values": self.compared_values,
            "checks": [check.as_dict() for check in self.checks],
        }


def read_certificate(path: str | Path, network: IntNetwork | Network) -> dict[str, Any]:
    """Return what a certificate file says of a network: JSON data of `Certificate`, and `file`.

    Raises
    ------
    InputError
        If the file cannot be read, is no certificate, or is one of another network.
    """
    try:
        found = parse_json(read_file(path, InputError, MOST_BYTES))
        kept = {key: found[key] for key in ("passed", "checksum", "model", "compared_values")}
        failed = [check["name"] for check in found["checks"] if check["status"] == FAILED]
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{path}: found no certificate ({type(error).__name__}: {error}), allowed is what "
            "a certificate's to_json() gives"
        ) from error
    if kept["checksum"] != checksum(network):
        raise InputError(
            f"{path}: certifies the network {str(kept['checksum'])[:16]}, and this one is "
            f"{checksum(network)[:16]}; run certify on this network"
        )
    return {"file": str(path), **kept, "checks": len(found["checks"]), "failed": failed}
