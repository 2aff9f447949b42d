"""`ipvae doctor`: what of the toolchain works on this machine, and what is missing."""

from typing import Annotated

import typer

from ipvae.cli.doctor_checks import as_dict, diagnose, lines, works
from ipvae.cli.output import JsonOption, emit, require_json_target, working


def doctor(
    thorough: Annotated[
        bool, typer.Option("--thorough", help="Run a step on Lava's simulator too, some seconds.")
    ] = False,
    json: JsonOption = None,
) -> None:
    """Say what of the toolchain works on this machine, what is missing and what to do.

    Exit 1 if the core chain lacks something, or something that is installed is broken.
    """
    require_json_target(json)
    with working("looking at this machine"):
        findings = diagnose(thorough)
    emit(as_dict(findings), json, list(lines(findings)))
    if not works(findings):
        raise typer.Exit(1)
