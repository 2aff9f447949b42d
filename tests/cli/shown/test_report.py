"""`ipvae report` on the terminal: each number is the one of report.json, in the unit beside it."""

import pytest

from ipvae.workflows.reporting import text as report_text

MICRO = 1_000_000


@pytest.fixture(params=["modelled", "measured"])
def seen(request, both_reports):
    return both_reports[request.param]


def test_verdicts_come_first_and_state_what_the_json_states(seen, shown):
    result, text = seen
    lines = text.splitlines()
    assert lines[0] == result["status"]
    quality, counts, stop = result["quality"], result["counts"], result["stop"]
    verdicts = dict(line.split(": ", 1) for line in lines[1:13])
    assert list(verdicts)[:4] == ["Bit-exact", "Fits", "Energy of an image", "Quality"]
    assert len(verdicts) == 12
    (low, high) = result["check"]["cores_range"]
    assert verdicts["Fits"] == f"loihi2, on {f'{low} to {high}' if low < high else low} " + (
        f"core{'s' * (high > 1)} by a model of memory; tightest: {_tightest(result['check'])}"
    )
    spread = f"{result['quality_by_image']['r2']['sd']:.4f} over images"
    assert verdicts["Quality"] == (
        f"R2 {quality['r2']:.4f}, MSE {quality['mse']:.3e}, zeros {quality['zeros']:.1%} "
        f"(3 images after 7 steps; sd of R2 {spread})"
    )
    if stop["step"] < 7:
        point = f"step {stop['step']}: R2 {stop['r2']:.4f}, at most 0.005 below the last"
    else:
        point = "none: before the last step R2 is lower by more than 0.005"
    assert verdicts["Stop point"] == point
    (of,) = [of for of in result["readouts"] if "accuracy" in of]
    assert verdicts["Class accuracy"] == f"{of['accuracy']:.2%} by read-out layer 4"
    assert verdicts["Cost of an image"] == (
        f"{counts['synaptic_ops']:,.0f} synaptic operations, {counts['spikes']:,.0f} spikes "
        f"(sd over images {result['by_image']['synaptic_ops']['sd']:,.0f} and "
        f"{result['by_image']['spikes']['sd']:,.0f})"
    )


def _tightest(check):
    """Of the limits that a larger network would meet."""
    lines = [of for of in check["limits"] if of["rule"] not in ("weight_magnitude", "payload_bits")]
    first = min(lines, key=lambda of: of["margin"])
    return f"{first['rule'].replace('_', ' ')}, {first['found']:,} of {first['allowed']:,}"


def test_the_energy_that_is_shown_first_is_loihi_2s(seen, shown):
    result, text = seen
    shown.check_headline(result, dict(line.split(": ", 1) for line in text.splitlines()[1:13]))


def test_counts_are_means_of_an_image(seen, shown):
    result, text = seen
    head, *rows = shown.rows_below(text, "per image")
    assert head == ["counts (docs/energy.md)"]
    assert {len(row) for row in rows} == {4} and len(rows) == 6
    found = {}
    for row in rows:
        found |= dict(zip(row[::2], row[1::2], strict=True))
    assert found == {name: shown.mean(value) for name, value in result["counts"].items()}


def test_layers_have_their_own_counts(seen, shown):
    result, text = seen
    heads, *rows = shown.rows_below(text, "per image, by layer")
    keys = {
        "neurons": "neurons",
        "messages in": "messages_received",
        "synaptic ops": "synaptic_ops",
        "messages out": "messages",
        "idle updates": "updates_idle",
        "random words": "random_words",
        "drive MACs": "drive_macs",
    }
    assert heads == list(keys)
    assert len(rows) == len(result["layers"]) == 4
    for row, of in zip(rows, result["layers"], strict=True):
        assert row[0] == f"{of['layer']} {of['role']}"
        assert row[1] == str(of["neurons"])
        assert row[2:] == [shown.mean(of[key]) for key in list(keys.values())[1:]]


def test_the_busiest_core_is_that_of_synaptic_operations(seen):
    result, text = seen
    (line,) = [line for line in text.splitlines() if line.startswith("busiest core")]
    cores = result["cores"]
    most = cores["busiest"]["synaptic_ops"]
    assert most["max"] != most["mean"]
    assert line == (
        f"busiest core (modelled plan): {most['core']} of {len(cores['list'])}, "
        f"{most['max']:,.0f} synaptic ops (mean {most['mean']:,.0f}), "
        f"{cores['busiest_per_step']['synaptic_ops']:,.0f} at a chip step"
    )


def test_energies_are_microjoules_and_times_microseconds(seen, shown):
    """A time is shown with the energies of its model and chip, or on a separate line."""
    result, text = seen
    title = "energy and time per image (sources and assumptions: report.json)"
    heads, *rows = shown.rows_below(text, title)
    assert heads == ["model, chip", "kind", "part", "microjoules", "microseconds"]
    times = {named(of): of for of in result["time"]}
    for row, of in zip(rows, result["energy"], strict=False):
        assert (*row[:2], row[2]) == (*named(of), of["part"])
        assert shown.shows_band(row[3], of["low_j"], of["high_j"], MICRO), row
        time = times.get(named(of))
        assert row[4] == "-" if time is None else took(row[4], time, shown)
    assert times.keys() <= {tuple(row[:2]) for row in rows}
    for row in rows[len(result["energy"]) :]:
        assert row[2:4] == ["-", "-"] and took(row[4], times[tuple(row[:2])], shown)
    for note in result["energy_notes"]:
        assert note in text.splitlines()


def named(row):
    return f"{row['model']}, {row['chip']}", row["kind"]


def took(text, time, shown):
    return shown.shows_band(text, time["low_s"], time["high_s"], MICRO)


def test_a_log_stands_beside_the_counts(both_reports, shown):
    result, text = both_reports["measured"]
    heads, *rows = shown.rows_below(text, "measured beside modelled")
    assert heads[1:] == ["over", "unit", "found", "modelled", "ratio"]
    assert heads[0].endswith("log.csv")
    beside = result["measured"]
    for row, of in zip(rows, beside["rows"], strict=True):
        assert row[:3] == [of["name"], of["over"], of["unit"]]
        values = [of[key] for key in ("found", "modelled", "ratio")]
        assert row[3:] == ["-" if value is None else f"{value:,.6g}" for value in values]
    assert text.splitlines()[-1] == f"page: {text.splitlines()[-1].removeprefix('page: ')}"
    for note in beside["notes"]:
        assert note in text.splitlines()
    assert "1,234.5" in {row[3] for row in rows}


SANAFE = {"version": "2", "images": 4, "synaptic_events": 1234.25, "synaptic_ops": 1230.5}


@pytest.mark.parametrize(("equal", "words"), [(True, "equal to"), (False, "NOT equal to")])
def test_a_simulators_events_are_set_against_our_operations(equal, words):
    assert report_text._simulated({**SANAFE, "equal": equal}) == (
        f"SANA-FE 2: 1,234 synaptic events per image of the first 4, {words} our 1,230 "
        "synaptic operations"
    )
