"""`ipvae export MODEL --out NET.nir`: options that do not go with NIR."""

from pathlib import Path

import typer

from ipvae.errors import InputError

TAKEN = ("model", "out", "json", "inference", "threshold", "overwrite")
"""Parameters of the command that go with NIR; the others quantize."""


def require_no_others(context: typer.Context, path: Path) -> None:
    """Refuse options that were given and that mean nothing for NIR."""
    given = [
        "--" + name.replace("_", "-")
        for name in context.params
        if name not in TAKEN and _given(context, name)
    ]
    if given:
        raise InputError(
            f"{', '.join(given)}: not with {path}: NIR holds real numbers, and nothing is "
            "quantized or calibrated; leave it out"
        )


def _given(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"
