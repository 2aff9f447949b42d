"""tests/mutation/survivors.md: survivors that were looked at, each with the reason."""

import re
from pathlib import Path

from mutation.mutants import Mutant

LINE = re.compile(r"^\* (\S+), (.+?): `(.+?)` -> `(.+?)`\. (\S.+)$", re.M)


def key(mutant: Mutant) -> tuple[str, str, str, str]:
    """What names a mutant when the lines of its file have moved."""
    return mutant.path, mutant.where, mutant.before, mutant.after


def written(mutant: Mutant, reason: str) -> str:
    """One line of the file."""
    return f"* {mutant.path}, {mutant.where}: `{mutant.before}` -> `{mutant.after}`. {reason}"


def justified(file: Path) -> dict[tuple[str, str, str, str], str]:
    """Reason of each survivor of the file."""
    return {match[:4]: match[4] for match in LINE.findall(file.read_text())}
