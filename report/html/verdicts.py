"""Summary verdicts of a report, for its page and the terminal."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ipvae.energy.headline import first_parts
from ipvae.report.html.counted_nouns import number_of
from ipvae.report.limits import fits_text
from ipvae.report.numbers import band, error, fit, nano, percent, three, whole

HOLDS, FAILS, OPEN, FIGURE = "holds", "fails", "open", "figure"
MARKS = {HOLDS: "✓", FAILS: "✗", OPEN: "?", FIGURE: "·"}


@dataclass(frozen=True)
class Verdict:
    """Verdict on one aspect: subject, outcome and supporting values; one line of ASCII."""

    kind: str
    title: str
    text: str

    @property
    def mark(self) -> str:
        """Symbol of the outcome, for readers without colour."""
        return MARKS[self.kind]


def verdicts(result: Mapping[str, Any]) -> list[Verdict]:
    """Return the verdicts of a result, most important first; aspects without data are omitted."""
    fits, *proofs = [*_limits(result)] or [None]
    spent, *rest = [*_energy(result)] or [None]
    merit, *later = _quality(result)
    first = [
        *_exact(result),
        *_certified(result),
        *_silent(result),
        fits,
        spent,
        merit,
        _cost(result),
    ]
    return [one for one in (*first, *rest, *later, *proofs) if one is not None]


def _exact(result: Mapping[str, Any]) -> Iterator[Verdict]:
    if "verified" not in result:
        return
    found = result["verified"]
    if found is None:
        text = "not verified in this report; name a backend to verify with, such as lava"
        yield Verdict(OPEN, "Bit-exact", text)
        return
    extent = f"{number_of(found['samples'], 'image')}, steps 0 to {found['steps']}"
    if found["bit_exact"]:
        values = whole(found["compared_values"])
        text = f"{' = '.join(found['backends'])} in {values} values ({extent})"
        yield Verdict(HOLDS, "Bit-exact", text)
        return
    where = found["first_divergence"] or {}
    text = f"{where.get('backend')} differs first at step {where.get('step')} ({extent})"
    yield Verdict(FAILS, "Bit-exact", text)


def _certified(result: Mapping[str, Any]) -> Iterator[Verdict]:
    found = result.get("certificate")
    if found is None:
        return
    values = f"{whole(found['compared_values'])} values of {found['model']}"
    if found["passed"]:
        text = f"{found['checks']} checks, {values}, derived again from the model"
        yield Verdict(HOLDS, "Certificate", text)
        return
    yield Verdict(FAILS, "Certificate", f"differs from the model in {', '.join(found['failed'])}")


def _limits(result: Mapping[str, Any]) -> Iterator[Verdict]:
    check = result.get("check")
    if check is not None:
        yield fits_verdict(check)
        proved = check["overflow_proved"]
        text = (
            f"impossible: {len(check['intervals'])} intervals proved" if proved else "not excluded"
        )
        yield Verdict(HOLDS if proved else FAILS, "Overflow", text)
    saturations = result.get("saturations")
    if saturations is not None:
        number = sum(sum(of.values()) for of in saturations.values())
        text = (
            f"{number_of(number, 'value')} stood at a limit"
            if number
            else "no value stood at a limit"
        )
        if result.get("log_rates", True):
            text += " (log-rates: the upper one; at the lower one a neuron is silent)"
        else:
            text += " (drives, inputs, messages)"
        yield Verdict(FIGURE if number else HOLDS, "Saturation", text)


def fits_verdict(check: Mapping[str, Any]) -> Verdict:
    """Return the verdict on the fit, with the tightest limit or the exceeded ones."""
    if check["ok"]:
        return Verdict(HOLDS, "Fits", fits_text(check))
    broken = ", ".join(dict.fromkeys(line["rule"] for line in check["violations"]))
    return Verdict(FAILS, "Fits", f"not {check['target']}: {broken} exceeded")


def _silent(result: Mapping[str, Any]) -> Iterator[Verdict]:
    sending = [of for of in result.get("layers", ()) if of["role"] != "readout"]
    silent = [of["layer"] for of in sending if of["messages"] == 0]
    if silent:
        text = f"no message in this run from layer {', '.join(silent)}: nothing passes it"
        yield Verdict(FAILS, "Silent layers", text)


def _quality(result: Mapping[str, Any]) -> Iterator[Verdict]:
    figures = result["quality"]
    r2, mse, zeros = (figures[key] for key in ("r2", "mse", "zeros"))
    text = (
        f"R2 {'undefined' if r2 is None else fit(r2)}, MSE {error(mse)}, zeros "
        f"{percent(zeros)} ({number_of(result['samples'], 'image')} after "
        f"{number_of(result['steps'], 'step')}{_spread(result)})"
    )
    yield Verdict(FIGURE, "Quality", text)
    stop = result.get("stop")
    if stop is not None:
        text = f"step {stop['step']}: R2 {fit(stop['r2'])}, at most {stop['within']} below the last"
        if stop["step"] == result["steps"]:
            text = f"none: before the last step R2 is lower by more than {stop['within']}"
        yield Verdict(FIGURE, "Stop point", text)
    for readout in result.get("readouts", []):
        if readout.get("accuracy") is not None:
            text = f"{percent(readout['accuracy'], 2)} by read-out layer {readout['layer']}"
            yield Verdict(FIGURE, "Class accuracy", text)


def _spread(result: Mapping[str, Any]) -> str:
    """Standard deviation of R2 over images, and over seeds, if known."""
    found = result.get("quality_by_image", {}).get("r2")
    if found is None or found["sd"] is None:
        return ""
    text = f"; sd of R2 {fit(found['sd'])} over images"
    seeds = result.get("seeds")
    if seeds and seeds["quality"]["r2_sd"] is not None:
        number = len(seeds["seeds"])
        text += f", {fit(seeds['quality']['r2_sd'])} over {number_of(number, 'seed')}"
    return text


def _cost(result: Mapping[str, Any]) -> Verdict:
    counts = result["counts"]
    text = f"{whole(counts['synaptic_ops'])} synaptic operations, {whole(counts['spikes'])} spikes"
    spread = result.get("by_image", {})
    if {"synaptic_ops", "spikes"} <= spread.keys():
        ops, spikes = (whole(spread[name]["sd"]) for name in ("synaptic_ops", "spikes"))
        text += f" (sd over images {ops} and {spikes})"
    return Verdict(FIGURE, "Cost of an image", text)


def _energy(result: Mapping[str, Any]) -> Iterator[Verdict]:
    found = result.get("headline")
    if found is not None:
        yield from headline_verdicts(found)


def headline_verdicts(found: Mapping[str, Any]) -> Iterator[Verdict]:
    """Energy of an image on Loihi 2, dynamic and static separate, with the reason; its time."""
    parts = first_parts(found)
    if not parts:
        yield Verdict(FIGURE, "Energy of an image", found["reason"])
    else:
        spent = ", ".join(f"{band(low, high)} {part}" for part, (low, high) in parts)
        text = f"{spent}, in microjoules ({found['model']}, {found['kind']})"
        yield Verdict(FIGURE, "Energy of an image", text)
        yield Verdict(FIGURE, "Width of the band", found["reason"])
    if found["latency_s"] is not None:
        low, high = found["images_per_second"]
        rate = band(low, high, form=three)
        text = f"{band(*found['latency_s'])} microseconds, {rate} images per second"
        yield Verdict(FIGURE, "Time of an image", f"{text} ({found['latency_kind']})")
    delays = found["energy_delay_js"]
    if delays:
        shown = ", ".join(f"{band(*delays[part], form=nano)} {part}" for part, _ in parts)
        yield Verdict(FIGURE, "Energy-delay product", f"{shown}, in nJ s (energy x time)")
