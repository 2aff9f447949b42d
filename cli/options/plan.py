"""Options of the placement plan that `ipvae check --plan` shows."""

from pathlib import Path

from ipvae.errors import InputError

GENERATOR = "ipvae check --plan"
SHOW = ""
"""Value of --plan without a file: the plan is shown and no file is written."""


def completed(words: list[str]) -> list[str]:
    """Insert the value `SHOW` after a --plan without a file."""
    found = []
    for i, word in enumerate(words):
        found.append(word)
        last = i + 1 == len(words)
        if word == "--plan" and (last or (words[i + 1] != "-" and words[i + 1].startswith("-"))):
            found.append(SHOW)
    return found


def require_options(
    plan: str | None, cores: int | None, trace: Path | None, json_target: str | None
) -> None:
    """Check the options of a plan before any work.

    Raises
    ------
    InputError
        If an option is given without --plan, or both outputs go to stdout.
    """
    if plan is None:
        for option, value in {"--cores": cores, "--trace": trace}.items():
            if value is not None:
                raise InputError(f"{option}: needs --plan; give that too, or omit it")
    if plan == json_target == "-":
        raise InputError("--plan and --json: both are -; give a file to one of them")
