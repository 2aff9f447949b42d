# pyright: reportOptionalMemberAccess=false, reportOptionalOperand=false, reportOperatorIssue=false
# pyright: reportOptionalMemberAccess=false, reportOptionalSubscript=false
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false
"""`ipvae.evaluate` on own arrays and labels, in memory, with one seed and several."""

import json
from dataclasses import replace

import numpy as np
import pytest

import ipvae
from ipvae.emulator import recording
from ipvae.evaluation.classes.probe import linear_probe
from ipvae.evaluation.metrics import curve
from ipvae.float_models.checkpoint import save_checkpoint
from ipvae.float_models.inference.infer import infer
from ipvae.network.rules.arithmetic import to_nats
from ipvae.workflows.evaluation.seeds import mean_over_seeds

K, N = 10, 30
"""Neurons and images of the fixtures."""


@pytest.fixture(params=["model", "net"])
def either(request):
    return request.getfixturevalue(request.param)


def test_the_curve_of_a_network_is_that_of_its_trace(net, images):
    found = ipvae.evaluate(net, images, steps=(9, 2), seeds=(5,))
    z = recording.run(net, images.reshape(N, -1), 9, 5).stacked("1", "z")
    expected = curve(images.reshape(N, -1) / 255, {2: z[:, 2], 9: z[:, 9]}, net.decoder)
    assert [point["step"] for point in found.curve] == [2, 9]
    for point, other in zip(found.curve, expected, strict=True):
        assert point == pytest.approx(other)
    assert (found.images, found.neurons, found.steps, found.seeds) == (N, K, 9, (5,))
    assert found.r2 == found.curve[-1]["r2"] == found.to_json()["r2"]
    assert found.figures["spikes"] == z[:, 9].sum(axis=1).mean()


def test_the_curve_of_a_model_is_that_of_its_codes(model, images):
    found = ipvae.evaluate(model, images / 255, steps=6, samples=12)
    real = np.rint(images[:12].reshape(12, -1)) / 255
    z = infer(model.params, real.astype(np.float32), [6])[6].counts
    (point,) = found.curve
    (expected,) = curve(real, {6: z}, model.params["phi"])
    assert point == pytest.approx(expected, rel=1e-5)
    assert found.facts == {"model": "ipvae"}
    assert found.figures["elbo"] == pytest.approx(-found.figures["nll"] - found.figures["kl"])


@pytest.mark.parametrize("readout", ["mean", "rates"])
def test_other_read_outs_of_a_network_decode_means_or_rates(net, images, readout):
    flat = images.reshape(N, -1)
    found = ipvae.evaluate(net, images, steps=(2, 9), seeds=(5,), readout=readout)
    trace = recording.run(net, flat, 9, 5)
    z, u = (trace.stacked("1", name) for name in ("z", "u"))
    codes = {2: z[:, 2], 9: z[:, 8:10].mean(axis=1)}
    if readout == "rates":
        codes = {t: np.exp(to_nats(u[:, t], net.layer.frac_bits)) for t in (2, 9)}
    expected = curve(flat / 255, codes, net.decoder)
    drawn = ipvae.evaluate(net, images, steps=(2, 9), seeds=(5,))
    for point, other, plain in zip(found.curve, expected, drawn.curve, strict=True):
        assert point["r2"] == pytest.approx(other["r2"]) and point["mse"] == pytest.approx(
            other["mse"]
        )
        assert point["zeros"] == plain["zeros"]
    assert found.to_json()["readout"] == readout and "readout" not in drawn.to_json()


def test_averaged_counts_of_a_model_are_of_its_last_steps(model, images):
    found = ipvae.evaluate(model, images / 255, steps=9, readout="mean")
    real = images.reshape(N, -1) / 255
    states = infer(model.params, real.astype(np.float32), [8, 9])
    codes = (states[8].counts + states[9].counts) / 2
    (expected,) = curve(real, {9: codes}, model.params["phi"])
    assert found.r2 == pytest.approx(expected["r2"], rel=1e-4)


def test_averages_that_cannot_be_are_refused(net, model, images):
    with pytest.raises(
        ipvae.IpvaeError, match="readout: found 'median', allowed draw, mean, rates"
    ):
        ipvae.evaluate(net, images, readout="median")
    with pytest.raises(ipvae.IpvaeError, match="readout=mean: images that stop early"):
        ipvae.evaluate(net, images, readout="mean", stop="r2")
    with pytest.raises(ipvae.IpvaeError, match="readout=mean: .* has no counts to average"):
        ipvae.evaluate(model, images, readout="mean", inference="lca")


def test_labels_given_with_images_are_fitted_on_their_first_half(either, images, labels):
    found = ipvae.evaluate(either, images, labels, steps=20, probe=True)
    of = ipvae.evaluate(either, images, steps=20)
    half = N // 2
    separate = ipvae.evaluate(
        either,
        images[half:],
        labels[half:],
        steps=20,
        train_images=images[:half],
        train_labels=labels[:half],
        probe=True,
    )
    assert found.curve == of.curve and of.accuracy is None
    assert found.figures["probe_train_images"] == separate.figures["probe_train_images"] == half
    assert 0 < found.accuracy <= 1 and 0 < separate.accuracy <= 1


