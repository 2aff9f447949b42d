"""Outputs of commands, checked before a command begins by the rule of docs/outputs.md."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ipvae.cli.arguments import OPTIONS
from ipvae.cli.options.inputs import is_nir
from ipvae.cli.options.plan import GENERATOR, SHOW
from ipvae.workflows.output import outputs as kinds
from ipvae.workflows.output.outputs import Output, json_output, require_outputs

NAMES = {
    "check": ("plan",),
    "run": ("trace", "record_draws", "profile"),
    "evaluate": ("pictures",),
}
"""Parameters that name outputs of a command, other than --out and --json."""


def made_by(command: str, given: Mapping[str, Any]) -> list[Output]:
    """Return the outputs of a command except --json; modules are imported on demand."""
    out: Any = given.get("out")
    overwrite, found = given.get("overwrite", False), []
    match command, [given.get(name) for name in NAMES.get(command, ("out",))]:
        case "train", _:
            from ipvae.workflows.train import training_outputs

            wanted = ("resume", "tensorboard", "pictures")
            found = training_outputs(out, overwrite, *(given[name] for name in wanted))
        case "import", _:
            of = kinds.run_output if given.get("origin") is None else kinds.graph_output
            found = [of(out, overwrite=overwrite, name="out")]
        case "export", _:
            of = kinds.nir_output if is_nir(out) else kinds.network_output
            found = [of(out, overwrite=overwrite, name="out")]
        case "check", [str() as plan] if plan not in (SHOW, "-"):
            found = [json_output(plan, GENERATOR, name="plan")]
        case "run", files:
            found = kinds.run_outputs(*files, overwrite=overwrite)
        case "evaluate", [Path() as folder]:
            from ipvae.workflows.reporting.pictures import FILES

            found = [kinds.pictures_output(folder, FILES)]
        case "report", _:
            from ipvae.workflows.report import report_output

            found = [report_output(out)]
        case "compare", _:
            from ipvae.workflows.compare import comparison_output

            found = [comparison_output(out)]
        case "demo", _:
            found = [kinds.demo_output(out)]
    return found


def require_outputs_of(context: Any) -> list[Output]:
    """Check, before a command's work, that its outputs can be written and overwrite nothing.

    Parameters
    ----------
    context : context of the command, with its parameters

    Raises
    ------
    InputError
        As `ipvae.workflows.output.outputs.require_outputs`.
    """
    command, given = context.info_name, context.params
    outputs = [replace(o, name=OPTIONS.get(o.name, o.name)) for o in made_by(command, given)]
    target = given.get("json")
    if target not in (None, "-"):
        # The file may be in a folder that another output creates.
        made = {one.path if one.is_folder else one.path.parent for one in outputs}
        output = json_output(target, f"ipvae {command}", name="--json")
        outputs.append(replace(output, makes_folder=Path(target).parent in made))
    names = {*NAMES.get(command, ("out",)), "json"}
    inputs = {
        _label(parameter): given[parameter.name]
        for parameter in context.command.params
        if parameter.name not in names and _is_path(given.get(parameter.name))
    }
    require_outputs(outputs, inputs)
    return outputs


def _label(parameter: Any) -> str:
    """Return the name of a parameter: its option, or the placeholder of an argument."""
    if parameter.param_type_name == "argument":
        return str(parameter.metavar or parameter.name)
    return parameter.opts[0]


def _is_path(value: object) -> bool:
    many = isinstance(value, (list, tuple))
    return all(isinstance(one, Path) for one in value) if many else isinstance(value, Path)
