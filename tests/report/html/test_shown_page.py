"""What the page says in words has the numbers of report.json: verdicts, captions, sentences."""

import io
import re
from base64 import b64decode
from dataclasses import replace
from html import unescape
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from ipvae.report.html.page import page as written
from ipvae.report.html.verdicts import verdicts as verdicts_of
from ipvae.report.limits import ranked, tightest

MICRO = 1_000_000


def test_captions_and_heads_name_what_the_numbers_are_of(seen, shown):
    result, page = seen
    captions = shown.Tables(page).captions
    n, steps = result["samples"], result["steps"]
    assert captions["Quality"] == f"After {steps} steps, mean over {n} images with their spread."
    assert captions["Curve"] == f"Mean over the first {result['curve_images']} images."
    assert captions["Counts per image"].startswith(f"Operations per image, means over {n} images ")
    assert captions["Energy per image"] == "Energy of one image, in microjoules."
    assert captions["Time per image"] == "Time of one image, in microseconds."
    assert captions["Limits"].startswith(f"What {result['check']['target']} allows")
    text = shown.text_of(page)
    for message in (
        f"integer spiking network: {n} images, {steps} steps, seed {result['seed']}",
        f"the first {n} of {result['run']['images']}",
        f"{steps} updates of each image, seed {result['seed']}",
        f"over all images and steps 0 to {steps}.",
        f"Potentials of the code at step {steps} of all images.",
        f"MSE and zeros against steps, mean over the first {result['curve_images']} images.",
        f"each of {len(result['check']['intervals'])} intervals lies in its range",
        f"sent nothing at any step of any image: {result['histograms']['rates']['silent']}.",
    ):
        assert message in text, message
    stop = result["stop"]
    if stop is not None and stop["step"] < steps:
        assert f"whose R² is at most {stop['within']:g} below the last step's" in text
    if "sanafe" in result:
        of = result["sanafe"]
        assert (
            f"SANA-FE {of['version']} ran the spikes of {of['images']} images: "
            f"{shown.mean(of['synaptic_events'])} synaptic events per image, ours "
            f"{shown.mean(of['synaptic_ops'])}: NOT equal." in text
        )


def test_every_reconstruction_has_its_own_r2(seen, shown):
    result, page = seen
    text = shown.text_of(page)
    for row in result["reconstructions"]:
        step = row["step"]
        head = f"Read out after {step} step{'s' if step > 1 else ''} "
        message = " ".join(f"R² {value:.3f}" for value in row["r2"])
        assert head + message in text, step


def test_what_was_verified_is_shown_as_it_was_found(seen, shown):
    result, page = seen
    found = dict(shown.Tables(page).found.get("Verification", []))
    if result["verified"] is None:
        assert not found
        return
    first = result["verified"]["first_divergence"]
    assert found == {
        "backends": "emulator, lava",
        "variables, by layer": "1/a_in, 1/u, 1/z",
        "images": "2, steps 0 to 16",
        "values compared": "123,456",
        "largest count": "37",
        "first divergence": "none"
        if first is None
        else "backend lava, sample 1, step 3, layer 1, index 7",
    }


def test_the_networks_provenance_is_named_rightly(seen, shown):
    result, page = seen
    if "grids" not in result["provenance"]:
        return
    rows = {row[0]: row[1].strip() for row in shown.Tables(page).found["The network"]}
    assert rows == {
        "exported by ipvae": "1.2",
        "trained on": "digits",
        "training images": "1,437",
        "model": "ipvae",
        "latents": "40",
        "steps in training": "16",
        "beta": "0.375",
        "epochs": "21",
        "seed of the training": "9",
        "bits of a weight": "6",
        "layout": "recurrent",
        "inference": "model",
    }


def test_the_verdicts_of_the_page_are_those_of_the_json(seen, shown):
    result, page = seen
    pairs = re.findall(r'<strong>([^<]+)</strong><span class="text">([^<]+)</span>', page)
    found = [(title, unescape(text)) for title, text in pairs]
    shown.check_headline(result, dict(found))
    others = [pair for pair in found if pair[0] not in shown.FIRST]
    assert sorted(others) == sorted(verdicts(result))


def test_what_is_asked_first_is_in_front(seen):
    """Bit-exact, fits, energy, quality and operations are the first five, and fill one screen."""
    titles = re.findall(r'<strong>([^<]+)</strong><span class="text">', seen[1])
    first = ["Bit-exact", "Fits", "Energy of an image", "Quality", "Cost of an image"]
    assert titles[:5] == first and len(set(titles)) == len(titles) > 8


