"""`ipvae evaluate` with further figures and pictures, `ipvae train --pictures`."""

import json
import sys
import types
from contextlib import redirect_stdout
from io import StringIO

import numpy as np
import pytest

from ipvae.cli.main import run_command
from ipvae.evaluation.classes.dimensionality import participation_ratio
from ipvae.evaluation.classes.neighbours import neighbour_accuracy
from ipvae.evaluation.sparsity import sparsity
from ipvae.network.io.network_file import write_network
from ipvae.workflows.evaluables.opening import evaluable, opened
from ipvae.workflows.image_input.images import preset_images
from ipvae.workflows.reporting.pictures import spaced

TINY = ("--preset", "digits", "--latents", "6", "--steps", "2", "--epochs", "2")
PICTURES = ["convergence", "dictionary", "reconstructions", "samples"]


def silent(*words):
    with redirect_stdout(StringIO()):
        assert run_command(["--quiet", *map(str, words)]) == 0


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained") / "run"
    silent("train", "--out", folder, *TINY)
    return folder


@pytest.fixture(scope="module")
def net(run):
    path = run.parent / "net.h5"
    silent("export", run, "--out", path)
    return path


@pytest.fixture(params=["run", "net"])
def subject(request):
    """A model, and the network exported from it."""
    return request.getfixturevalue(request.param)


def names(folder):
    return sorted(path.stem for path in folder.iterdir())


def test_figures_are_those_of_the_states(command, subject):
    flags = ("--sparsity", "--neighbours", "--dimensionality", "--probe", "--probe-images", 1100)
    status, found, _ = command(
        "evaluate", subject, "--steps", "3,8", "--samples", 20, *flags, "--json", "-"
    )
    assert status == 0
    assert [point["step"] for point in found["curve"]] == [3, 8]
    assert found["probe_train_images"] == found["neighbours_train_images"] == 1100
    assert 0 < found["accuracy"] < 1

    of = evaluable(opened(subject), "any")
    data = preset_images("digits", None)
    images = of.test_images(20)
    pixels, labels = images.pixels, images.labels
    counts, rates = of.infer(pixels, [8], 0).last
    assert found["spikes"] == pytest.approx(counts.sum() / 20)
    expected = sparsity(counts)
    assert found["lifetime_sparsity"] == pytest.approx(expected.lifetime)
    assert found["population_sparsity"] == pytest.approx(expected.population)
    assert (found["active"], found["dead"]) == (expected.active, expected.dead)

    train_rates = of.infer(data.train_pixels[:1100].astype(np.int16), [8], 0).last[1]
    near = neighbour_accuracy(train_rates, data.train_labels[:1100], rates, labels)
    assert found["neighbours"]["5000"] is None
    for n in (200, 1000):
        assert found["neighbours"][str(n)]["accuracy"] == pytest.approx(near[n].accuracy)
        assert found["neighbours"][str(n)]["deviation"] == pytest.approx(near[n].deviation)

    dimensionality = found["dimensionality"]
    assert dimensionality["participation_ratio"] == pytest.approx(participation_ratio(rates))
    assert dimensionality["shattering"]["dichotomies"] == 126
    assert 0.5 < dimensionality["shattering"]["accuracy"] < 1


def test_keys_are_there_only_where_asked_for(command, subject):
    status, found, _ = command("evaluate", subject, "--samples", 5, "--steps", "2", "--json", "-")
    assert status == 0
    of_a_model = {"model", "elbo", "nll", "kl", "active_latents", "dead_latents"}
    everywhere = {"samples", "steps", "seed", "mse", "r2", "zeros", "spikes", "curve"}
    assert set(found) == everywhere | (of_a_model if subject.suffix != ".h5" else set())


def test_pictures_of_a_model_and_of_a_network(command, subject, tmp_path):
    words = ("evaluate", subject, "--samples", 9, "--steps", "5", "--pictures", tmp_path / "p")
    status, text, _ = command(*words)
    assert status == 0
    assert "pictures: " in text
    trained = ["training"] * (subject.suffix != ".h5")
    assert names(tmp_path / "p") == [*PICTURES, *trained]
    first = {path: path.read_bytes() for path in (tmp_path / "p").iterdir()}
    assert command(*words, "--json", "-")[1]["pictures"]
    assert {path: path.read_bytes() for path in (tmp_path / "p").iterdir()} == first


