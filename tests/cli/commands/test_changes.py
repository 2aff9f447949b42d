"""`ipvae evaluate` with changed images, and with sets of other images."""

from contextlib import redirect_stdout
from dataclasses import replace
from io import StringIO
from pathlib import Path

import numpy as np
import pytest

from ipvae.cli.main import run_command
from ipvae.evaluation.changes import Change, changed
from ipvae.evaluation.classes.probe import linear_probe
from ipvae.evaluation.metrics import r2
from ipvae.network.io.network_file import read_network, write_network
from ipvae.train.datasets.other_images import other_images
from ipvae.workflows.evaluables.opening import evaluable, opened
from ipvae.workflows.image_input.images import preset_images

LISTS = ("--rotate", "0,90", "--shift", "-1,2", "--invert", "--noise", "0.2", "--salt", "0.1")
MADE = [
    *(("rotate", 0), ("rotate", 90), ("shift", -1), ("shift", 2), ("invert", 1)),
    *(("noise", 0.2), ("salt", 0.1), ("contrast", 0.5)),
]
LISTS += ("--contrast", "0.5")
STEPS = 48
PATCHES = Path(__file__).resolve().parents[3] / "models" / "patches"


def silent(*words):
    with redirect_stdout(StringIO()):
        assert run_command(["--quiet", *map(str, words)]) == 0


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained") / "run"
    tiny = ("--preset", "digits", "--latents", 32, "--steps", 8, "--epochs", 4, "--beta", 4)
    silent("train", "--out", folder, *tiny)
    return folder


@pytest.fixture(scope="module")
def net(run):
    path = run.parent / "net.h5"
    silent("export", run, "--out", path, "--most-loss", 1)
    return path


@pytest.fixture(params=["run", "net"])
def subject(request):
    """A model, and the network exported from it."""
    return request.getfixturevalue(request.param)


def looked_at(path):
    return evaluable(opened(path), "any")


def test_figures_are_those_of_changed_images_given_as_a_file(command, subject, tmp_path):
    words = ("evaluate", subject, "--steps", "3,8", "--samples", 12, "--json", "-")
    status, found, _ = command(*words, *LISTS)
    assert status == 0
    assert [(row["change"], row["value"]) for row in found["changes"]] == MADE
    of = looked_at(subject)
    pixels = of.test_images(12).pixels
    for row in found["changes"]:
        images = changed(pixels, of.format, Change(row["change"], row["value"]), seed=0)
        np.save(tmp_path / "x.npy", images)
        status, alone, _ = command(*words, "--images", tmp_path / "x.npy")
        assert status == 0
        assert row["curve"] == alone["curve"]
        for key in ("step", "mse", "r2", "zeros"):
            assert row[key] == alone["curve"][-1][key]
        assert row["spikes"] == alone["spikes"]
    assert found["changes"][0]["curve"] == found["curve"]


def test_noise_is_looked_behind(command, subject):
    status, found, _ = command(
        "evaluate", subject, "--steps", 8, "--samples", 12, *LISTS, "--seed", 3, "--json", "-"
    )
    assert status == 0
    keys = {row["change"]: {"clean_r2", "clean_r2_of_input"} & set(row) for row in found["changes"]}
    assert {name for name, there in keys.items() if there} == {"noise", "salt"}
    of = looked_at(subject)
    pixels = of.test_images(12).pixels
    images = changed(pixels, of.format, Change("noise", 0.2), seed=3)
    counts = of.infer(images, [8], 3).counts[8]
    row = found["changes"][5]
    clean = of.real(pixels)
    assert row["clean_r2"] == pytest.approx(r2(clean, counts @ of.decoder.T))
    assert row["clean_r2_of_input"] == pytest.approx(r2(clean, of.real(images)))
    assert row["clean_r2_of_input"] < 1


def test_accuracy_is_of_a_classifier_fitted_on_unchanged_images(command, subject):
    words = ("--steps", 8, "--samples", 20, "--probe", "--probe-images", 300, "--json", "-")
    status, found, _ = command("evaluate", subject, *words, "--rotate", "0,90")
    assert status == 0
    of = looked_at(subject)
    data = preset_images("digits", None)
    train = of.infer(data.train_pixels[:300].astype(np.int16), [8], 0).last[1]
    images = of.test_images(20)
    pixels, labels = images.pixels, images.labels
    turned = of.infer(changed(pixels, of.format, Change("rotate", 90), 0), [8], 0).last[1]
    expected = linear_probe(train, data.train_labels[:300], turned, labels)
    same, other = found["changes"]
    assert other["accuracy"] == expected.accuracy
    assert same["accuracy"] == found["accuracy"]
    status, found, _ = command("evaluate", subject, "--steps", 8, "--rotate", 0, "--json", "-")
    assert "accuracy" not in found["changes"][0]


@pytest.mark.parametrize("name", ["faces", "photographs-framed", "digits"])
def test_sets_are_brought_to_pixels(command, subject, name):
    words = ("evaluate", subject, "--images", name, "--samples", 30, "--steps", 4, "--json", "-")
    status, found, _ = command(*words)
    assert (status, found["samples"]) == (0, 30)
    of = looked_at(subject)
    images, _ = other_images(name, 8, 8)
    pixels = np.rint(16 * images[:30]).reshape(30, 64)
    counts = of.infer(pixels.astype(np.int16), [4], 0).last[0]
    assert found["r2"] == pytest.approx(r2(pixels / 16, counts @ of.decoder.T), abs=1e-6)


