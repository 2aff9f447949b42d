"""Placement plan as text."""

from ipvae.chip.core_memory import MODEL
from ipvae.chip.limits import LimitCheck, Target
from ipvae.chip.placement import Placement
from ipvae.chip.plan import Plan, between_chips, core_ops, pace, peak_ops
from ipvae.network.traces.activity import Activity
from ipvae.report.html.counted_nouns import number_of
from ipvae.report.numbers import count, percent, whole
from ipvae.workflows.results import Table


def plan_text(plan: Plan) -> list[Table | str]:
    """Return a plan as text, with one column for each memory model."""
    title = f"partition plan for {plan.target.name} ({_size(plan.target)})"
    columns = [_column(found, plan.activity) for found in plan.readings.values()]
    names = dict.fromkeys(name for column in columns for name in column)
    rows = [[name, *(column.get(name, "") for column in columns)] for name in names]
    shown: list[Table | str] = [
        Table(title, ["", *plan.readings], rows),
        f"a range: {MODEL}",
        f"how busy: {plan.activity.source}",
    ]
    if isinstance(plan.conservative, Placement):
        steps = [
            [str(row["cores"]), count(row["busiest_synaptic_ops"]), count(row["deliveries"])]
            for row in pace(plan.conservative, plan.activity)
        ]
        heads = ["cores", "operations of the busiest", "messages delivered"]
        shown.append(Table("more cores (cores=N), conservative, per update", heads, steps))
    return shown


def _size(target: Target) -> str:
    return f"{target.title}, {whole(target.cores)} usable cores"


def _column(found: Placement | LimitCheck, activity: Activity) -> dict[str, str]:
    """Column of the table for one memory model."""
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