def test_a_silent_layer_is_a_verdict(seen):
    result, _ = seen
    assert "Silent layers" not in [one.title for one in verdicts_of(result)]
    first = {**result["layers"][0], "messages": 0.0}
    found = verdicts_of({**result, "layers": [first, *result["layers"][1:]]})
    (verdict,) = [one for one in found if one.title == "Silent layers"]
    assert verdict.text == f"no message in this run from layer {first['layer']}: nothing passes it"


def verdicts(result):
    """All verdicts but energy and time, whose numbers are read."""
    quality, counts, check = result["quality"], result["counts"], result["check"]
    exact = result["verified"]
    if exact is None:
        message = "not verified in this report; name a backend to verify with, such as lava"
    elif exact["bit_exact"]:
        message = "emulator = lava in 123,456 values (2 images, steps 0 to 16)"
    else:
        message = "lava differs first at step 3 (2 images, steps 0 to 16)"
    yield "Bit-exact", message
    (low, high), s = check["cores_range"], "s" * (check["cores_range"][1] != 1)
    cores = f"{high} core{s}" if low == high else f"{low} to {high} core{s}"
    first = min((of for of in check["limits"] if of["rule"] not in FILLED), key=_margin)
    rule, used = first["rule"].replace("_", " "), f"{first['found']:,} of {first['allowed']:,}"
    yield "Fits", f"loihi2, on {cores} by a model of memory; tightest: {rule}, {used}"
    yield "Overflow", f"impossible: {len(check['intervals'])} intervals proved"
    number = sum(sum(of.values()) for of in result["saturations"].values())
    message = f"{number:,} value{'s' * (number != 1)} stood" if number else "no value stood"
    upper = "log-rates: the upper one; at the lower one a neuron is silent"
    yield "Saturation", f"{message} at a limit ({upper})"
    seeds = ""
    if "seeds" in result:
        seeds = f", {result['seeds']['quality']['r2_sd']:.4f} over 2 seeds"
    yield (
        "Quality",
        f"R2 {quality['r2']:.4f}, MSE {quality['mse']:.3e}, zeros {quality['zeros']:.1%} "
        f"({result['samples']} images after {result['steps']} steps; "
        f"sd of R2 {result['quality_by_image']['r2']['sd']:.4f} over images{seeds})",
    )
    stop = result["stop"]
    message = f"step {stop['step']}: R2 {stop['r2']:.4f}, at most 0.005 below the last"
    if stop["step"] == result["steps"]:
        message = "none: before the last step R2 is lower by more than 0.005"
    yield "Stop point", message
    for of in result["readouts"]:
        if of.get("accuracy") is not None:
            message = f"{100 * of['accuracy']:.2f}% by read-out layer {of['layer']}"
            yield "Class accuracy", message
    yield (
        "Cost of an image",
        f"{counts['synaptic_ops']:,.0f} synaptic operations, {counts['spikes']:,.0f} spikes"
        + _spread(result["by_image"]),
    )


FILLED = ("weight_magnitude", "payload_bits")
"""Rules whose range an export fills for any network."""


def _margin(line):
    return line["margin"]


def _spread(each):
    if "synaptic_ops" not in each:
        return ""
    return f" (sd over images {each['synaptic_ops']['sd']:,.0f} and {each['spikes']['sd']:,.0f})"


def test_pictures_of_the_page_are_numbered_and_stepped_as_they_are(seen, shown):
    result, page = seen
    steps = [row["step"] for row in result["reconstructions"]]
    n = len(result["reconstructions"][0]["r2"])
    after = [f"after {step} step{'s' * (step > 1)}" for step in steps]
    assert re.findall(r'data-said="([^"]*)"', page) == after
    assert re.findall(r'alt="input image (\d+)"', page) == [str(i + 1) for i in range(n)]
    assert re.findall(r'alt="image (\d+) (after \d+ steps?)"', page) == [
        (str(i + 1), message) for message in after for i in range(n)
    ]
    (slider,) = re.findall(r'<input type="range"[^>]*>', page)
    last = len(steps) - 1
    assert f'min="0" max="{last}" value="{last}" step="1"' in slider


def test_each_step_shows_what_is_read_out_after_it(result, ink, figures):
    """Images of one grey each: step by step, and image by image, from dark to light."""
    steps = sorted(ink.read_out)
    n = len(ink.images)
    greys = {step: np.arange(1, n + 1) / n * (i + 1) / len(steps) for i, step in enumerate(steps)}
    plain = replace(
        ink,
        images=np.tile([[0.0, 1.0]], (n, 24)),
        read_out={step: np.repeat(grey[:, None], 48, axis=1) for step, grey in greys.items()},
    )
    page = written(result, plain, figures)
    addresses = re.findall(r'<img src="data:image/png;base64,([^"]*)" alt="image', page)
    found = [imread(io.BytesIO(b64decode(one)))[0, 0, 0] for one in addresses]
    assert found == pytest.approx([grey for step in steps for grey in greys[step]], abs=0.01)
    same = {**result, "sanafe": {**result["sanafe"], "equal": True}}
    assert ": equal." in written(same, plain, figures)


