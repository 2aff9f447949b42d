"""What the page says in words has the numbers of report.json: verdicts, captions, sentences."""

import re
from html import unescape

MICRO = 1_000_000


def test_captions_and_heads_say_of_what_the_numbers_are(seen, shown):
    result, page = seen
    captions = shown.Tables(page).captions
    n, steps = result["samples"], result["steps"]
    assert captions["Quality"] == f"After {steps} steps, mean over {n} images."
    assert captions["Curve"] == f"Mean over the first {result['curve_images']} images."
    assert captions["Counts per image"].startswith(f"Operations per image, means over {n} images ")
    assert captions["Energy per image"] == "Energy of one image, in microjoules."
    assert captions["Time per image"] == "Time of one image, in microseconds."
    assert captions["Limits"].startswith(f"What {result['check']['target']} allows")
    text = shown.text_of(page)
    for said in (
        f"integer spiking network: {n} images, {steps} steps, seed {result['seed']}",
        f"the first {n} of {result['run']['images']}",
        f"{steps} updates of each image, seed {result['seed']}",
        f"over all images and steps 0 to {steps}.",
        f"Potentials of the code at step {steps} of all images.",
        f"MSE and zeros against steps, mean over the first {result['curve_images']} images.",
        f"each of {len(result['check']['intervals'])} intervals lies in its range",
        f"sent nothing at any step of any image: {result['histograms']['rates']['silent']}.",
    ):
        assert said in text, said
    stop = result["stop"]
    if stop is not None and stop["step"] < steps:
        assert f"whose R² is at most {stop['within']:g} below that of the last step" in text
    if "sanafe" in result:
        of = result["sanafe"]
        assert (
            f"SANA-FE {of['version']} ran the spikes of {of['images']} images: "
            f"{of['synaptic_events']:,.1f} synaptic events per image, ours "
            f"{of['synaptic_ops']:,.1f}: equal." in text
        )


def test_every_reconstruction_has_its_own_r2(seen, shown):
    result, page = seen
    text = shown.text_of(page)
    for row in result["reconstructions"]:
        step = row["step"]
        head = f"Read out after {step} step{'s' if step > 1 else ''} "
        said = " ".join(f"R² {value:.3f}" for value in row["r2"])
        assert head + said in text, step


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
    (energy,) = [text for title, text in found if title == "Energy of an image"]
    spent, what = energy.split(" microjoules, ")
    row = next(
        (r for r in result["energy"] if r["kind"] == "measured" and "Loihi" in r["chip"]),
        result["energy"][0],
    )
    assert shown.says_band(spent, row["low_j"], row["high_j"], MICRO)
    assert what == f"{row['kind']}, {row['part']} ({row['model']})"
    assert [pair for pair in found if pair[0] != "Energy of an image"] == list(verdicts(result))


def verdicts(result):
    """All but the one of energy, whose numbers are read."""
    quality, counts, check = result["quality"], result["counts"], result["check"]
    exact = result["verified"]
    if exact is None:
        said = "not verified in this report; ipvae verify does it, or report --verify lava"
    elif exact["bit_exact"]:
        said = "emulator = lava in 123,456 values (2 images, steps 0 to 16)"
    else:
        said = "lava differs first at step 3 (2 images, steps 0 to 16)"
    yield "Bit-exact", said
    (low, high), s = check["cores_range"], "s" * (check["cores_range"][1] != 1)
    cores = f"{high} core{s}" if low == high else f"{low} to {high} core{s}"
    yield "Fits", f"loihi2, on {cores} by a model of memory"
    yield "Overflow", f"impossible: {len(check['intervals'])} intervals proved"
    number = sum(sum(of.values()) for of in result["saturations"].values())
    said = f"{number:,} value{'s' * (number != 1)} stood" if number else "no value stood"
    upper = "log-rates: the upper one; at the lower one a neuron is silent"
    yield "Saturation", f"{said} at a limit ({upper})"
    yield (
        "Quality",
        f"R2 {quality['r2']:.4f}, MSE {quality['mse']:.3e}, zeros {quality['zeros']:.1%} "
        f"({result['samples']} images after {result['steps']} steps)",
    )
    stop = result["stop"]
    said = f"step {stop['step']}: R2 {stop['r2']:.4f}, at most 0.005 below the last"
    if stop["step"] == result["steps"]:
        said = "none: before the last step R2 is lower by more than 0.005"
    yield "Stop point", said
    for of in result["readouts"]:
        if of.get("accuracy") is not None:
            said = f"{100 * of['accuracy']:.2f}% by read-out layer {of['layer']}"
            yield "Class accuracy", said
    yield (
        "Cost of an image",
        f"{counts['synaptic_ops']:,.0f} synaptic operations, {counts['spikes']:,.0f} spikes",
    )
