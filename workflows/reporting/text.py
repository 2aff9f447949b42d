"""Text of a report for a terminal: verdicts and tables from its JSON data."""

from collections.abc import Mapping
from itertools import zip_longest
from typing import Any

from ipvae.report.html.counted_nouns import number_of
from ipvae.report.html.verdicts import verdicts
from ipvae.report.numbers import band, count, error, fit, percent, whole
from ipvae.workflows.results import Table

LAYER_COLUMNS = {
    "neurons": "neurons",
    "messages_received": "messages in",
    "synaptic_ops": "synaptic ops",
    "messages": "messages out",
    "updates_idle": "idle updates",
    "random_words": "random words",
    "drive_macs": "drive MACs",
}
"""Columns of the table of layers, and their headings."""

MEASURED_COLUMNS = ("found", "modelled", "ratio")


def screen(result: Mapping[str, Any]) -> list[Table | str]:
    """Return lines and tables of a report, from top to bottom."""
    counts = [[name, count(value)] for name, value in result["counts"].items()]
    half = (len(counts) + 1) // 2
    pairs = zip_longest(counts[:half], counts[half:], fillvalue=["", ""])
    heads = ["counts (docs/energy.md)", "", "", ""]
    return [
        result["status"],
        *(f"{found.title}: {found.text}" for found in verdicts(result)),
        *_over_seeds(result.get("seeds")),
        Table("per image", heads, [[*a, *b] for a, b in pairs]),
        *_details(result),
        *_energies(result),
        *_measured(result.get("measured")),
    ]


def _over_seeds(found: Mapping[str, Any] | None) -> list[str]:
    """One line for a report with several seeds."""
    if found is None:
        return []
    merit, counts = found["quality"], found["counts"]
    texts = [
        f"{name} {form(merit[key])} (sd {form(merit[f'{key}_sd'])})"
        for name, key, form in (
            ("R2", "r2", fit),
            ("MSE", "mse", error),
            ("zeros", "zeros", percent),
        )
        if merit[key] is not None and merit[f"{key}_sd"] is not None
    ]
    ops = f"{count(counts['synaptic_ops'])} (sd {count(counts['synaptic_ops_sd'])})"
    return [
        f"Over {number_of(len(found['seeds']), 'seed')}: {', '.join(texts)}; {ops} synaptic ops"
    ]


def _details(result: Mapping[str, Any]) -> list[Table | str]:
    """Table of the layers, and one line on the most loaded core."""
    rows = [
        [f"{layer['layer']} {layer['role']}", *(_number(layer[key]) for key in LAYER_COLUMNS)]
        for layer in result["layers"]
    ]
    heads = ["", *LAYER_COLUMNS.values()]
    return [Table("per image, by layer", heads, rows), _busiest(result["cores"])]


def _number(value: float) -> str:
    return whole(value) if isinstance(value, int) else count(value)


def _busiest(cores: Mapping[str, Any]) -> str:
    if not cores["list"]:
        return f"cores: {cores['plan']}"
    most, paced = cores["busiest"]["synaptic_ops"], cores["busiest_per_step"]["synaptic_ops"]
    return (
        f"busiest core (modelled plan): {most['core']} of {len(cores['list'])}, "
        f"{whole(most['max'])} synaptic ops (mean {whole(most['mean'])}), {whole(paced)} at a chip "
        "step"
    )


def _energies(result: Mapping[str, Any]) -> list[Table | str]:
    """Table of energies with times, and notes on them."""
    names = ("model", "chip", "kind")
    times = {tuple(row[name] for name in names): _time(row) for row in result["time"]}
    alone = dict(times)
    rows = []
    for row in result["energy"]:
        key = tuple(row[name] for name in names)
        alone.pop(key, None)
        spent = band(row["low_j"], row["high_j"])
        rows.append([*_named(*key), row["part"], spent, times.get(key, "-")])
    rows += [[*_named(*key), "-", "-", time] for key, time in alone.items()]
    heads = ["model, chip", "kind", "part", "microjoules", "microseconds"]
    title = "energy and time per image (sources and assumptions: report.json)"
    shown: list[Table | str] = [Table(title, heads, rows), *result["energy_notes"]]
    if "sanafe" in result:
        shown.append(_simulated(result["sanafe"]))
    return shown


def _named(model: str, chip: str, kind: str) -> list[str]:
    return [f"{model}, {chip}", kind]


def _time(row: Mapping[str, Any]) -> str:
    return band(row["low_s"], row["high_s"])


def _simulated(found: Mapping[str, Any]) -> str:
    equal = "equal to" if found["equal"] else "NOT equal to"
    return (
        f"SANA-FE {found['version']}: {count(found['synaptic_events'])} synaptic events per "
        f"image of the first {found['images']}, {equal} our {count(found['synaptic_ops'])} "
        "synaptic operations"
    )


def _measured(found: Mapping[str, Any] | None) -> list[Table | str]:
    """Comparison of a log with modelled figures; empty without a log."""
    if found is None:
        return []
    rows = [
        [row["name"], row["over"], row["unit"], *(_figure(row[k]) for k in MEASURED_COLUMNS)]
        for row in found["rows"]
    ]
    heads = [found["file"], "over", "unit", *MEASURED_COLUMNS]
    return [Table("measured beside modelled", heads, rows), *found["notes"]]


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:,.6g}"
