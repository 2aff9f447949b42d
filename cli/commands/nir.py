"""`ipvae export MODEL --out NET.nir`: options that do not apply to NIR."""

from pathlib import Path

import typer

from ipvae.errors import InputError

TAKEN = ("model", "out", "json", "inference", "threshold", "overwrite")
"""Parameters of the command that apply to NIR; the others apply to quantization."""


def require_no_others(context: typer.Context, path: Path) -> None:
    """Raise an error for given options that do not apply to NIR."""
    given = [
        "--" + name.replace("_", "-")
        for name in context.params
        if name not in TAKEN and _given(context, name)
    ]
    if given:
        raise InputError(
            f"{', '.join(given)}: not with {path}: NIR holds real numbers, and nothing is "
            "quantized or calibrated; omit it"
        )


def _given(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"
