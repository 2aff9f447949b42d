"""The partition plan that `ipvae check --plan` writes and shows."""

import json
import sys
from pathlib import Path

from ipvae.cli.inputs import require_distinct
from ipvae.cli.output import json_data, require_json_target, table
from ipvae.errors import InputError
from ipvae.network.activity import Activity
from ipvae.network.atomic import replacing
from ipvae.network.core_memory import MODEL
from ipvae.network.limits import Target
from ipvae.network.partition import Placement
from ipvae.network.plan import Plan, between_chips, core_ops, pace, peak_ops
from ipvae.report.numbers import count, percent, whole
from ipvae.report.words import number_of
from ipvae.workflows.place import Check

SHOW = ""
"""Value of --plan where no file is named: the plan is shown and nothing is written."""


def completed(words: list[str]) -> list[str]:
    """Give a --plan without a file the value that means so."""
    found = []
    for i, word in enumerate(words):
        found.append(word)
        last = i + 1 == len(words)
        if word == "--plan" and (last or words[i + 1].startswith("--")):
            found.append(SHOW)
    return found


def require_options(
    net: Path, plan: str | None, cores: int | None, trace: Path | None, json_target: str | None
) -> None:
    """Check the options that a plan takes, before any work.

    Raises
    ------
    InputError
        If one is given without --plan, or two outputs go to one place, or cannot be written.
    """
    if plan is None:
        for option, value in {"--cores": cores, "--trace": trace}.items():
            if value is not None:
                raise InputError(f"{option}: belongs to --plan; give that too, or leave it out")
    if plan == json_target == "-":
        raise InputError("--plan and --json: both are -; give a file to one of them")
    outputs: dict[str, object] = {"--plan": plan or None, "--json": json_target}
    require_distinct(outputs, {"NET.h5": net, "--trace": trace})
    require_json_target(json_target)
    if plan not in (None, SHOW, "-"):
        require_json_target(plan, "--plan")


def write_plan(plan: Plan, target: str) -> None:
    """Write a plan as JSON to a file, or to stdout (`-`)."""
    data = json_data(plan.as_dict())
    if target == "-":
        json.dump(data, sys.stdout, indent=2)
        sys.stdout.write("\n")
    elif target != SHOW:
        with replacing(Path(target)) as temporary:
            temporary.write_text(json.dumps(data, indent=2) + "\n")


def screen(plan: Plan, check: Check) -> list:
    """Show a plan on one screen."""
    title = f"partition plan for {plan.target.name} ({_size(plan.target)})"
    columns = [_column(found, plan.activity) for found in plan.readings.values()]
    names = dict.fromkeys(name for column in columns for name in column)
    rows = [[name, *(column.get(name, "") for column in columns)] for name in names]
    shown = [
        table(title, ["", *plan.readings], rows),
        f"a range: {MODEL}",
        f"how busy: {plan.activity.source}",
    ]
    if isinstance(plan.conservative, Placement):
        steps = [
            [str(row["cores"]), count(row["busiest_synaptic_ops"]), count(row["deliveries"])]
            for row in pace(plan.conservative, plan.activity)
        ]
        heads = ["cores", "operations of the busiest", "messages delivered"]
        shown.append(table("more cores (--cores N), conservative, per update", heads, steps))
    shown += [
        f"exceeded: {v.rule}, found {v.found}, allowed {v.allowed} ({v.where})"
        for v in check.violations
    ]
    return shown


def _size(target: Target) -> str:
    return f"{target.title}, {whole(target.cores)} usable cores"


def _column(found, activity: Activity) -> dict[str, str]:
    """One reading's part of the table."""
    line = found.binding if isinstance(found, Placement) else found
    binding = {
        "binding constraint": line.rule,
        "found, allowed": f"{whole(line.found)} of {whole(line.allowed)} ({percent(line.share)})",
        "where": line.where,
    }
    if not isinstance(found, Placement):
        return {"cores": "does not fit", **binding}
    ops = core_ops(found, activity)
    low, high = between_chips(found, activity)
    broken = [found.next_broken(i) for i in range(len(found.shapes))]
    return {
        "cores": f"{whole(found.total_cores)} on {number_of(found.chips, 'chip')}",
        **{
            f"layer {shape.name}: neurons on cores": (
                f"{whole(shape.neurons)} on {whole(parts)}, up to {whole(found.largest(i))} each"
            )
            for i, (shape, parts) in enumerate(zip(found.shapes, found.n_cores, strict=True))
        },
        **binding,
        "limit that a fuller core meets": ", ".join(
            dict.fromkeys("-" if b is None else b.rule for b in broken)
        ),
        "operations per update: least busy core": count(ops.min()),
        "mean core": count(ops.mean()),
        "busiest core": count(ops.max()),
        "busiest core, busiest update": whole(peak_ops(found, activity)),
        "messages between chips, per update": f"{count(low)} to {count(high)}" if high else "none",
    }