def test_the_classifier_is_that_of_the_rates(net, images, labels):
    found = ipvae.evaluate(net, images, labels, steps=20, probe=True)
    u = recording.run(net, images.reshape(N, -1), 20, 0).stacked("1", "u")[:, 20]
    rates = np.exp(u * np.log(2) / 2**net.layer.frac_bits)
    half = N // 2
    expected = linear_probe(rates[:half], labels[:half], rates[half:], labels[half:])
    assert found.accuracy == expected.accuracy


def test_labels_may_come_from_a_file(net, images, labels, tmp_path):
    np.save(tmp_path / "x.npy", images)
    np.save(tmp_path / "y.npy", labels)
    np.savez(tmp_path / "both.npz", images=images, labels=labels)
    expected = ipvae.evaluate(net, images, labels, steps=5, probe=True).to_json()
    two = ipvae.evaluate(net, tmp_path / "x.npy", tmp_path / "y.npy", steps=5, probe=True)
    one = ipvae.evaluate(net, tmp_path / "both.npz", steps=5, probe=True)
    assert two.to_json() == one.to_json() == expected


def test_several_seeds_give_means_and_deviations(either, images):
    seeds = (3, 0, 8)
    options = {"steps": (2, 9), "sparsity": True, "changes": ("invert", ("noise", 0.1))}
    found = ipvae.evaluate(either, images, seeds=seeds, **options)
    alone = [ipvae.evaluate(either, images, seeds=(seed,), **options) for seed in seeds]
    assert [one.to_json() for one in found.by_seed] == [one.to_json() for one in alone]
    for i, point in enumerate(found.curve):
        for key in ("mse", "r2", "zeros"):
            values = [one.curve[i][key] for one in alone]
            assert len(set(values)) == 3
            assert point[key] == pytest.approx(np.mean(values))
            assert point[f"{key}_sd"] == pytest.approx(np.std(values, ddof=1))
    whole = found.to_json()
    assert whole["r2_sd"] == found.curve[-1]["r2_sd"] and whole["seeds"] == [3, 0, 8]
    sparse = [one.figures["lifetime_sparsity"] for one in alone]
    assert whole["lifetime_sparsity_sd"] == pytest.approx(np.std(sparse, ddof=1))
    noise = [one.figures["changes"][1]["clean_r2"] for one in alone]
    assert whole["changes"][1]["clean_r2"] == pytest.approx(np.mean(noise))
    assert whole["changes"][1]["value"] == 0.1 and "value_sd" not in whole["changes"][1]
    assert "mean +- deviation over 3 seeds" in found.shown()[0].title
    assert "+-" in found.shown()[0].rows[0][2]


def test_one_seed_adds_no_keys(either, images):
    found = ipvae.evaluate(either, images, steps=2).to_json()
    assert not [key for key in found if key.endswith("_sd")]
    assert not {"seeds", "by_seed"} & found.keys() and found["seed"] == 0


def test_means_over_seeds_of_every_sort_of_value():
    one = {"n": 4, "x": 1.0, "a": {"y": 2, "none": None}, "each": [1, 2], "name": "r", "up": None}
    two = {"n": 4, "x": 2.0, "a": {"y": 5, "none": None}, "each": [3, 2], "name": "r", "up": 0.5}
    assert mean_over_seeds([one, two]) == {
        "n": 4,
        "x": 1.5,
        "x_sd": pytest.approx(0.5**0.5),
        "a": {"y": 3.5, "y_sd": pytest.approx(4.5**0.5), "none": None},
        "each": [2.0, 2],
        "name": "r",
        "up": None,
        "up_sd": None,
    }


def test_images_that_stop_alone(net, images):
    found = ipvae.evaluate(net, images, steps=200, stop="r2", tolerance=1.0)
    assert found.figures["stop"]["budget"] == 200
    assert len(found.figures["stop"]["steps_of_each"]) == N
    assert "its last step" in "".join(map(str, found.shown()))
    several = ipvae.evaluate(net, images, steps=200, stop="r2", tolerance=1.0, seeds=(0, 1))
    assert "mean_sd" in several.figures["stop"]["steps"]


def test_the_command_line_gives_the_same(model, net, images, labels, tmp_path, capsys):
    from ipvae.cli.main import run_command

    save_checkpoint(tmp_path / "run", model)
    net.save(tmp_path / "net.h5")
    np.savez(tmp_path / "both.npz", images=images, labels=labels)
    for path in ("run", "net.h5"):
        found = ipvae.evaluate(
            tmp_path / path,
            tmp_path / "both.npz",
            steps=(2, 7),
            seeds=(4, 5),
            probe=True,
            changes=(("rotate", 90), "invert"),
        )
        words = ("--images", tmp_path / "both.npz", "--steps", "2,7", "--seed", 4, "--seeds", 2)
        more = ("--probe", "--rotate", 90, "--invert", "--json", "-")
        capsys.readouterr()
        assert run_command(["evaluate", *map(str, (tmp_path / path, *words, *more))]) == 0
        assert json.loads(capsys.readouterr().out) == found.to_json()