def test_the_dictionary_states_how_large_its_weights_are(result, ink, figures, shown):
    strong = replace(ink, phi=np.tile([[0.5], [-2.0]], (24, 40)))
    page = written(result, strong, figures)
    text = shown.text_of(page)
    assert "adds to the image: 40 neurons, row by row" in text
    assert "-2 2 in units of a pixel" in text.replace("-22 in", "-2 2 in")
    assert 'aria-label="Dictionary: 40 tiles, each' in page
    places = re.findall(r'<i style="--x: (\d+); --y: (\d+)"></i>', page)
    assert places == [(str(n % 9), str(n // 9)) for n in range(40)]
    assert "--w: 8; --h: 6; --large: 5; --small: 4; --sprite-w: 82; --sprite-h: 36" in page


def test_a_long_list_of_cores_is_cut_and_reports_it(result, ink, figures, shown):
    one = result["cores"]["list"][0]
    many = [{**one, "core": i} for i in range(250)]
    page = written({**result, "cores": {**result["cores"], "list": many}}, ink, figures)
    tables = shown.Tables(page)
    assert [row[1] for row in tables.found["Cores"][1:]] == [str(i) for i in range(240)]
    assert tables.captions["Cores"] == (
        "Per image; the first 240 of 250, the others are in report.json."
    )


def test_a_limit_that_is_just_reached_holds(result, ink, figures, shown):
    line = {"rule": "neurons_per_core", "where": "here", "allowed": 8}
    limits = [{**line, "found": found, "margin": 1 - found / 8} for found in (7, 8, 9)]
    page = written({**result, "check": {**result["check"], "limits": limits}}, ink, figures)
    assert [row[2:] for row in shown.Tables(page).found["Limits"][1:]] == [
        ["9", "8", "-12.5%", "EXCEEDED"],
        ["8", "8", "0.0%", "holds"],
        ["7", "8", "12.5%", "holds"],
    ]


def test_a_range_that_an_export_fills_is_the_last_limit_unless_it_is_exceeded():
    used = {"weight_magnitude": 127, "cores": 60, "overflow": 100}
    lines = [{"rule": r, "where": "", "found": n, "allowed": 128} for r, n in used.items()]
    assert [line["rule"] for line in ranked(lines)] == ["overflow", "cores", "weight_magnitude"]
    lines[0]["found"] = 129
    assert ranked(lines)[0] == lines[0] == tightest(lines)
    assert tightest([]) is None


def texts_of(result):
    return {verdict.title: verdict.text for verdict in verdicts_of(result)}


def test_a_network_that_fits_no_board_has_a_reason_in_place_of_an_energy(result):
    nothing = {
        **result["headline"],
        **{"kind": None, "model": None, "energy_j": {}, "energy_delay_js": {}},
        **{"latency_s": None, "latency_kind": None, "images_per_second": None},
        "reason": "no Loihi 2 band: too large",
    }
    found = texts_of({**result, "headline": nothing})
    assert found["Energy of an image"] == "no Loihi 2 band: too large"
    assert not {"Time of an image", "Energy-delay product", "Width of the band"} & found.keys()


def test_cores_that_two_readings_give_are_a_range(result):
    check = {**result["check"], "cores_range": [3, 14]}
    assert texts_of({**result, "check": check})["Fits"].startswith("loihi2, on 3 to 14 cores by")
    check["cores_range"] = [14, 14]
    assert texts_of({**result, "check": check})["Fits"].startswith("loihi2, on 14 cores by")


def test_title_date_and_every_seed_stand_on_top(seen, shown):
    """The date is SOURCE_DATE_EPOCH's, which the run had."""
    result, page = seen
    assert f"<title>{Path(result['network']).name}: report</title>" in page
    text = shown.text_of(page[page.index("<header>") : page.index("</header>")])
    seeds = result.get("seeds")
    spread = "" if seeds is None else " (spread over seeds 0, 1)"
    assert text.rstrip().endswith(f"seed {result['seed']}{spread}; made 2023-11-14T22:13:20+00:00")
    assert result["run"]["made"] == "2023-11-14T22:13:20+00:00"
