"""Text of an evaluation for a terminal, from its JSON data."""

from collections.abc import Callable, Mapping
from typing import Any

from ipvae.report.numbers import error, fit, percent, whole
from ipvae.workflows.results import Table

DEVIATION = "_sd"
"""Suffix of keys for the standard deviation over seeds."""
FIGURES: dict[str, tuple[str, Callable[[float], str]]] = {
    "mse": ("MSE", error),
    "r2": ("R2", fit),
    "zeros": ("zeros", "{:.4f}".format),
    "spikes": ("spikes", "{:.1f}".format),
    "accuracy": ("accuracy", lambda value: percent(value, 2)),
}
"""Headings and formats of figures in tables, by JSON key."""

Found = Mapping[str, Any]


def spread(found: Found, key: str, form: Callable[[float], str]) -> str:
    """Format a figure, with its standard deviation over several seeds."""
    text, deviation = form(found[key]), found.get(key + DEVIATION)
    return text if deviation is None else f"{text} +- {form(deviation)}"


def curve_table(title: str, curve: list[dict[str, Any]], up_to: bool) -> Table:
    """Return a table with one row for each evaluated step; `up_to` with early stopping."""
    keys = ("mse", "r2", "zeros")
    rows = [
        [
            ("up to " if up_to else "") + str(int(point["step"])),
            *(spread(point, key, FIGURES[key][1]) for key in keys),
        ]
        for point in curve
    ]
    return Table(title, ["step", *(FIGURES[key][0] for key in keys)], rows)


def lines(found: Found, images: int, neurons: int, at: str) -> list[Table | str]:
    """Return the text below the curve.

    Parameters
    ----------
    found : JSON data of an evaluation
    images, neurons : int
    at : str
        Step of the figures, as text.
    """
    shown = [
        _of_inference(found),
        f"{spread(found, 'spikes', '{:.2f}'.format)} spikes an image at {at}"
        if "spikes" in found
        else "",
        sparsity_text(found, images),
        probe_text(found),
        neighbours_text(found),
        dimensionality_text(found, neurons),
    ]
    changed = changes_table(found["changes"], at) if found.get("changes") else ""
    pictures = "pictures: " + ", ".join(found["pictures"]) if found.get("pictures") else ""
    return [part for part in (*shown, changed, pictures) if part]


def _of_inference(found: Found) -> str:
    """Early stopping and read-outs of a network, or bounds of a model in nats."""
    parts = [stop_text(found["stop"])] if "stop" in found else []
    parts += [readout_text(readout) for readout in found.get("readouts", [])]
    if "elbo" in found:
        nats = ", ".join(
            f"{key.upper()} {spread(found, key, '{:.2f}'.format)}" for key in ("elbo", "nll", "kl")
        )
        active, dead = (spread(found, key, _number) for key in ("active_latents", "dead_latents"))
        parts.append(f"{nats} nats per image; {active} latents active, {dead} dead")
    return "; ".join(parts)


def stop_text(stop: Found) -> str:
    """Return the number of converged images, and their steps."""
    steps, images = stop["steps"], len(stop["steps_of_each"])
    settled = spread(stop, "settled", _number)
    return (
        f"stopped by {stop['rule']}: {settled} of {images} images settled; steps "
        f"{_number(steps['min'])} to {_number(steps['max'])}, mean {steps['mean']:.1f}; "
        f"{whole(stop['counts']['synaptic_ops'])} synaptic operations an image"
    )


def readout_text(readout: Found) -> str:
    """Return the text of one read-out."""
    text = f"read-out {readout['layer']} ({readout['name']})"
    if "r2" in readout:
        return f"{text}: R2 {spread(readout, 'r2', fit)}, MSE {spread(readout, 'mse', error)}"
    if readout.get("accuracy") is not None:
        return f"{text}: accuracy {spread(readout, 'accuracy', FIGURES['accuracy'][1])}"
    return f"{text}: no figure"


def sparsity_text(found: Found, images: int) -> str:
    """Return a line; empty if it was not requested."""
    if "lifetime_sparsity" not in found:
        return ""
    lifetime, population = (
        spread(found, f"{key}_sparsity", "{:.4f}".format) for key in ("lifetime", "population")
    )
    active, dead = (spread(found, key, _number) for key in ("active", "dead"))
    return (
        f"sparsity: lifetime {lifetime}, population {population}; "
        f"{active} latents active, {dead} dead in {images} images"
    )


def probe_text(found: Found) -> str:
    """Return a line; empty if it was not requested."""
    if "probe_train_images" not in found:
        return ""
    accuracy = spread(found, "accuracy", FIGURES["accuracy"][1])
    n = found["probe_train_images"]
    return f"accuracy {accuracy} (classifier fitted on {n} training images)"


def neighbours_text(found: Found) -> str:
    """Return a line; empty if it was not requested."""
    if "neighbours" not in found:
        return ""
    few = found["neighbours_train_images"]
    shown = ", ".join(
        f"none with {n} (only {few} training images)"
        if of is None
        else f"{percent(of['accuracy'], 2)} +- {percent(of['deviation'], 2)} with {n}"
        for n, of in found["neighbours"].items()
    )
    return f"{found['neighbours_voting']} nearest neighbours: {shown} labels"


def dimensionality_text(found: Found, neurons: int) -> str:
    """Return a line; empty if it was not requested."""
    if "dimensionality" not in found:
        return ""
    both = found["dimensionality"]
    ratio, of = both["participation_ratio"], both["shattering"]
    return (
        f"dimensionality: participation ratio {ratio:.1f} of {neurons}, shattering "
        f"{percent(of['accuracy'], 2)} (mean of {of['dichotomies']} of {of['possible']} "
        f"dichotomies, the worst {percent(of['lowest'], 2)}; fitted on {of['train_images']} "
        "training images)"
    )


def changes_table(changes: list[dict[str, Any]], at: str) -> Table:
    """Return a line for each change."""
    shown = [key for key in FIGURES if key in changes[0]]
    rows = [[_named(row), *(spread(row, key, FIGURES[key][1]) for key in shown)] for row in changes]
    heads = [FIGURES[key][0] for key in shown]
    return Table(f"changed images, at {at}", ["change", *heads], rows)


def _number(value: float) -> str:
    """Format a count, or a mean of counts over seeds with one decimal."""
    return f"{value:.1f}" if isinstance(value, float) else str(value)


def _named(row: Found) -> str:
    return row["change"] if row["change"] == "invert" else f"{row['change']} {row['value']:g}"