def test_a_shipped_model_goes_by_its_name():
    pytest.importorskip("skimage")  # its photographs
    found = ipvae.evaluate("patches", samples=3, steps=2)
    assert (found.name, found.images) == ("patches", 3)


def test_a_result_shows_itself(either, images):
    found = ipvae.evaluate(either, images, steps=(1, 2), seeds=(0, 1))
    text = repr(found)
    assert text.startswith("Evaluation(name: ") and "R2: " in text and len(text) < 200
    assert "<table>" in found._repr_html_()
    figure = found.plot()
    assert len(figure.axes) == 2 and len(figure.axes[0].collections) == 1


def test_pictures_are_drawn_of_the_same_run(either, images, tmp_path, monkeypatch):
    from ipvae.workflows.evaluables import model as models
    from ipvae.workflows.evaluables import network as networks

    runs = []
    for kind in (models.EvaluableModel, networks.EvaluableNetwork):
        infer_once = kind.infer

        def counted(self, *given, infer_once=infer_once, **more):
            runs.append(given[1])
            return infer_once(self, *given, **more)

        monkeypatch.setattr(kind, "infer", counted)
    found = ipvae.evaluate(either, images, steps=5, pictures=tmp_path / "p")
    assert runs == [[1, 2, 3, 4, 5]] and [point["step"] for point in found.curve] == [5]
    assert len(found.figures["pictures"]) == len(list((tmp_path / "p").iterdir())) == 4


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"steps": 0}, "steps: found 0, allowed one or more numbers of 1 and above"),
        ({"steps": ()}, "steps: found .*, allowed one or more"),
        ({"steps": (2.5,)}, "steps: found .*, allowed one or more"),
        ({"seeds": ()}, "seeds: found .*, allowed one or more different"),
        ({"seeds": (1, 1)}, "seeds: found .*, allowed one or more different"),
        ({"seeds": (-1,)}, "seeds: found .*, allowed"),
        ({"samples": 0}, "samples: found 0, allowed 1 and above"),
        ({"samples": 31}, "samples: found 31, allowed up to 30"),
        ({"probe": True}, "probe: needs labelled images; give labels="),
        ({"probe_images": 5}, "probe_images: nothing is fitted"),
        ({"train_images": 5}, "train_images: nothing is fitted"),
        ({"inference": "ista"}, "inference: found ista"),
        ({"threshold": 1.0}, "threshold: needs inference=lca"),
        ({"changes": ("blur",)}, "changes: found 'blur', allowed rotate"),
        ({"changes": (("shift", 4),)}, "shift: found '4', allowed whole pixels, up to 3"),
        ({"stop": "r3"}, "stop: found 'r3'"),
        ({"stop": "r2", "steps": (1, 2)}, "stop: does not go with several steps="),
    ],
)
def test_bad_arguments_are_refused_in_the_words_of_the_arguments(either, images, given, message):
    with pytest.raises(ipvae.IpvaeError, match=message):
        ipvae.evaluate(either, images, **given)


def test_labels_must_fit(either, images, labels):
    with pytest.raises(ipvae.IpvaeError, match=r"labels: .*allowed integers of shape \(30,\)"):
        ipvae.evaluate(either, images, labels[:5])
    with pytest.raises(ipvae.IpvaeError, match="labels: belong to images="):
        ipvae.evaluate(either, labels=labels)
    with pytest.raises(ipvae.IpvaeError, match="labels: none.npy: cannot be read"):
        ipvae.evaluate(either, images, "none.npy")
    with pytest.raises(ipvae.IpvaeError, match="train_images have no labels; give train_labels="):
        ipvae.evaluate(either, images, labels, probe=True, train_images=images)
    with pytest.raises(ipvae.IpvaeError, match="probe: training labels: found one class"):
        ipvae.evaluate(either, images, labels * 0, probe=True, steps=1)


def test_what_is_neither_model_nor_network_is_refused(model, net, images, tmp_path):
    with pytest.raises(ipvae.IpvaeError, match="allowed a model, a network or the path of one"):
        ipvae.evaluate(3)
    for name, message in (("x.net", "x.net: is empty"), ("x.nir", "import it first")):
        (tmp_path / name).write_text("")
        with pytest.raises(ipvae.IpvaeError, match=message):
            ipvae.evaluate(tmp_path / name)
    with pytest.raises(ipvae.IpvaeError, match="no folder or file 'nothing'"):
        ipvae.evaluate("nothing")
    with pytest.raises(ipvae.IpvaeError, match="images: none given, .*names no known data"):
        ipvae.evaluate(model)
    with pytest.raises(ipvae.IpvaeError, match="inference=lca: a network, which has its own"):
        ipvae.evaluate(net, inference="lca")
    with pytest.raises(
        ipvae.IpvaeError, match="scheduler: found a model, allowed with network files"
    ):
        ipvae.evaluate(model, images, scheduler="none")
    known = replace(net, test_labels=np.arange(len(net.test_images), dtype=np.int16) % 2)
    with pytest.raises(ipvae.IpvaeError, match="probe: no images to fit on"):
        ipvae.evaluate(known, steps=1, probe=True)