def test_classes_of_a_set_are_fitted_on_its_first_half(command, subject):
    words = ("--images", "faces", "--steps", 16, "--probe", "--rotate", "90", "--json", "-")
    status, found, _ = command("evaluate", subject, *words)
    assert status == 0
    images, labels = other_images("faces", 8, 8)
    of = looked_at(subject)
    pixels = np.rint(16 * images).reshape(-1, 64).astype(np.int16)
    rates = of.infer(pixels, [16], 0).last[1]
    expected = linear_probe(rates[:88], labels[:88], rates[88:], labels[88:])
    assert found["accuracy"] == expected.accuracy > 0.6
    assert found["probe_train_images"] == 88
    turned = of.infer(changed(pixels, of.format, Change("rotate", 90), 0), [16], 0).last[1]
    expected = linear_probe(rates[:88], labels[:88], turned[88:], labels[88:])
    assert found["changes"][0]["accuracy"] == expected.accuracy


def per_image_r2(real, read_out):
    spread = np.square(real - real.mean(axis=1, keepdims=True)).sum(axis=1)
    return 1 - np.square(real - read_out).sum(axis=1) / spread


def differences(run, net, change):
    """R2 of the integers less R2 of the float model, image by image; the unchanged have both."""
    found = []
    for path in (run, net):
        of = looked_at(path)
        pixels = looked_at(run).test_images(None).pixels
        images = changed(pixels, of.format, change, seed=0)
        counts = of.infer(images, [STEPS], 0).last[0].astype(float)
        found.append(per_image_r2(of.real(images), counts @ of.decoder.T))
    return found[1] - found[0]


def beyond(found, bound=0.01):
    """Deviations of the mean of a difference by which it passes the bound."""
    return (abs(found.mean()) - bound) / (found.std(ddof=1) / np.sqrt(len(found)))


@pytest.mark.parametrize(("name", "value"), [*MADE, ("rotate", 45), ("rotate", 180)])
def test_integers_are_as_robust_as_floats(run, net, name, value):
    """R2 within 0.01: a mean over 360 images would pass it by 4.5 deviations once in 10**5."""
    assert beyond(differences(run, net, Change(name, value))) < 4.5


def test_the_bound_distinguishes_another_network(run, net, tmp_path):
    whole = read_network(net)
    bare = replace(whole.layer, weight_rec=np.zeros_like(whole.layer.weight_rec))
    write_network(tmp_path / "bare.h5", replace(whole, layer=bare))
    assert beyond(differences(run, tmp_path / "bare.h5", Change("rotate", 90))) > 4.5


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["--rotate", "1,,2"], "--rotate: found '1,,2', allowed degrees, such as 0,15,90"),
        (["--rotate", "inf"], "--rotate: found 'inf'"),
        (["--rotate", ""], "--rotate: found ''"),
        (["--shift", "1.5"], "--shift: found '1.5', allowed whole pixels, up to 7"),
        (["--shift", "8"], "--shift: found '8', allowed whole pixels, up to 7"),
        (["--noise", "-0.1"], "--noise: found '-0.1', allowed deviations from 0 on"),
        (["--salt", "2"], "--salt: found '2', allowed fractions from 0 to 1"),
        (["--contrast", "nan"], "--contrast: found 'nan', allowed factors from 0 on"),
        (
            ["--images", "cars"],
            "--images: cars does not exist. Allowed are an .npy or .npz file",
        ),
        (
            ["--images", "photographs", "--probe"],
            "--probe: the images of photographs have no labels",
        ),
        (
            ["--images", "faces", "--probe", "--probe-images", "50"],
            "--probe-images: faces are not split into training and test images",
        ),
        (["--images", "faces", "--samples", "177"], "--samples: found 177, allowed up to 176"),
    ],
)
def test_bad_use_is_one_line(command, subject, words, part):
    status, out, err = command("evaluate", subject, "--steps", 2, *words)
    assert (status, out) == (2, "")
    assert err.startswith("ipvae: ") and err.count("\n") == 1
    assert part in err


def test_sets_are_refused_where_pixels_are_signed(command):
    status, _, err = command("evaluate", PATCHES, "--images", "faces", "--steps", 1)
    assert (status, err.count("\n")) == (2, 1)
    assert "the network's from -128 to 127; give an .npy file" in err


def test_signed_images_are_changed_about_their_mean(command):
    words = ("--samples", 40, "--steps", 64, "--invert", "--contrast", "0.5", "--json", "-")
    status, found, _ = command("evaluate", PATCHES, *words)
    assert status == 0
    invert, contrast = found["changes"]
    assert invert["r2"] > 0.7  # dark edges are as usual as light ones
    assert contrast["spikes"] < found["spikes"]


def test_constant_images_have_no_r2_in_json(command, subject):
    words = ("--samples", 3, "--steps", 2, "--contrast", "0", "--json", "-")
    status, found, _ = command("evaluate", subject, *words)
    assert (status, found["changes"][0]["r2"]) == (0, None)


@pytest.mark.usefixtures("without_page")
def test_labels_of_other_things_judge_no_read_out(command, tmp_path, kinds):
    """Faces or none are not the classes of a network of digits; digits are."""
    network = kinds.networks(2)["recurrent + 2 read-outs"]
    named = {"data": {"preset": "digits"}, "readouts": ["classes", "classes"]}
    write_network(
        tmp_path / "net.h5",
        replace(
            network,
            input=replace(network.input, minimum=0, maximum=127),
            test_images=np.abs(network.test_images),
            provenance=network.provenance | named,
        ),
    )
    for name, known in (("faces", False), ("digits", True)):
        words = ("--images", name, "--samples", 5, "--steps", 2, "--json", "-")
        _, found, _ = command("evaluate", tmp_path / "net.h5", *words)
        _, page, _ = command("report", tmp_path / "net.h5", *words, "--out", tmp_path / "report")
        for readouts in (found["readouts"], page["readouts"]):
            assert all((r["accuracy"] is not None) == known for r in readouts)