def test_pictures_of_images_of_ones_own(command, tmp_path, make_network):
    write_network(tmp_path / "n.h5", make_network())
    np.save(tmp_path / "x.npy", np.zeros((3, 12)))
    words = ("evaluate", tmp_path / "n.h5", "--images", tmp_path / "x.npy", "--steps", 1)
    assert command(*words, "--pictures", tmp_path / "p")[0] == 0
    assert names(tmp_path / "p") == PICTURES


def test_training_draws_pictures_and_shows_them_on_tensorboard(command, tmp_path, monkeypatch):
    shown = {}

    class Writer:
        def __init__(self, **_): ...
        def add_scalar(self, *_): ...
        def flush(self): ...
        def close(self): ...
        def add_image(self, name, pixels, epoch, dataformats):
            shown[name] = (pixels.shape[2], pixels.dtype, epoch, dataformats)

    stand_in = types.ModuleType("torch.utils.tensorboard")
    stand_in.SummaryWriter = Writer  # pyright: ignore[reportAttributeAccessIssue]
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", stand_in)
    out = tmp_path / "run"
    status, found, _ = command(
        "train", "--out", out, *TINY, "--pictures", "--tensorboard", "--json", "-"
    )
    assert status == 0
    assert names(out / "pictures") == [*PICTURES, "training"]
    assert found["pictures"] == [
        str(out / "pictures" / f"{n}.png")
        for n in ("dictionary", "reconstructions", "convergence", "samples", "training")
    ]
    assert shown == dict.fromkeys([*PICTURES, "training"], (3, np.dtype("uint8"), 2, "HWC"))
    status, text, _ = command("train", "--resume", "--out", out, "--pictures")
    assert status == 0
    assert f"ipvae evaluate {out} --pictures DIR" in text


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["--images", "x.npy", "--neighbours"], "--neighbours: needs labelled images"),
        (["--images", "x.npy", "--dimensionality"], "--dimensionality: needs labelled images"),
        (["--probe-images", "9"], "--probe-images: nothing is fitted"),
        (["--probe-images", "1438", "--probe"], "found 1438, allowed up to 1437"),
        (["--probe-images", "1", "--probe"], "--probe-images"),
        (["--pictures", "/proc/none"], "cannot write there"),
        (["--pictures", "{run}/model.json"], "cannot write there"),
    ],
)
def test_bad_use_is_one_line(command, run, words, part):
    filled = [word.format(run=run) for word in words]
    status, out, err = command("evaluate", run, "--samples", 3, "--steps", 2, *filled)
    assert (status, out) == (2, "")
    assert err.startswith("ipvae: ") and err.count("\n") == 1
    assert part in err


def test_training_figures_that_are_damaged_are_one_line(command, run, tmp_path):
    for name in ("model.safetensors", "model.json"):
        (tmp_path / name).write_bytes((run / name).read_bytes())
    good = json.dumps({"epoch": 1, "loss": 2.0})
    words = ("evaluate", tmp_path, "--samples", 3, "--steps", 2, "--pictures", tmp_path / "p")
    for content, line in ((f"{good}\n[1]\n", "line 2"), (f"{good}\n{{", "line 2")):
        (tmp_path / "metrics.jsonl").write_text(content)
        status, _, err = command(*words)
        assert (status, err.count("\n")) == (2, 1)
        assert f"metrics.jsonl: {line} is no JSON object" in err
    (tmp_path / "metrics.jsonl").write_text("")
    assert command(*words)[0] == 0
    assert names(tmp_path / "p") == PICTURES


def test_matplotlib_that_is_missing_is_one_line(command, run, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    for words in (
        ("evaluate", run, "--pictures", tmp_path / "p"),
        ("train", "--out", tmp_path / "r", *TINY, "--pictures"),
    ):
        status, _, err = command(*words)
        assert (status, err.count("\n")) == (2, 1)
        assert "--pictures: the package matplotlib cannot be imported" in err
    assert list(tmp_path.iterdir()) == []


def test_steps_of_the_curve_rise_two_an_octave():
    assert spaced(1) == [1]
    assert spaced(20) == [1, 2, 3, 4, 6, 8, 11, 16, 20]
    assert spaced(1000)[-2:] == [724, 1000]
