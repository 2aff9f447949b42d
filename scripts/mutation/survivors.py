"""File tests/mutation/survivors.md: reviewed survivors, each with a reason."""

import re
from pathlib import Path

from mutation.mutants import Mutant

LINE = re.compile(r"^\* (\S+), (.+?): `(.+?)` -> `(.+?)`\. (\S.+)$", re.M)


def key(mutant: Mutant) -> tuple[str, str, str, str]:
    """Identifier of a mutant that does not depend on line numbers."""
    return mutant.path, mutant.where, mutant.before, mutant.after


def written(mutant: Mutant, reason: str) -> str:
    """Format one line of the file."""
    return f"* {mutant.path}, {mutant.where}: `{mutant.before}` -> `{mutant.after}`. {reason}"


def justified(file: Path) -> dict[tuple[str, str, str, str], str]:
    """Reason of each survivor in the file."""
    return {match[:4]: match[4] for match in LINE.findall(file.read_text())}
